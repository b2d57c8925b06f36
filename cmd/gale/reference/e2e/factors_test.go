package e2e_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/e2e"
	"github.com/galeweb/gale/db"
)

// serveLocal serves relay at a port of localhost, where passkeys work.
func serveLocal(t *testing.T) (r *site, url string) {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := e2e.Serve(t.Context(), e2e.Options{Addr: "localhost:" + port, Database: filepath.Join(t.TempDir(), "relay.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return &site{Server: s, t: t}, "http://localhost:" + port
}

// Who must have a second factor is led to set a passkey up, which is the second
// factor after the password, and signs in alone.
func TestPasskeys(t *testing.T) {
	t.Parallel()
	b := open(t, e2e.View{})
	r, url := serveLocal(t)
	r.Server.URL = url
	device, err := b.AddAuthenticator(true)
	b.must(err)
	_, err = r.DB.Exec(t.Context(), "INSERT INTO role_factors (role) VALUES ('admin')")
	b.must(err)
	b.visit(url+"/sign-up", 200)
	b.submit("main form button", "#name", "ada", "#email", email, "#password", password)
	b.sees("Set up a second factor")
	page{path: "/second-factor"}.check(b, url)
	b.submit("main a[href='/profile/passkeys/new']")
	b.submit("form[data-passkey=register] button", "#name", "laptop")
	b.sees("The passkey is set up.")
	b.submit("form[action='/profile/recovery'] button") // the first factor leads on to recovery codes
	if n := value[int](b, "document.querySelectorAll('.codes code').length"); n != 10 {
		t.Errorf("the page shows %d recovery codes", n)
	}
	b.submit("main a[href='/profile/security']")
	b.sees("laptop")
	n, err := device.Passkeys()
	b.must(err)
	if n != 1 {
		t.Errorf("the authenticator keeps %d passkeys", n)
	}
	recorded, err := db.Get[int](t.Context(), r.DB, "SELECT COUNT(*) FROM audit_log JOIN passkeys ON target = id WHERE action = 'passkey.added' AND actor_name = 'ada'")
	b.must(err)
	if recorded != 1 {
		t.Errorf("%d records of the new passkey", recorded)
	}

	b.must(device.Touch(false)) // the autofill of the sign-in page must wait
	b.submit("nav form[action='/sign-out'] button")
	b.visit(url+"/sign-in?next=/profile", 200)
	b.submit("form[action='/sign-in'] button", "#email", email, "#password", password)
	b.sees("One more step")
	b.must(device.Touch(true))
	b.submit("form[data-passkey=confirm] button")
	arrives(t, b, "/profile")

	b.must(device.Touch(false))
	b.submit("nav form[action='/sign-out'] button")
	b.visit(url+"/sign-in?next=/profile/account", 200)
	settles(t, b, "!document.querySelector('form[data-passkey=sign-in]').hidden")
	b.must(device.Touch(true))
	// The browser may pick it among the suggestions of the address field before
	// the button is pressed; the page is then on its way.
	_, _ = e2e.Eval[bool](b.Tab, "document.querySelector('form[data-passkey=sign-in] button')?.click(), true")
	arrives(t, b, "/profile/account")
	b.quiet()
}

// settles waits until an expression is true of the page; while the page goes
// somewhere, it cannot be asked.
func settles(t *testing.T, b *tab, expression string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		ok, err := e2e.Eval[bool](b.Tab, expression)
		if err == nil && ok {
			return
		}
		if time.Now().After(deadline) {
			at, _ := e2e.Eval[string](b.Tab, "location.pathname")
			t.Fatalf("the page %s: not %s: %v", at, expression, err)
		}
	}
}

// arrives waits until the page is another.
func arrives(t *testing.T, b *tab, path string) {
	t.Helper()
	settles(t, b, fmt.Sprintf("location.pathname === %q", path))
}

// An authenticator app is set up by its QR code's secret, and asked for; one of
// the recovery codes is the way back. On a phone, without JavaScript.
func TestAuthenticatorApp(t *testing.T) {
	t.Parallel()
	b := open(t, e2e.View{Width: 390, Height: 844, NoScript: true})
	r := serve(t)
	b.visit(r.URL+"/sign-up", 200)
	b.submit("main form button", "#name", "ada", "#email", email, "#password", password)
	b.visit(r.URL+"/profile/security", 200)
	b.submit("main a[href='/profile/apps/new']")
	b.submit("main form button", "#name", "phone")
	secret, err := base32.StdEncoding.DecodeString(strings.ReplaceAll(value[string](b, "document.querySelector('details code').textContent"), " ", ""))
	b.must(err)
	b.submit("main form button", "#code", codeAt(secret, time.Now()))
	recovery := value[string](b, "document.querySelector('.codes code').textContent")
	signIn := func() {
		b.submit("nav form[action='/sign-out'] button")
		b.visit(r.URL+"/sign-in", 200)
		b.submit("main form button", "#email", email, "#password", password)
	}
	signIn()
	b.submit("form[action='/sign-in/second'] button", "#code", codeAt(secret, time.Now().Add(30*time.Second))) // the present one is used up
	b.visit(r.URL+"/profile", 200)
	signIn()
	b.submit("form[action='/sign-in/second'] button", "#code", recovery)
	b.visit(r.URL+"/profile/security", 200)
	if !strings.Contains(value[string](b, "document.body.innerText"), "9 of 10 are left") {
		t.Error("the security page does not say how many codes are left")
	}
	b.quiet()
}

// codeAt is a code of RFC 6238.
func codeAt(secret []byte, at time.Time) string {
	mac := hmac.New(sha1.New, secret)
	_ = binary.Write(mac, binary.BigEndian, uint64(at.Unix()/30))
	sum := mac.Sum(nil)
	n := binary.BigEndian.Uint32(sum[sum[19]&15:]) & 0x7fffffff
	return fmt.Sprintf("%06d", n%1_000_000)
}
