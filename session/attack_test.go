package session_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/session"
)

// The attacker opens a session, plants its cookie in the victim's browser and
// waits for the victim to sign in.
func TestFixation(t *testing.T) {
	t.Parallel()
	h := app(session.New(session.Options{}))
	attacker, victim := newBrowser(t, h), newBrowser(t, h)
	attacker.get("/put/cart/book")
	planted := attacker.token()
	victim.cookies["__Host-session"] = planted
	victim.get("/in/alice")
	assert.Equal(t, victim.body("/who"), "alice")
	assert.True(t, victim.token() != planted, "the token did not change at sign-in")
	assert.Equal(t, attacker.body("/who"), "")
	assert.Equal(t, attacker.body("/get/cart"), "")
}

// The attacker plants a token that never came from the server.
func TestAnInventedTokenIsNotAdopted(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, app(session.New(session.Options{})))
	invented := base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	b.cookies["__Host-session"] = invented
	b.get("/put/k/v")
	assert.True(t, b.token() != invented, "the invented token was adopted")
	assert.Equal(t, b.body("/get/k"), "v")
}

func TestReplayAfterSignOut(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, app(session.New(session.Options{})))
	b.get("/in/alice")
	stolen := b.token()
	b.get("/out")
	assert.Equal(t, b.token(), "")
	b.cookies["__Host-session"] = stolen
	assert.Equal(t, b.body("/who"), "")
	b.get("/put/k/v") // and what is done with it does not revive it
	b.cookies["__Host-session"] = stolen
	assert.Equal(t, b.body("/who"), "")
}

func TestTheTokenBeforeRenewalIsDead(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, app(session.New(session.Options{})))
	b.get("/in/alice")
	old := b.token()
	b.get("/in/alice") // confirming the password
	assert.True(t, b.token() != old, "the token did not change")
	b.cookies["__Host-session"] = old
	assert.Equal(t, b.body("/who"), "")
}

// A request that began before sign-out is still at work, and saves after it.
func TestALateRequestDoesNotReviveASession(t *testing.T) {
	t.Parallel()
	m := session.New(session.Options{})
	inner := app(m)
	b := newBrowser(t, inner)
	b.get("/in/alice")
	other := newBrowser(t, inner)
	other.cookies["__Host-session"] = b.token()
	late := newBrowser(t, m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.NoError(t, session.From(r.Context()).Put("k", "v"))
		other.get("/out")
		w.WriteHeader(http.StatusNoContent)
	})))
	late.cookies["__Host-session"] = b.token()
	w := late.get("/")
	assert.Equal(t, w.Code, http.StatusNoContent)
	assert.Equal(t, len(w.Result().Cookies()), 0)
	assert.Equal(t, b.body("/who"), "")
}

func TestValuesOfAnotherUserDoNotStay(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, app(session.New(session.Options{})))
	b.get("/put/cart/book")
	b.get("/in/alice")
	assert.Equal(t, b.body("/get/cart"), "book")
	b.get("/put/iban/SE12")
	b.get("/in/bob")
	assert.Equal(t, b.body("/who"), "bob")
	assert.Equal(t, b.body("/get/iban"), "")
}

func TestGarbageNeverReachesTheStore(t *testing.T) {
	t.Parallel()
	good := strings.Repeat("A", 43)
	for name, header := range map[string]string{
		"empty":         "__Host-session=",
		"short":         "__Host-session=" + good[1:],
		"long":          "__Host-session=" + good + "A",
		"huge":          "__Host-session=" + strings.Repeat("A", 1<<20),
		"not base64url": "__Host-session=" + good[1:] + "+",
		"loose bits":    "__Host-session=" + good[1:] + "B",
		"quoted":        `__Host-session="` + good[2:] + `"`,
		"SQL":           "__Host-session=' OR 1=1 --",
		"two cookies":   "__Host-session=" + good + "; __Host-session=" + good[1:] + "E",
		"other case":    "__host-session=" + good,
		"no prefix":     "session=" + good,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := newSpy()
			h := app(session.New(session.Options{Store: store}))
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/who", nil)
			r.Header.Set("Cookie", header)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			assert.Equal(t, w.Code, http.StatusOK)
			assert.Equal(t, w.Body.String(), "")
			assert.Equal(t, store.loads, 0)
		})
	}
}

// dump keeps what a thief would find in the store.
type dump struct {
	session.Store
	seen strings.Builder
}

func (d *dump) Save(ctx context.Context, was session.Hash, r session.Record) error {
	fmt.Fprintf(&d.seen, "%s %x %v\n", r.Hash, r.Hash, r)
	fmt.Fprintf(&d.seen, "%s %s\n", base64.RawURLEncoding.EncodeToString(r.Hash[:]), r.Data)
	return d.Store.Save(ctx, was, r)
}

func TestAStolenStoreOpensNothing(t *testing.T) {
	t.Parallel()
	d := &dump{Store: session.NewMemoryStore(session.MemoryOptions{})}
	h := app(session.New(session.Options{Store: d}))
	b := newBrowser(t, h)
	b.get("/in/alice")
	raw, err := base64.RawURLEncoding.DecodeString(b.token())
	assert.NoError(t, err)
	assert.True(t, d.seen.Len() > 0, "nothing was stored")
	for _, secret := range []string{b.token(), string(raw), fmt.Sprintf("%x", raw)} {
		assert.True(t, !strings.Contains(d.seen.String(), secret), "the store has the token")
	}
	thief := newBrowser(t, h)
	for field := range strings.FieldsSeq(d.seen.String()) {
		thief.cookies["__Host-session"] = field
		assert.Equal(t, thief.body("/who"), "")
	}
}

func TestTokensDiffer(t *testing.T) {
	t.Parallel()
	h := app(session.New(session.Options{}))
	seen := map[string]bool{}
	for range 100 {
		b := newBrowser(t, h)
		b.get("/in/alice")
		assert.Equal(t, len(b.token()), 43)
		seen[b.token()] = true
	}
	assert.Equal(t, len(seen), 100)
}

func TestCookieAttributes(t *testing.T) {
	t.Parallel()
	now := time.Now()
	fixed := func() time.Time { return now }
	w := newBrowser(t, app(session.New(session.Options{Clock: fixed}))).get("/in/alice")
	c := w.Header().Get("Set-Cookie")
	name, rest, _ := strings.Cut(c, "=")
	_, attributes, _ := strings.Cut(rest, "; ")
	assert.Equal(t, name, "__Host-session")
	assert.Equal(t, attributes, "Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=Lax")

	w = newBrowser(t, app(session.New(session.Options{Insecure: true}))).get("/in/alice")
	c = w.Header().Get("Set-Cookie")
	assert.True(t, strings.HasPrefix(c, "session=") && !strings.Contains(c, "Secure"), c)
	assert.Contains(t, c, "HttpOnly; SameSite=Lax")
}

// Without "remember me" the cookie goes with the browser, for every token that
// the session gets and whoever had one there before; with it, it stays.
func TestEndWithBrowser(t *testing.T) {
	t.Parallel()
	m := session.New(session.Options{})
	b := newBrowser(t, m.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s := session.From(r.Context())
		if brief := r.URL.Query().Get("brief"); brief != "" {
			s.EndWithBrowser(brief == "true")
		}
		assert.NoError(t, s.SignIn(r.Context(), r.URL.Query().Get("user")))
	})))
	for _, step := range []struct {
		query string
		brief bool
	}{
		{"user=alice", false},
		{"user=alice&brief=true", true},
		{"user=alice", true}, // a new token, as for a second factor
		{"user=alice&brief=false", false},
		{"user=bob&brief=true", true},
		{"user=carol&brief=true", true},
		{"user=carol&brief=false", false},
	} {
		c := b.get("/?" + step.query).Header().Get("Set-Cookie")
		assert.Contains(t, c, "HttpOnly; Secure; SameSite=Lax")
		if strings.Contains(c, "Max-Age") == step.brief || strings.Contains(c, "Expires") {
			t.Errorf("%s: the cookie is %s", step.query, c)
		}
	}
}

// A shared cache in front of the application would hand one user's cookie or
// page to the next.
func TestNoCacheKeepsASession(t *testing.T) {
	t.Parallel()
	m := session.New(session.Options{})
	public := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=3600")
		w.Header().Set("Vary", "Accept-Encoding")
		assert.NoError(t, session.From(r.Context()).SignIn(r.Context(), "alice"))
	}))
	h := newBrowser(t, public).get("/").Header()
	assert.Equal(t, h.Get("Cache-Control"), "no-store")
	assert.Equal(t, h.Values("Vary"), []string{"Accept-Encoding", "Cookie"})

	b := newBrowser(t, app(m))
	h = b.get("/static").Header()
	assert.Equal(t, h.Get("Vary")+h.Get("Cache-Control"), "")
	h = b.get("/who").Header()
	assert.Equal(t, h.Get("Vary"), "Cookie")
	assert.Equal(t, h.Get("Cache-Control"), "")
	b.get("/put/cart/book") // nobody is signed in, and yet the page is somebody's
	h = b.get("/who").Header()
	assert.Equal(t, h.Get("Cache-Control"), "private, no-cache")
	b.get("/in/alice")
	h = b.get("/who").Header()
	assert.Equal(t, h.Get("Cache-Control"), "private, no-cache")
	assert.Equal(t, b.get("/out").Header().Get("Cache-Control"), "no-store")
}

// What a client claims to be is stored and shown; it must fit every database.
func TestHostileUserAgent(t *testing.T) {
	t.Parallel()
	m := session.New(session.Options{})
	b := newBrowser(t, app(m))
	b.agent = "a\x00b\xff" + strings.Repeat("ж", 10_000)
	b.get("/in/alice")
	infos, err := m.List(t.Context(), "alice")
	assert.NoError(t, err)
	got := infos[0].UserAgent
	assert.True(t, len(got) <= 200 && strings.HasPrefix(got, "abж") && strings.ToValidUTF8(got, "") == got, got)
}
