package auth_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
)

// testSigner is a key. Applications use a keyring.
type testSigner string

func (s testSigner) mac(payload string) string {
	m := hmac.New(sha256.New, []byte(s))
	m.Write([]byte(payload))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

func (s testSigner) Sign(payload []byte) (string, error) {
	text := base64.RawURLEncoding.EncodeToString(payload)
	return text + "." + s.mac(text), nil
}

func (s testSigner) Verify(signed string) ([]byte, error) {
	text, mac, _ := strings.Cut(signed, ".")
	if !hmac.Equal([]byte(mac), []byte(s.mac(text))) {
		return nil, errors.New("forged")
	}
	return base64.RawURLEncoding.DecodeString(text)
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// browser keeps the cookie.
type browser struct{ cookies []*http.Cookie }

func (b *browser) request() *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/login", nil)
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	return r
}

func (b *browser) signIn(t *testing.T, d *auth.Devices, account string) {
	t.Helper()
	w := httptest.NewRecorder()
	assert.NoError(t, d.Remember(w, b.request(), account))
	b.cookies = w.Result().Cookies()
}

func (b *browser) known(d *auth.Devices, account string) auth.Device {
	return d.Known(b.request(), account)
}

func remembered(t *testing.T, d *auth.Devices, account string) *browser {
	t.Helper()
	b := &browser{}
	b.signIn(t, d, account)
	return b
}

func isKnown(d auth.Device) bool { return d != auth.Device{} }

func TestDevices(t *testing.T) {
	t.Parallel()
	clock := galetest.NewClock(t, time.Time{})
	d := auth.NewDevices(auth.DevicesOptions{Signer: testSigner("k"), Clock: clock.Now})
	var b browser
	assert.True(t, !isKnown(b.known(d, "alice")), "a new browser is known")
	b.signIn(t, d, "alice@example.com")
	assert.True(t, isKnown(b.known(d, " Alice@example.com")), "another spelling is not known")
	assert.True(t, !isKnown(b.known(d, "bob@example.com")), "known for another account")

	c := b.cookies[0]
	assert.Equal(t, c.Name, "__Host-device")
	assert.True(t, c.Secure && c.HttpOnly && c.SameSite == http.SameSiteLaxMode && c.Path == "/" && c.Domain == "", c.String())
	assert.Equal(t, c.MaxAge, 180*24*60*60)
	assert.True(t, !strings.Contains(strings.ToLower(c.Value), "alice"), "the cookie shows the account")

	first := b.known(d, "alice@example.com")
	clock.Advance(179 * 24 * time.Hour)
	assert.Equal(t, b.known(d, "alice@example.com"), first)
	kept := b
	b.signIn(t, d, "alice@example.com")
	clock.Advance(24 * time.Hour)
	assert.True(t, !isKnown(kept.known(d, "alice@example.com")), "known after its lifetime")
	assert.True(t, isKnown(b.known(d, "alice@example.com")), "signing in again does not renew")
}

// The next sign-in must not give a new limit to who fails at this browser.
func TestABrowserStaysTheSame(t *testing.T) {
	t.Parallel()
	d := newDoor(t, auth.ThrottleOptions{})
	devices := auth.NewDevices(auth.DevicesOptions{Signer: testSigner("k"), Clock: d.clock.Now})
	b := remembered(t, devices, "alice")
	for range 5 {
		d.try(auth.Attempt{Account: "alice", Addr: home, Device: b.known(devices, "alice")}, false)
	}
	b.signIn(t, devices, "bob")
	b.signIn(t, devices, "alice") // in another tab
	assert.True(t, d.try(auth.Attempt{Account: "alice", Addr: home, Device: b.known(devices, "alice")}, false) != nil, "new guesses")
	assert.True(t, d.try(auth.Attempt{Account: "bob", Addr: home, Device: b.known(devices, "bob")}, false) == nil, "one account's failures count for another")
}

func TestABrowserThatManyShare(t *testing.T) {
	t.Parallel()
	d := auth.NewDevices(auth.DevicesOptions{Signer: testSigner("k")})
	var b browser
	for i := range 50 {
		b.signIn(t, d, fmt.Sprint("user", i))
		assert.Equal(t, len(b.cookies), 1)
	}
	assert.True(t, len(b.cookies[0].Value) < 250, "the cookie grows")
	for i := range 50 {
		assert.Equal(t, isKnown(b.known(d, fmt.Sprint("user", i))), i >= 46)
	}
}

func TestForgedDevices(t *testing.T) {
	t.Parallel()
	d := auth.NewDevices(auth.DevicesOptions{Signer: testSigner("k")})
	good := remembered(t, d, "alice").cookies[0]
	forged := map[string][]*http.Cookie{
		"two cookies":  {good, good},
		"another key":  remembered(t, auth.NewDevices(auth.DevicesOptions{Signer: testSigner("other")}), "alice").cookies,
		"another name": {{Name: "device", Value: good.Value}},
		"empty":        {{Name: good.Name}},
		"cut":          {{Name: good.Name, Value: good.Value[:len(good.Value)-1]}},
	}
	for i := range 3 {
		value := []byte(good.Value)
		value[i*10] ^= 1
		forged[fmt.Sprint("changed ", i)] = []*http.Cookie{{Name: good.Name, Value: string(value)}}
	}
	for _, payload := range []string{"", "\x01", "\x02" + strings.Repeat("a", 28), "\x01" + strings.Repeat("a", 27), strings.Repeat("a", 29)} {
		value, err := testSigner("k").Sign([]byte(payload)) // by an older version, say
		assert.NoError(t, err)
		forged[fmt.Sprintf("payload %q", payload)] = []*http.Cookie{{Name: good.Name, Value: value}}
	}
	for name, cookies := range forged {
		b := browser{cookies}
		if isKnown(b.known(d, "alice")) {
			t.Errorf("%s: known", name)
		}
	}
	assert.True(t, isKnown((&browser{[]*http.Cookie{good}}).known(d, "alice")), "the true one is not known")
}

type badSigner struct{ text string }

func (b badSigner) Sign([]byte) (string, error) {
	if b.text == "" {
		return "", errors.New("no key")
	}
	return b.text, nil
}
func (badSigner) Verify(string) ([]byte, error) { return nil, errors.New("no key") }

func TestDevicesThatMakeNoSense(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "a;b", "a\nb"} {
		w := httptest.NewRecorder()
		err := auth.NewDevices(auth.DevicesOptions{Signer: badSigner{text}}).Remember(w, httptest.NewRequest(http.MethodGet, "/", nil), "alice")
		assert.True(t, err != nil, "no error")
		assert.Equal(t, len(w.Result().Cookies()), 0)
	}
	assert.Contains(t, assert.Panics(t, func() { auth.NewDevices(auth.DevicesOptions{}) }).(string), "Signer")
	assert.Contains(t, assert.Panics(t, func() { auth.NewDevices(auth.DevicesOptions{Signer: badSigner{}, Lifetime: -1}) }).(string), "Lifetime")
	insecure := remembered(t, auth.NewDevices(auth.DevicesOptions{Signer: testSigner("k"), Insecure: true}), "alice")
	assert.True(t, !insecure.cookies[0].Secure && insecure.cookies[0].Name == "device", insecure.cookies[0].String())
}
