package e2e_test

import (
	"net"
	"path/filepath"
	"testing"

	"github.com/galeweb/gale/cmd/gale/reference/config"
	"github.com/galeweb/gale/cmd/gale/reference/e2e"
	"github.com/galeweb/gale/cmd/gale/reference/internal/idp"
	gale "github.com/galeweb/gale/config"
)

// serveProvided serves relay, where people may sign in with a provider that is a
// site of its own, called Work, and with GitHub, which nobody asks.
func serveProvided(t *testing.T) *site {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	p := idp.Start(t, idp.Options{Plain: true, Redirect: "http://" + addr + "/sign-in/with/oidc/callback"})
	s, err := e2e.Serve(t.Context(), e2e.Options{Addr: addr, Database: filepath.Join(t.TempDir(), "relay.db"), Providers: config.Providers{
		OIDCIssuer: p.Issuer, OIDCID: p.ClientID, OIDCSecret: p.Secret, OIDCName: "Work",
		GitHubID: "relay", GitHubSecret: gale.NewSecret("secret"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return &site{Server: s, t: t}
}

const (
	goOn       = "main a[href^='/sign-in/with/oidc']"
	atProvider = "form button"
)

// The button on the page to sign in leads to the provider, and back: as a
// newcomer to an account, and as its owner to where one wanted to go. On a phone,
// without JavaScript.
func TestSignInWithProvider(t *testing.T) {
	t.Parallel()
	b := open(t, e2e.View{Width: 390, Height: 844, NoScript: true})
	r := serveProvided(t)
	b.visit(r.URL+"/sign-up", 200)
	b.submit(goOn)
	b.submit(atProvider, "#user", "ada")
	has(b, "ada@example.com")
	b.submit("main form button", "#name", "countess")
	b.visit(r.URL+"/profile", 200)
	has(b, "countess")
	b.submit("nav form[action='/sign-out'] button")
	b.visit(r.URL+"/sign-in?next=/profile/security", 200)
	b.submit(goOn) // signed in there still
	at(b, r.URL+"/profile/security")
	has(b, "ada@example.com")

	// To link is a trip too, from a page that asks for a proof.
	b.submit("main a[href='/profile/linked/new']")
	b.submit("main a[href='/profile/linked/new/oidc']")
	at(b, r.URL+"/profile/security")
	has(b, "is linked already")
	b.quiet()
}

// has checks that the page says something; unlike sees it runs no script there.
func has(b *tab, words string) {
	b.t.Helper()
	if !value[bool](b, "document.body.innerText.includes("+quote(words)+")") {
		b.t.Errorf("the page does not say %q", words)
	}
}

// at checks where the page is.
func at(b *tab, url string) {
	b.t.Helper()
	if got := value[string](b, "location.href"); got != url {
		b.t.Errorf("the page is %s, want %s", got, url)
	}
}

// The pages that there are only with providers.
func TestProviderPages(t *testing.T) {
	t.Parallel()
	if browser == nil {
		open(t, e2e.View{}) // skips
	}
	for name, view := range map[string]e2e.View{
		"desktop light": {},
		"desktop dark":  {Dark: true},
		"phone light":   e2e.Phone(),
		"phone dark":    {Width: 390, Height: 844, Dark: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t, view)
			r := serveProvided(t)
			page{path: "/sign-in"}.check(b, r.URL)
			page{path: "/sign-up"}.check(b, r.URL)
			page{path: "/sign-in/with/oidc/callback?state=x", status: 400}.check(b, r.URL)
			b.visit(r.URL+"/sign-in", 200)
			b.submit(goOn)
			b.submit(atProvider, "#user", "ada")
			page{path: "/sign-up/with"}.check(b, r.URL)
			page{path: "/sign-up/with", do: func(b *tab) {
				b.submit("main form button", "#name", "No Good")
				b.sees("Must be 1 to 32")
			}}.check(b, r.URL)
			b.submit("main form button", "#name", "ada")
			for _, path := range []string{"/profile/security", "/profile/account", "/profile/linked/new", "/confirm?next=/profile"} {
				page{path: path}.check(b, r.URL)
			}
			b.visit(r.URL+"/profile/security", 200)
			b.submit("form[action='/profile/linked/remove'] button")
			b.sees("That is your only way to sign in")
			page{path: "the last way"}.check(b, "")
		})
	}
}
