package session

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/galeweb/gale/internal/ctxkey"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/web"
)

var (
	// ErrHeaderSent is returned for what needs a new cookie when the response
	// header has gone.
	ErrHeaderSent = errors.New("session: the response header has gone; do this before writing the body")
	// ErrTooLarge is returned when values exceed [Options].MaxBytes.
	ErrTooLarge = errors.New("session: too much in the session; keep it in the database and its id here")
)

var sessionKey = ctxkey.New[*Session]("session.Session")

// Session is the session of one request, made by [Manager.Middleware] and
// found by [From]. It exists in the store, and as a cookie, from the first
// value or sign-in on. It is safe for concurrent use, as long as the request
// lasts.
type Session struct {
	m    *Manager
	w    *web.Writer
	r    *http.Request
	node ctxkey.Node[*Session]

	mu         sync.Mutex
	sent       bool // the response header has gone
	unattended bool // the request is no use of it
	*state          // nil until somebody asks: most requests of programs never do

	sealed *sealedCookie // with a CookieStore only
}

// state is what is known of a session that somebody asked for.
type state struct {
	err     error  // why the store could not be read
	rec     Record // as stored; Version 0 when it is not
	decoded bool   // the next two are
	stored  data   // what rec.Data holds
	current data   // stored with changes
	changes changes
	touch   bool      // Seen is to be written
	token   string    // cookie to be sent
	clear   bool      // cookie to be removed
	renewed []Record  // whose token was replaced; Options.Renewed is yet to be told
	bound   string    // stamp for the next token
	lines   [2]string // room for the lines of two response headers
}

// storing returns ctx for calls of the store, which may need the cookie.
func (s *Session) storing(ctx context.Context) context.Context {
	if s.sealed == nil {
		return ctx
	}
	s.sealed.closed = s.sent
	return sealedKey.With(ctx, s.sealed)
}

// From returns the session of the request that ctx belongs to, never nil. It
// asks the store the first time, if the request has a session cookie. When the
// store does not answer, the session is empty, cannot be changed, and
// [Session.Err] says so. From panics outside [Manager.Middleware].
func From(ctx context.Context) *Session {
	s, ok := sessionKey.Value(ctx)
	if !ok {
		panic("session: From outside of Manager.Middleware; put it around the router")
	}
	s.load(ctx)
	return s
}

func (s *Session) load(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != nil {
		return
	}
	s.state = &state{}
	h, ok := s.cookieHash()
	if !ok {
		return
	}
	rec, err := s.m.o.Store.Load(s.storing(ctx), h)
	if err != nil {
		if !errors.Is(err, ErrNotFound) {
			s.err = unavailable(fmt.Errorf("session: load: %w", err))
		}
		return
	}
	now := s.m.now()
	if !now.Before(s.m.expires(&rec)) {
		return
	}
	s.adopt(rec)
	s.touch = !s.unattended && now.Sub(rec.Seen) >= s.m.o.TouchEvery
}

// adopt makes rec, as the store has it, the state of s.
func (s *Session) adopt(rec Record) {
	s.rec = rec
	s.decoded = false
}

// values returns the values with the changes. They are decoded when somebody
// asks: most requests ask only who is signed in.
func (s *Session) values() data {
	if !s.decoded {
		s.stored, s.decoded = decode(s.rec.Data), true
		s.current = s.changes.apply(s.stored)
	}
	return s.current
}

// changed has values reflect the changes.
func (s *Session) changed() {
	if s.decoded {
		s.current = s.changes.apply(s.stored)
	}
}

// Err returns why the session could not be loaded, or nil. It is a
// [*web.Error] with status 503: guards return it instead of taking a user for
// signed out.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// User returns the id given to [Session.SignIn], or "".
func (s *Session) User() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rec.User
}

// ID returns the session's name in [Manager.List], or "" before it is stored.
// It is not the token and opens nothing.
func (s *Session) ID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rec.ID
}

// Created returns when the user signed in, or an anonymous session began; the
// zero time before it is stored.
func (s *Session) Created() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rec.Created
}

// Expires returns when the session ends unless it is used; the zero time before it
// is stored. For what lives longer than the request, ask [Manager.Expires] then.
func (s *Session) Expires() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rec.Version == 0 {
		return time.Time{}
	}
	return s.m.expires(&s.rec)
}

// Stamp returns the stamp of the session as it is stored, or "".
func (s *Session) Stamp() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rec.Stamp
}

// Bind has the next SignIn or Renew store stamp with the session: a text that
// says by what the user has proved to be one, such as a hash of the password's
// hash. Whoever compares it at each request has ended all sessions with the
// password, those too that begin while it is changed. Package auth does.
func (s *Session) Bind(stamp string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bound = stamp
}

// Disown makes the session of this request an empty one that is not stored. What
// is in the store stays, and so does the cookie: another request may be about to
// replace both.
func (s *Session) Disown() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reset()
}

// SignIn begins a new session for user, at once in the store, and ends the one
// that the request came with: a token from before signing in, which somebody
// else may know, never becomes a signed-in one. Values stay, unless they are
// of another user. In a database the new session is the first change that ctx is
// given to, so that a record can be stored with it (see audit.Log.With).
func (s *Session) SignIn(ctx context.Context, user string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case user == "":
		return errors.New("session: SignIn without a user id")
	case s.err != nil:
		return s.err
	case s.sent:
		return ErrHeaderSent
	}
	keep := s.values()
	if s.rec.User != "" && s.rec.User != user {
		keep = data{}
		if brief := s.values().Values[briefKey]; brief != nil {
			keep.Values = map[string]json.RawMessage{briefKey: brief}
		}
	}
	rec, token := s.begin(user)
	rec.Stamp = s.bound
	var err error
	if rec.Data, err = keep.encode(); err != nil {
		return fmt.Errorf("session: sign in: %w", err)
	}
	s.m.sweep(ctx, rec.Created)
	if err := s.m.o.Store.Save(s.storing(ctx), rec.Hash, rec); err != nil {
		return unavailable(fmt.Errorf("session: sign in: %w", err))
	}
	if s.rec.Version > 0 {
		// On failure nobody has the new token, so that only the old session
		// stays, as it was.
		if err := s.m.drop(ctx, &s.rec); err != nil {
			return unavailable(fmt.Errorf("session: sign in: end the old session: %w", err))
		}
		if s.m.o.Renewed != nil {
			s.renewed = append(s.renewed, s.rec)
		} else {
			s.m.ended(ctx, s.rec.User, s.rec)
		}
	}
	if err := s.m.crowd(ctx, user); err != nil {
		obs.Logger(ctx).WarnContext(ctx, "session: sessions beyond Options.MaxPerUser were not ended", "error", err)
	}
	rec.Version++
	s.changes, s.touch = changes{}, false
	s.adopt(rec)
	s.give(token)
	return nil
}

// give has the response bring a token.
func (s *Session) give(token string) {
	s.token, s.clear = token, false
	if s.sealed != nil {
		s.sealed.token = token
	}
}

// SignOut ends the session, at once in the store, and removes the cookie. What
// is put into the session afterwards begins an anonymous one. The end is the only
// change that ctx is given to.
func (s *Session) SignOut(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	if s.rec.Version > 0 {
		if err := s.m.drop(ctx, &s.rec); err != nil {
			return unavailable(fmt.Errorf("session: sign out: %w", err))
		}
		s.m.ended(ctx, s.rec.User, s.rec)
	}
	s.reset()
	s.clear = true
	return nil
}

// reset makes s a session that is not stored.
func (s *Session) reset() {
	s.changes, s.touch, s.token = changes{}, false, ""
	s.adopt(Record{})
}

// begin returns a record that was never saved, and its token.
func (s *Session) begin(user string) (Record, string) {
	token := newToken()
	h, _ := hashToken(token)
	rec := Record{Hash: h, ID: rand.Text(), User: user, Created: s.m.now()}
	s.see(&rec, rec.Created)
	return rec, token
}

// see writes down that the session is used now, and from where.
func (s *Session) see(rec *Record, now time.Time) {
	const maxUserAgent, maxAddr = 200, 64
	rec.Seen = now
	rec.Expires = s.m.expires(rec)
	rec.UserAgent = clip(s.r.UserAgent(), maxUserAgent)
	rec.Addr = clip(s.m.o.Addr(s.r), maxAddr)
}

// clip returns at most n bytes of s as text that every database stores:
// Postgres refuses NUL and broken UTF-8, and headers may hold the latter.
func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\x00", "")
}
