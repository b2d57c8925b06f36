package session_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/galetest/conform"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/keyring"
	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/web"
)

// sealer returns an encryption with a key of its own.
func sealer(t *testing.T) session.Sealer {
	t.Helper()
	set := keyring.NewSet(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), keyring.Encryption)
	ring, err := keyring.Open(t.Context(), keyring.Options{Source: keyring.Text(set.Text())})
	assert.NoError(t, err)
	return ring.AEAD("sessions")
}

func cookieStore(t *testing.T, clock func() time.Time) *session.CookieStore {
	t.Helper()
	return session.NewCookieStore(session.CookieOptions{
		Sealer: sealer(t), Index: session.NewMemoryStore(session.MemoryOptions{}), Clock: clock,
	})
}

func TestCookieStoreConforms(t *testing.T) {
	t.Parallel()
	conform.SessionStore(t, func(t *testing.T) session.Store { return cookieStore(t, nil).InBrowsers() })
}

func TestCookieSession(t *testing.T) {
	t.Parallel()
	index := session.NewMemoryStore(session.MemoryOptions{})
	m := session.New(session.Options{Store: session.NewCookieStore(session.CookieOptions{Sealer: sealer(t), Index: index})})
	b := newBrowser(t, app(m))
	b.get("/put/cart/book")
	assert.Equal(t, b.body("/get/cart"), "book")
	b.get("/in/alice")
	assert.Equal(t, b.body("/who"), "alice")
	assert.Equal(t, b.body("/get/cart"), "book") // values go on
	b.get("/put/cart/pen")
	b.get("/put/hat/red")
	assert.Equal(t, b.body("/get/cart")+b.body("/get/hat"), "penred")

	all, err := index.ByUser(t.Context(), "alice")
	assert.NoError(t, err)
	assert.Equal(t, len(all), 1)
	kept, err := index.Load(t.Context(), all[0].Hash)
	assert.NoError(t, err)
	assert.Equal(t, string(kept.Data), "") // the server keeps no values
	if strings.Contains(b.token(), base64.RawURLEncoding.EncodeToString([]byte("red"))) {
		t.Error("the cookie shows a value")
	}
	assert.NoError(t, m.RevokeAll(t.Context(), "alice", ""))
	assert.Equal(t, b.body("/who"), "")
}

// The cookie of a session that was signed out, or from before a sign-in, is
// worth nothing though its values can still be decrypted.
func TestAnOldCookieOfACookieSession(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, app(session.New(session.Options{Store: cookieStore(t, nil)})))
	b.get("/put/cart/book")
	planted := b.token()
	b.get("/in/alice")
	signedIn := b.token()
	token := func(s string) string { token, _, _ := strings.Cut(s, "."); return token }
	assert.True(t, token(planted) != token(signedIn), "the token did not change at sign-in")
	b.get("/out")
	for _, old := range []string{planted, signedIn} {
		b.cookies["__Host-session"] = old
		assert.Equal(t, b.body("/who")+b.body("/get/cart"), "")
	}
}

// Values of another session, of another key, of before, and made up.
func TestSwappedValues(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	h := app(session.New(session.Options{Store: cookieStore(t, clock), Clock: clock}))
	b, other := newBrowser(t, h), newBrowser(t, h)
	b.get("/in/alice")
	b.get("/put/coupon/valid")
	other.get("/in/mallory")
	other.get("/put/coupon/huge")
	token, values, _ := strings.Cut(b.token(), ".")
	_, theirs, _ := strings.Cut(other.token(), ".")
	raw, err := base64.RawURLEncoding.DecodeString(values)
	assert.NoError(t, err)
	sealed, err := sealer(t).Seal(append(bytes.Repeat([]byte{0}, 7), "\x02{}"...), nil)
	assert.NoError(t, err)
	bad := []string{"", theirs, values + "A", strings.Repeat("A", 5000), "%", ".", values[1:], base64.RawURLEncoding.EncodeToString(sealed)}
	for i := range raw {
		raw[i] ^= 1
		bad = append(bad, base64.RawURLEncoding.EncodeToString(raw))
		raw[i] ^= 1
	}
	for _, v := range bad {
		b.cookies["__Host-session"] = token + "." + v
		if got := b.body("/get/coupon"); got != "" {
			t.Errorf("%.40q…: got %q", v, got)
		}
		assert.Equal(t, b.body("/who"), "alice")
	}

	before := token + "." + values
	b.cookies["__Host-session"] = before
	b.get("/put/coupon/spent")
	b.cookies["__Host-session"] = before // a request that is under way
	assert.Equal(t, b.body("/get/coupon"), "valid")
	now = now.Add(31 * time.Second)
	b.cookies["__Host-session"] = before
	assert.Equal(t, b.body("/get/coupon"), "")
	assert.Equal(t, b.body("/who"), "alice")
}

func TestRenewalOfACookieSession(t *testing.T) {
	t.Parallel()
	m := session.New(session.Options{Store: cookieStore(t, nil)})
	inner := app(m)
	b := newBrowser(t, m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/renew" {
			assert.NoError(t, session.From(r.Context()).Renew(r.Context()))
		}
		inner.ServeHTTP(w, r)
	})))
	b.get("/in/alice")
	b.get("/put/cart/book")
	old := b.token()
	b.get("/renew")
	assert.Equal(t, b.body("/who")+b.body("/get/cart"), "alicebook")
	b.cookies["__Host-session"] = old
	assert.Equal(t, b.body("/who")+b.body("/get/cart"), "")
}

func TestCookieSessionBounds(t *testing.T) {
	t.Parallel()
	m := session.New(session.Options{Store: cookieStore(t, nil)})
	var late error
	h := m.Middleware(web.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		s := session.From(r.Context())
		if r.URL.Path == "/late" {
			_, err := w.Write([]byte("began"))
			late = errors.Join(s.Put("k", "v"), s.Save(r.Context()))
			return err
		}
		const quotes = len(`{"v":{"k":""}}`)
		return s.Put("k", strings.Repeat("x", 2<<10-quotes))
	}))
	b := newBrowser(t, h)
	b.get("/full")
	size := len("__Host-session=") + len(b.token())
	assert.True(t, size > 2<<10 && size <= 4096, fmt.Sprintf("the cookie has %d bytes", size))
	b.get("/late")
	assert.ErrorIs(t, late, session.ErrHeaderSent)
}
