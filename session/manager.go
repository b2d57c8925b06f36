package session

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/web"
)

// Options configure a [Manager]. The zero value is safe and keeps sessions in
// memory.
type Options struct {
	// Store keeps the sessions. Defaults to a [MemoryStore], which forgets
	// them at a restart.
	Store Store
	// Idle ends a session that was not used for so long. Defaults to 12 hours:
	// who works through the day stays signed in, a laptop left overnight does
	// not. NIST SP 800-63B-4 asks at most 1 hour for assurance level 2.
	Idle time.Duration
	// Lifetime ends a session however much it is used, counted from sign-in.
	// Defaults to 30 days, the limit of SP 800-63B-4 for assurance level 1;
	// level 2 asks 24 hours.
	Lifetime time.Duration
	// TouchEvery is how often use of a session is written down at most, so
	// that reading pages does not write to the store each time. A session may
	// end up to so much before Idle has passed. Defaults to 1 minute, or
	// Idle/4 where that is less.
	TouchEvery time.Duration
	// Cookie is the cookie's name. Unless Insecure is set it begins with
	// "__Host-", which browsers accept only from this very host, over HTTPS
	// and for every path: a sibling domain cannot plant a session. Defaults to
	// "__Host-session", and to "session" with Insecure.
	Cookie string
	// Insecure drops Secure and the "__Host-" rule from the cookie, for
	// development over plain HTTP on an address other than localhost,
	// 127.0.0.1 and [::1]: there Chromium and Firefox take the secure cookie
	// also over plain HTTP, Safari does not. Anyone on the network can take
	// over such a session.
	Insecure bool
	// MaxBytes bounds the values of one session, encoded. Defaults to 4 KiB, and
	// to 2 KiB with a [CookieStore], the most that fits there: a session is read
	// on most requests, so keep ids in it, not objects.
	MaxBytes int
	// MaxPerUser bounds the open sessions of one user: a script that signs in
	// without keeping its cookie must not fill the store. Signing in ends those
	// that were last used longest ago. Defaults to 100.
	MaxPerUser int
	// Addr returns the client's address for the user's list of sessions.
	// Defaults to the host of RemoteAddr; behind a proxy give the address that
	// middleware.ClientIP found.
	Addr func(*http.Request) string
	// Ended is told of each session of a user that ends before its time: by
	// SignOut, Revoke or RevokeAll, by MaxPerUser or, where Renewed is not set, by a
	// second SignIn. What the session opened besides requests, such
	// as a WebSocket, can be closed then. It must be quick. Defaults to nothing.
	Ended func(ctx context.Context, user, id string)
	// Renewed is told of each session of a user that has a new token, by Renew or
	// by a second SignIn, just before the response that brings it: somebody else
	// may have the old one. What was opened with it besides requests should be
	// closed; a browser may open it again with the new one. It must be quick.
	// Defaults to nothing.
	Renewed func(ctx context.Context, user, id string)
	// Clock tells the time. Defaults to [time.Now].
	Clock func() time.Time
}

// Manager opens, keeps and ends sessions. It is safe for concurrent use.
type Manager struct {
	o         Options
	nextSweep atomic.Int64 // Unix nanoseconds
	warned    atomic.Bool
	sealed    bool // Store is a CookieStore
}

// New returns a manager. It panics when an option makes no sense.
func New(o Options) *Manager {
	o.Idle = cmp.Or(o.Idle, 12*time.Hour)
	o.Lifetime = cmp.Or(o.Lifetime, 30*24*time.Hour)
	o.TouchEvery = cmp.Or(o.TouchEvery, min(time.Minute, o.Idle/4))
	_, sealed := o.Store.(*CookieStore)
	maxBytes := 4 << 10
	if sealed {
		maxBytes = cookieBytes
	}
	o.MaxBytes = cmp.Or(o.MaxBytes, maxBytes)
	o.MaxPerUser = cmp.Or(o.MaxPerUser, 100)
	if o.Cookie == "" {
		o.Cookie = hostPrefix + "session"
		if o.Insecure {
			o.Cookie = "session"
		}
	}
	switch {
	case o.Idle < 0 || o.Lifetime < 0 || o.TouchEvery < 0 || o.MaxBytes < 0 || o.MaxPerUser < 0:
		panic("session: an option is negative; leave it 0 for its default")
	case sealed && o.MaxBytes > cookieBytes:
		panic("session: Options.MaxBytes is more than fits into a cookie; at most 2048 with a CookieStore")
	case o.TouchEvery >= o.Idle:
		panic("session: Options.TouchEvery is not below Idle, so that sessions in use would end; lower it")
	case !o.Insecure && !strings.HasPrefix(o.Cookie, hostPrefix):
		panic("session: Options.Cookie does not begin with " + hostPrefix + "; add it, or set Insecure for development")
	case o.Insecure && strings.HasPrefix(o.Cookie, "__"):
		panic("session: browsers refuse an Insecure cookie named " + o.Cookie + "; drop the prefix")
	case (&http.Cookie{Name: o.Cookie}).Valid() != nil:
		panic("session: Options.Cookie is not a cookie name; use letters, digits, - and _")
	}
	if o.Store == nil {
		o.Store = NewMemoryStore(MemoryOptions{})
	}
	if o.Addr == nil {
		o.Addr = remoteHost
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Manager{o: o, sealed: sealed}
}

func remoteHost(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// now returns the time as records hold it, so that what comes back from a
// store equals what went in.
func (m *Manager) now() time.Time { return m.o.Clock().UTC().Truncate(time.Millisecond) }

// expires returns when r ends unless it is used before. It is computed, not
// read from r, so that a shorter Idle or Lifetime applies to old sessions too.
func (m *Manager) expires(r *Record) time.Time {
	idle, end := r.Seen.Add(m.o.Idle), r.Created.Add(m.o.Lifetime)
	if idle.Before(end) {
		return idle
	}
	return end
}

// sweepEvery is how often expired records are looked for. They are refused
// from the moment they expire; sweeping only frees their room.
const sweepEvery = 10 * time.Minute

// sweep removes expired records now and then. It runs in the request that
// begins a session, since only those make the store grow.
func (m *Manager) sweep(ctx context.Context, now time.Time) {
	next := m.nextSweep.Load()
	if now.UnixNano() < next || !m.nextSweep.CompareAndSwap(next, now.Add(sweepEvery).UnixNano()) {
		return
	}
	if err := sweep(bare{ctx}, m.o.Store, now); err != nil {
		obs.Logger(ctx).WarnContext(ctx, "session: expired sessions were not removed", "error", err)
	}
}

// bare is a context without its values: what db.Also has added belongs to the
// session that begins, not to those that are swept.
type bare struct{ context.Context }

// Value implements [context.Context].
func (bare) Value(any) any { return nil }

// unavailable makes the answer to a request whose session cannot be read or
// written: trying again later is the right thing to do.
func unavailable(err error) error {
	return &web.Error{
		Status:  http.StatusServiceUnavailable,
		Code:    "session_unavailable",
		Message: "Your session cannot be reached at the moment. Please try again.",
		Header:  http.Header{"Retry-After": {"5"}},
		Err:     err,
	}
}
