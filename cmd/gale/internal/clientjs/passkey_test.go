package main

import (
	"context"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/auth/passkey"
	"github.com/galeweb/gale/cmd/gale/reference/e2e"
	"github.com/galeweb/gale/drivers/galesqlite"
	"github.com/galeweb/gale/drivers/galewebauthn"
	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/keyring"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/web"
)

// passkeySite is a small site on http://localhost, which browsers take for a
// secure one: /login signs in by passkey, /keys shows the passkeys of Alice, and
// /enter signs her in without any.
type passkeySite struct {
	url      string
	passkeys *passkey.Passkeys
}

const loginPage = `
<label>User <input name="user" autocomplete="username webauthn"></label>
<form id="in" data-passkey="sign-in" data-passkey-begin="/sign-in/begin" data-passkey-finish="/sign-in/finish"
  data-passkey-text-cancelled="Not today." hidden><button>Sign in with a passkey</button></form>`

const buttonPage = `
<form id="in" data-passkey="sign-in" data-passkey-begin="/sign-in/begin" data-passkey-finish="/sign-in/finish" hidden>
<button>Sign in with a passkey</button><p data-passkey-status></p></form>`

const keysPage = `
<form id="add" data-passkey="register" data-passkey-begin="/register/begin" data-passkey-finish="/register/finish" hidden>
<label>Name <input name="name"></label><button>Add</button></form>
<form id="confirm" data-passkey="confirm" data-passkey-begin="/confirm/begin" data-passkey-finish="/confirm/finish?next=/confirmed" hidden>
<button>Confirm</button></form>`

func newPasskeySite(t *testing.T, url string) (*passkeySite, http.Handler) {
	t.Helper()
	d := galetest.DB(t, galetest.DBOptions{Driver: galesqlite.Driver()})
	if _, err := d.Exec(t.Context(), passkey.Schema); err != nil {
		t.Fatal(err)
	}
	set := keyring.NewSet(time.Now().Add(-time.Hour))
	keys, err := keyring.Open(t.Context(), keyring.Options{Source: keyring.Text(set.Text())})
	if err != nil {
		t.Fatal(err)
	}
	sessions := session.New(session.Options{})
	who := func(r *http.Request) (string, error) {
		if u := session.From(r.Context()).User(); u != "" {
			return u, nil
		}
		return "", &web.Error{Status: http.StatusUnauthorized, Message: "Please sign in."}
	}
	s := &passkeySite{url: url}
	s.passkeys = passkey.New(passkey.Options{
		RPID: "localhost", RPName: "Gale", Origins: []string{url},
		Verifier: galewebauthn.New(), Store: passkey.NewSQLStore(d), Signer: keys.Signer("passkey", 5*time.Minute),
		Account: func(r *http.Request) (passkey.Account, error) {
			u, err := who(r)
			return passkey.Account{ID: u, Name: u + "@example.com"}, err
		},
		Pending: who,
		SignedIn: func(_ http.ResponseWriter, r *http.Request, c passkey.Credential) (string, error) {
			return "/keys", session.From(r.Context()).SignIn(r.Context(), c.UserID)
		},
		Confirmed: func(_ http.ResponseWriter, r *http.Request, _ passkey.Credential) (string, error) {
			return web.LocalPath(r.URL.Query().Get("next"), "/"), nil
		},
	})
	mux := http.NewServeMux()
	for path, h := range map[string]web.HandlerFunc{
		"/register/begin": s.passkeys.BeginRegistration, "/register/finish": s.passkeys.FinishRegistration,
		"/sign-in/begin": s.passkeys.BeginSignIn, "/sign-in/finish": s.passkeys.FinishSignIn,
		"/confirm/begin": s.passkeys.BeginConfirm, "/confirm/finish": s.passkeys.FinishConfirm,
	} {
		mux.Handle("POST "+path, h)
	}
	mux.Handle("GET /passkey.js", passkey.JS())
	page := func(path string, body func(r *http.Request) (string, error)) {
		mux.Handle("GET "+path, web.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			text, err := body(r)
			if err != nil {
				return err
			}
			w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:")
			return web.HTML(w, http.StatusOK, `<!doctype html><html lang="en"><title>p</title><link rel="icon" href="data:,">`+
				`<script src="/passkey.js" defer></script>`+text)
		}))
	}
	fixed := func(text string) func(*http.Request) (string, error) {
		return func(*http.Request) (string, error) { return text, nil }
	}
	page("/login", fixed(loginPage))
	page("/button", fixed(buttonPage))
	page("/confirmed", fixed("<h1>Confirmed</h1>"))
	page("/out", func(r *http.Request) (string, error) { return "", session.From(r.Context()).SignOut(r.Context()) })
	page("/enter", func(r *http.Request) (string, error) {
		return "", session.From(r.Context()).SignIn(r.Context(), "alice")
	})
	page("/keys", func(r *http.Request) (string, error) {
		user, err := who(r)
		if err != nil {
			return "", err
		}
		all, err := s.passkeys.List(r.Context(), user)
		text := keysPage + "<ul>"
		for _, c := range all {
			text += "<li>" + html.EscapeString(c.Name) + "</li>"
		}
		return text + "</ul>", err
	})
	return s, sessions.Middleware(mux)
}

// servePasskeys serves the site by the engine or by net/http until the test
// ends.
func servePasskeys(t *testing.T, onEngine bool) *passkeySite {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	s, routes := newPasskeySite(t, fmt.Sprintf("http://localhost:%d", l.Addr().(*net.TCPAddr).Port))
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		routes.ServeHTTP(w, r.WithContext(obs.WithLogger(r.Context(), quiet)))
	})
	type server interface {
		Serve(l net.Listener) error
		Shutdown(ctx context.Context) error
	}
	var serving server = &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	if onEngine {
		serving = &engine.Server{Handler: h, ErrorLog: quiet}
	}
	done := make(chan error, 1)
	go func() { done <- serving.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := serving.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-done; err != nil && !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
	})
	return s
}

// visitor is a tab that fails the test by itself.
type visitor struct {
	*e2e.Tab
	t   *testing.T
	url string
}

func (v visitor) must(err error) {
	v.t.Helper()
	if err != nil {
		told, _ := e2e.Eval[string](v.Tab, `location.href + " " + document.body.innerText`)
		v.t.Fatalf("%v; the page is %s; %q", err, told, v.Complaints())
	}
}

func (v visitor) visit(path string) {
	v.t.Helper()
	_, err := v.Go(v.url + path)
	v.must(err)
	v.must(v.Until(`document.readyState === "complete"`))
}

// until waits through the page that the script goes to, which ends a wait in
// the one before.
func (v visitor) until(expression string) {
	v.t.Helper()
	err := v.Until(expression)
	for range 5 {
		if err == nil || !strings.Contains(err.Error(), "navigated") && !strings.Contains(err.Error(), "Cannot find context") {
			break
		}
		err = v.Until(expression)
	}
	v.must(err)
}

func (v visitor) press(form string) {
	v.t.Helper()
	_, err := e2e.Eval[bool](v.Tab, `document.querySelector("`+form+` button").click() || true`)
	v.must(err)
}

func (v visitor) add(name string) {
	v.t.Helper()
	_, err := e2e.Eval[bool](v.Tab, `!!(document.querySelector("#add input").value = "`+name+`")`)
	v.must(err)
	v.press("#add")
}

// says waits for the words of a form's live region.
func (v visitor) says(form, words string) {
	v.t.Helper()
	v.until(`document.querySelector("` + form + ` [role=status][aria-live=polite]").textContent.includes("` + words + `")`)
}

// TestPasskeysInBrowser runs the script in Chromium, with authenticators that
// the browser makes up, under a policy without inline code.
func TestPasskeysInBrowser(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("drives a browser, which takes long")
	}
	if _, err := e2e.Chromium(); err != nil {
		if os.Getenv(galetest.RequireServices) != "" {
			t.Fatalf("a browser is required (%s): %v", galetest.RequireServices, err)
		}
		t.Skip(err)
	}
	browser, err := e2e.Launch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = browser.Close() })
	for _, name := range []string{"engine", "nethttp"} {
		t.Run(name, func(t *testing.T) {
			s := servePasskeys(t, name == "engine")
			tab, err := browser.Open(e2e.View{})
			if err != nil {
				t.Fatal(err)
			}
			defer tab.Close()
			passkeyStory(visitor{tab, t, s.url}, s)
		})
	}
}

// passkeyStory is what Alice does with her passkeys.
func passkeyStory(v visitor, s *passkeySite) {
	t := v.t
	phone, err := v.AddAuthenticator(true)
	v.must(err)
	v.visit("/enter")

	// She adds a passkey, and cannot add the same device twice.
	v.visit("/keys")
	v.until(`!document.querySelector("#add").hidden`)
	v.add("Phone <1>")
	v.until(`document.querySelector("li")?.textContent === "Phone <1>"`)
	v.add("Phone again")
	v.says("#add", "has a passkey for your account already")

	// It confirms what she does.
	v.press("#confirm")
	v.until(`location.pathname === "/confirmed"`)

	// She signs in by the button, and not when it is another's finger.
	v.visit("/out")
	v.visit("/button")
	v.must(phone.Owner(false))
	v.press("#in")
	v.says("#in", "cancelled or took too long")
	v.must(phone.Owner(true))
	v.press("#in")
	v.until(`location.pathname === "/keys" && document.querySelector("li")`)

	// The suggestions of the field wait without a word, and a pressed button
	// takes their place.
	v.visit("/out")
	v.must(phone.Touch(false))
	v.visit("/login")
	v.until(`performance.getEntriesByName(location.origin + "/sign-in/begin").length === 1`)
	v.must(phone.Touch(true))
	v.press("#in")
	v.until(`location.pathname === "/keys" && document.querySelector("li")`)

	// She signs in from the suggestions: the browser takes the passkey for
	// picked when the authenticator is touched from the start.
	v.visit("/out")
	v.visit("/login")
	v.until(`location.pathname === "/keys" && document.querySelector("li")`)

	// A second device, with a name of its own.
	v.must(phone.Remove())
	key, err := v.AddAuthenticator(true)
	v.must(err)
	v.add("Key")
	v.until(`document.querySelectorAll("li")[1]?.textContent === "Key"`)
	all, err := s.passkeys.List(t.Context(), "alice")
	v.must(err)
	if len(all) != 2 || all[0].LastUsed.IsZero() || !all[1].LastUsed.IsZero() || !all[1].UserVerified {
		t.Fatalf("stored: %+v", all)
	}

	// Deleted, it signs in no more, and the browser is told to forget it.
	v.must(s.passkeys.Delete(t.Context(), "alice", all[1].ID))
	v.visit("/out")
	v.visit("/button")
	v.press("#in")
	v.says("#in", "not known here any more")
	signals, err := e2e.Eval[bool](v.Tab, `"signalUnknownCredential" in PublicKeyCredential`)
	v.must(err)
	if signals {
		v.must(eventually(func() bool { n, err := key.Passkeys(); return err == nil && n == 0 }))
	}
	for _, c := range v.Complaints() {
		// A refusal is an error of the console: "the server responded with 401".
		if !refusal(c) {
			t.Errorf("the browser complains: %s", c)
		}
	}
}

// refusal tells Chromium's record of a 401 from other complaints.
func refusal(complaint string) bool {
	return strings.Contains(complaint, "status of 401") && strings.Contains(complaint, "/sign-in/finish")
}

// eventually waits for the browser's process, which acts after the page has
// gone on.
func eventually(ok func() bool) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 500 {
		if ok() {
			return nil
		}
		<-tick.C
	}
	return errors.New("it did not come to it")
}
