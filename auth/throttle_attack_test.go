package auth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/middleware"
	"github.com/galeweb/gale/ratelimit"
	"github.com/galeweb/gale/web"
)

// login is a sign-in as the documentation has it, without sessions.
type login struct {
	throttle *auth.Throttle
	devices  *auth.Devices
	hasher   *auth.Hasher
	hashes   map[string]string // by account
	hashed   int               // how often a password was hashed
}

func (l *login) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	web.HandlerFunc(l.signIn).ServeHTTP(w, r)
}

func (l *login) signIn(w http.ResponseWriter, r *http.Request) error {
	name := r.FormValue("name")
	ok, err := l.throttle.Check(r.Context(), auth.Attempt{
		Account: name, Addr: middleware.ClientAddr(r.Context()), Device: l.devices.Known(r, name),
	}, func(ctx context.Context) (bool, error) {
		l.hashed++
		ok, _, err := l.hasher.Verify(ctx, r.FormValue("password"), l.hashes[name])
		return ok, err
	})
	if err != nil {
		return err
	}
	if !ok {
		return &web.Error{Status: http.StatusUnauthorized, Message: "Wrong name or password."}
	}
	if err := l.devices.Remember(w, r, name); err != nil {
		return err
	}
	return web.Redirect(w, r, "/", http.StatusSeeOther)
}

func newLogin(t *testing.T, clock *galetest.Clock) *login {
	hasher := auth.NewHasher(auth.HasherOptions{MemoryKiB: 8, Time: 1})
	hash, err := hasher.Hash(t.Context(), "correct horse")
	assert.NoError(t, err)
	return &login{
		throttle: auth.NewThrottle(auth.ThrottleOptions{Store: ratelimit.NewMemory(ratelimit.MemoryOptions{Clock: clock.Now})}),
		devices:  auth.NewDevices(auth.DevicesOptions{Signer: testSigner("k"), Clock: clock.Now}),
		hasher:   hasher,
		hashes:   map[string]string{"alice": hash},
	}
}

func post(h http.Handler, name, password string, change func(*http.Request)) *httptest.ResponseRecorder {
	form := url.Values{"name": {name}, "password": {password}}
	r := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.RemoteAddr = "203.0.113.66:4711"
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// Whether there is an account must show in nothing: not in the answers, not in
// when they begin to refuse, and not in the work that is done.
func TestAnUnknownAccountIsThrottledLikeAKnownOne(t *testing.T) {
	t.Parallel()
	var seen [2][]string
	for i, name := range []string{"alice", "nobody"} {
		clock := galetest.NewClock(t, time.Time{})
		l := newLogin(t, clock)
		h := middleware.ClientIP(middleware.ClientIPOptions{})(l)
		for range 40 {
			w := post(h, name, "wrong horse", nil)
			seen[i] = append(seen[i], fmt.Sprint(w.Code, w.Header(), w.Body, l.hashed))
			clock.Advance(7 * time.Second)
		}
	}
	assert.Equal(t, seen[0], seen[1])
	assert.Contains(t, strings.Join(seen[0], ""), "429")
}

func TestForwardedForGivesNoNewGuesses(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for name, tt := range map[string]struct{ peer, tail string }{
		"direct":          {"203.0.113.66:4711", ""},
		"through a proxy": {"10.0.0.1:4711", ", 203.0.113.66"},
	} {
		l := newLogin(t, galetest.NewClock(t, time.Time{}))
		h := middleware.ClientIP(middleware.ClientIPOptions{Trusted: proxies})(l)
		for i := range 200 { // another account and another claim each time
			post(h, fmt.Sprint("user", i), "wrong horse", func(r *http.Request) {
				r.RemoteAddr = tt.peer
				r.Header.Set("X-Forwarded-For", fmt.Sprintf("192.0.2.%d, 198.51.100.%d%s", i, i, tt.tail))
				r.Header.Set("X-Real-Ip", fmt.Sprintf("192.0.2.%d", i))
				r.Header.Set("Forwarded", fmt.Sprintf("for=192.0.2.%d", i))
			})
		}
		if l.hashed != 20 {
			t.Errorf("%s: %d passwords were looked at, want 20", name, l.hashed)
		}
	}
}

func TestTheOwnerGetsInDuringAnAttack(t *testing.T) {
	t.Parallel()
	l := newLogin(t, galetest.NewClock(t, time.Time{}))
	h := middleware.ClientIP(middleware.ClientIPOptions{})(l)
	before := post(h, "alice", "correct horse", nil)
	assert.Equal(t, before.Code, http.StatusSeeOther)
	for i := range 1000 {
		post(h, "alice", "wrong horse", func(r *http.Request) { r.RemoteAddr = fmt.Sprintf("10.1.%d.%d:80", i/250, i%250) })
	}
	assert.Equal(t, post(h, "alice", "correct horse", nil).Code, http.StatusTooManyRequests)
	with := func(r *http.Request) { r.AddCookie(before.Result().Cookies()[0]) }
	assert.Equal(t, post(h, "alice", "wrong horse", with).Code, http.StatusUnauthorized)
	assert.Equal(t, post(h, "alice", "correct horse", with).Code, http.StatusSeeOther)
}
