package auth_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
)

const day = 24 * time.Hour

func trustOf(t *testing.T) (*auth.Trust, *galetest.Clock) {
	clock := galetest.NewClock(t, time.Time{})
	return auth.NewTrust(auth.TrustOptions{Signer: testSigner("trust"), Clock: clock.Now}), clock
}

// trust has the browser remembered for a user.
func (b *browser) trust(t *testing.T, tr *auth.Trust, user, stamp string) {
	t.Helper()
	w := httptest.NewRecorder()
	assert.NoError(t, tr.Remember(w, b.request(), user, stamp))
	b.cookies = w.Result().Cookies()
}

func TestTrust(t *testing.T) {
	t.Parallel()
	tr, clock := trustOf(t)
	var b browser
	assert.True(t, !tr.Trusted(b.request(), "ann", "1"), "a new browser is trusted")
	b.trust(t, tr, "ann", "1")
	assert.True(t, tr.Trusted(b.request(), "ann", "1"), "not remembered")
	c := b.cookies[0]
	assert.Equal(t, c.Name, "__Host-trust")
	assert.True(t, c.Secure && c.HttpOnly && c.SameSite == http.SameSiteLaxMode && c.Path == "/" && c.Domain == "", c.String())
	assert.Equal(t, c.MaxAge, 30*24*60*60)

	clock.Advance(30*day - time.Second)
	assert.True(t, tr.Trusted(b.request(), "ann", "1"), "forgotten early")
	clock.Advance(time.Second)
	assert.True(t, !tr.Trusted(b.request(), "ann", "1"), "trusted after its lifetime")

	w := httptest.NewRecorder()
	tr.Forget(w)
	gone := w.Result().Cookies()[0]
	assert.True(t, gone.Name == c.Name && gone.MaxAge < 0 && gone.Secure && gone.Path == "/", gone.String())
}

func TestASharedBrowserIsTrustedForFourUsers(t *testing.T) {
	t.Parallel()
	tr, _ := trustOf(t)
	var b browser
	for _, user := range []string{"ann", "ben", "ann", "cay", "dan", "eve"} {
		b.trust(t, tr, user, "1")
	}
	for user, want := range map[string]bool{"ann": true, "ben": false, "cay": true, "dan": true, "eve": true} {
		assert.True(t, tr.Trusted(b.request(), user, "1") == want, user)
	}
	assert.True(t, len(b.cookies[0].Value) < 500, "the cookie grows")
}

// Mallory copied the cookie off Ann's disk, knows Ann's user id, and has an
// account of his own.
func TestTheftOfATrustCookie(t *testing.T) {
	t.Parallel()
	tr, clock := trustOf(t)
	var anns browser
	anns.trust(t, tr, "ann", "1")
	stolen := &browser{cookies: anns.cookies}
	for name, c := range map[string][2]string{
		"another account":                {"mallory", "1"},
		"no account":                     {"", "1"},
		"after a change of the password": {"ann", "2"},
		"without a stamp":                {"ann", ""},
		"the border moved":               {"an", "n1"},
		"the border moved on":            {"ann1", ""},
	} {
		assert.True(t, !tr.Trusted(stolen.request(), c[0], c[1]), name)
	}
	// Being remembered anew, for himself, does not lengthen what he took.
	clock.Advance(29 * day)
	stolen.trust(t, tr, "mallory", "1")
	clock.Advance(day)
	assert.True(t, !tr.Trusted(stolen.request(), "ann", "1"), "lengthened by another user")
	assert.True(t, tr.Trusted(stolen.request(), "mallory", "1"), "his own is gone")
	// Nor does using it: there is nothing but Remember that sets the cookie.
}

func TestForgedTrust(t *testing.T) {
	t.Parallel()
	tr, clock := trustOf(t)
	var b browser
	b.trust(t, tr, "ann", "1")
	value := b.cookies[0].Value
	with := func(values ...string) *browser {
		var f browser
		for _, v := range values {
			f.cookies = append(f.cookies, &http.Cookie{Name: "__Host-trust", Value: v})
		}
		return &f
	}
	assert.True(t, tr.Trusted(with(value).request(), "ann", "1"), "the test has it wrong")

	payload, mac, _ := strings.Cut(value, ".")
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	assert.NoError(t, err)
	for i := range raw {
		changed := append([]byte(nil), raw...)
		changed[i] ^= 1
		assert.True(t, !tr.Trusted(with(base64.RawURLEncoding.EncodeToString(changed)+"."+mac).request(), "ann", "1"), "a changed byte")
	}
	sign := func(key string, payload []byte) string {
		s, err := testSigner(key).Sign(payload)
		assert.NoError(t, err)
		return s
	}
	for name, f := range map[string]*browser{
		"another key":   with(sign("other", raw)),
		"cut":           with(sign("trust", raw[:len(raw)-1])),
		"other format":  with(sign("trust", append([]byte{1}, raw[1:]...))),
		"empty":         with(sign("trust", nil)),
		"only a format": with(sign("trust", raw[:1])),
		"garbage":       with("garbage"),
		"planted twin":  with(value, value),
	} {
		assert.True(t, !tr.Trusted(f.request(), "ann", "1"), name)
	}

	// A browser that is known is not one that is trusted, though an
	// application gave both the same key.
	known := auth.NewDevices(auth.DevicesOptions{Signer: testSigner("trust"), Clock: clock.Now})
	device := remembered(t, known, "ann")
	assert.True(t, !tr.Trusted(with(device.cookies[0].Value).request(), "ann", "1"), "a device cookie is trusted")
	crossed := &browser{cookies: []*http.Cookie{{Name: "__Host-device", Value: value}}}
	assert.True(t, !isKnown(crossed.known(known, "ann")), "a trust cookie makes a known device")
}

// brokenSigner cannot sign, or signs what no cookie holds.
type brokenSigner struct{ err error }

func (s brokenSigner) Sign([]byte) (string, error)   { return "a;b", s.err }
func (s brokenSigner) Verify(string) ([]byte, error) { return nil, s.err }

func TestTrustWithoutASigner(t *testing.T) {
	t.Parallel()
	assert.Contains(t, assert.Panics(t, func() { auth.NewTrust(auth.TrustOptions{}) }).(string), "Signer is missing")
	assert.Contains(t, assert.Panics(t, func() { auth.NewTrust(auth.TrustOptions{Signer: testSigner("k"), Lifetime: -1}) }).(string), "negative")
	for _, s := range []brokenSigner{{errors.New("no key")}, {}} {
		w := httptest.NewRecorder()
		var b browser
		err := auth.NewTrust(auth.TrustOptions{Signer: s}).Remember(w, b.request(), "ann", "1")
		assert.True(t, err != nil && len(w.Result().Cookies()) == 0, "a cookie that nobody signed")
	}
	insecure := auth.NewTrust(auth.TrustOptions{Signer: testSigner("k"), Insecure: true})
	var b browser
	b.trust(t, insecure, "ann", "1")
	assert.True(t, b.cookies[0].Name == "trust" && !b.cookies[0].Secure, b.cookies[0].String())
}
