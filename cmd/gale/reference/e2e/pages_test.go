package e2e_test

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/database"
	"github.com/galeweb/gale/cmd/gale/reference/e2e"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/drivers/galeoidc"
)

// look returns what is wrong with the page that a tab shows.
//
//go:embed look.js
var look string

// Every page, on a desktop and on a phone, in light and in dark colours: it
// fits, it can be read, its inputs have names, and the browser has nothing to
// complain of, so that the security policy of the headers holds too.
func TestPages(t *testing.T) {
	t.Parallel()
	if browser == nil {
		open(t, e2e.View{}) // skips
	}
	r := serve(t)
	r.populate()
	_, ask := r.app("https://app.example/cb", "Dashboard")
	long, askLong := r.app("https://"+strings.Repeat("host.", 12)+"example.com/cb", strings.Repeat("Long name ", 9))
	r.allowed(long)
	off, askOff := r.app("https://app.example/cb", "Old dashboard")
	if err := galeoidc.NewStore(r.DB).DisableClient(t.Context(), off); err != nil {
		t.Fatal(err)
	}
	askLong += "&prompt=consent"
	signedOut := []page{
		{path: "/"},
		{path: "/sign-in"},
		{path: "/sign-up"},
		{path: "/api"},
		{path: "/sign-up", do: func(b *tab) {
			value[bool](b, "document.querySelector('main form').noValidate = true")
			b.submit("main form button", "#name", "No Good", "#email", "nowhere")
			b.sees("Must look like name@example.com")
		}},
		{path: "/sign-in", do: func(b *tab) {
			b.submit("main form button", "#email", "nobody@example.com", "#password", "wrong")
			b.sees("Wrong mail address or password.")
		}},
		{path: "/reset"},
		{path: "/reset", do: func(b *tab) {
			b.submit("main form button", "#email", "nobody-with-a-long-name-at-all@"+strings.Repeat("mail.", 12)+"example.com")
			b.sees("Look into your mail")
		}},
		{path: "/reset/confirm?token=none", status: 404},
		{path: "/dev/outbox"},
		{path: "/sign-up/confirm?token=" + r.link(models.SignUpLink)},
		{path: "/reset/confirm?token=" + r.link(models.ResetLink)},
		{path: "/invitation?token=" + r.link(models.InviteLink)},
		{path: "/email/new?token=" + r.link(models.NewEmailLink)},
		{path: "/email/old?token=" + r.link(models.OldEmailLink)},
		{path: "/channels/boiler", do: follow},
		{path: "/channels/empty", do: follow},
		{path: "/channels/" + longName, do: follow},
		{path: "/channels/boiler?kind=none"},
		{path: "/channels/boiler?before=30"},
		{path: "/channels/unknown", status: 404},
		{path: "/channels/boiler?before=x", status: 400},
	}
	signedIn := []page{
		{path: "/"},
		{path: "/profile"},
		{path: "/profile/security"},
		{path: "/profile/account"},
		{path: "/profile/security", do: func(b *tab) {
			b.submit("form[action='/profile/password'] button", "#old", password, "#password", "short")
			b.sees("at least 8")
		}},
		{path: "/profile/account", do: func(b *tab) {
			b.submit("form[action='/profile/delete'] button", "#name", "nobody", "#delete-password", password)
			b.sees("Is not your name")
		}},
		{path: "/admin/users"},
		{path: "/admin/users/" + r.id(email) + "/why"},
		{path: "/admin/users/" + r.id(email) + "/why?permission=users.manage"},
		{path: "/admin/users/invitations"},
		{path: "/admin/users/invitations", do: func(b *tab) {
			value[bool](b, "document.querySelector('main form').noValidate = true")
			b.submit("form[action='/admin/users/invitations'] button", "#email", "nowhere")
			b.sees("Must look like name@example.com")
		}},
		{path: "/admin/roles"},
		{path: "/admin/roles", do: func(b *tab) {
			b.submit("form[action='/admin/roles'] button", "#name", "Not Good")
			b.sees("Must be 1 to 32")
		}},
		{path: "/admin/roles", do: func(b *tab) {
			value[bool](b, "[...document.querySelectorAll('[form=role-admin]')].every(box => !(box.checked = false))")
			b.submit("#role-admin button")
			b.sees("Nobody could manage users and roles any more")
		}},
		{path: "/admin/audit"},
		{path: "/confirm?next=/profile"},
		{path: "/profile/access"},
		{path: ask},
		{path: askLong},
		{path: "/consent?request=none", status: 404},
		{path: askOff, status: 403},
		{path: "/oauth/authorize?client_id=none", status: 400},
		{path: "/admin/clients/" + off},
		{path: "/admin/clients/" + long, do: func(b *tab) {
			b.submit("form.half button", "#redirects", "http://app.example")
			b.sees("must begin with https")
		}},
		{path: "/admin/clients"},
		{path: "/admin/clients/new"},
		{path: "/admin/clients/new", do: func(b *tab) {
			b.submit("form[action='/admin/clients'] button", "#name", "App", "#redirects", "http://app.example")
			b.sees("Must be at least one")
		}},
		{path: "/admin/clients/new", do: func(b *tab) {
			value[bool](b, "document.querySelector('input[value=\"packets.read\"]').checked = true")
			b.submit("form[action='/admin/clients'] button", "#name", "App", "#redirects", "https://app.example/cb")
			b.sees("shown this once")
		}},
		{path: "/profile/passkeys/new"},
		{path: "/profile/apps/new"},
		{path: "/profile/apps/new", do: func(b *tab) {
			b.submit("form[action='/profile/apps'] button", "#name", "phone")
			b.sees("Scan the code")
		}},
		{path: "/channels/boiler", do: follow},
		{path: "/channels/empty", do: follow},
		{path: "/profile", do: func(b *tab) {
			b.submit("form[action='/profile/keys'] button", "#key-name", "Not Good")
			b.sees("Must be 1 to 32")
		}},
		{path: "/", do: func(b *tab) {
			b.submit("form[action='/channels'] button", "#title", "x", "#name", "Not Good")
			b.sees("Must be 1 to 64")
		}},
	}
	for name, view := range map[string]e2e.View{
		"desktop light": {},
		"desktop dark":  {Dark: true},
		"phone light":   {Width: 390, Height: 844},
		"phone dark":    {Width: 390, Height: 844, Dark: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t, view)
			for _, p := range signedOut {
				p.check(b, r.URL)
			}
			r.signIn(b)
			for _, p := range signedIn {
				p.check(b, r.URL)
			}
			b.visit(r.URL+"/profile", 200)
			b.submit("form[action='/profile/keys'] button", "#key-name", strings.ReplaceAll(name, " ", "-"))
			b.sees("Your new API key.")
			page{path: "a new key"}.check(b, "")
		})
	}
}

// What a visitor may not do, and what is relay's own fault, is a page too.
func TestErrorPages(t *testing.T) {
	t.Parallel()
	b, viewer := open(t, e2e.View{}), open(t, e2e.Phone())
	r := serve(t)
	r.prepare(b, "boiler")
	r.join(viewer, longUser, "long@example.com")
	page{path: "/admin/users", status: 403}.check(viewer, r.URL)
	if _, err := r.DB.Exec(context.WithoutCancel(t.Context()), "ALTER TABLE channels RENAME TO lost"); err != nil {
		t.Fatal(err)
	}
	page{path: "/", status: 500}.check(viewer, r.URL)
	viewer.sees("It is our fault")
	page{path: "/profile"}.check(b, r.URL)
}

// The chart has its place before the script draws it.
func TestNothingJumps(t *testing.T) {
	t.Parallel()
	for _, view := range []e2e.View{{}, e2e.Phone()} {
		b := open(t, view)
		r := serve(t)
		r.prepare(b, "boiler")
		r.send("boiler", packet(1), packet(2))
		b.visit(r.URL+"/channels/boiler", 200)
		follow(b)
		shift := value[float64](b, `new Promise(done => {
			let sum = 0;
			const o = new PerformanceObserver(list => list.getEntries().forEach(e => sum += e.value));
			o.observe({type: 'layout-shift', buffered: true});
			requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(sum))));
		})`)
		if shift > 0.01 {
			t.Errorf("at %d pixels the page jumps while it loads: %v", view.Width, shift)
		}
	}
}

// Names as long as they may be, or nearly.
var longName = strings.Repeat("a-long-name-", 5) + "x"

const (
	longUser = "a-user-with-the-longest-name-of1"
	longRole = "a-role-with-the-longest-name-of1"
)

// populate makes users, channels and packets of all sizes.
func (r *site) populate() {
	r.t.Helper()
	b := open(r.t, e2e.View{})
	r.prepare(b, "boiler")
	b.visit(r.URL+"/", 200)
	b.submit("form[action='/channels'] button", "#title", "Empty", "#name", "empty")
	b.visit(r.URL+"/", 200)
	b.submit("form[action='/channels'] button", "#title", strings.Repeat("Long title ", 9), "#name", longName)
	for i := range 55 {
		r.send("boiler", packet(i))
	}
	r.send("boiler", map[string]any{"kind": strings.Repeat("kind", 16), "payload": map[string]string{
		"words": strings.Repeat("some words ", 200), "word": strings.Repeat("x", 2000),
	}})
	b.visit(r.URL+"/admin/roles", 200)
	b.submit("form[action='/admin/roles'] button", "#name", longRole)
	b.visit(r.URL+"/admin/roles", 200)
	value[bool](b, "document.querySelector('[form=role-viewer][value=\"channels.manage\"]').checked = true")
	b.submit("#role-viewer button")
	b.submit("nav form button")
	r.join(b, longUser, longUser+"@"+strings.Repeat("mail.", 12)+"example.com")
}

// id returns the id of a user.
func (r *site) id(email string) string {
	r.t.Helper()
	u, err := database.New(r.DB, r.Keys).UserByEmail(r.t.Context(), email)
	if err != nil {
		r.t.Fatal(err)
	}
	return u.ID
}

// link stores a link that works and returns its token.
func (r *site) link(p models.Purpose) string {
	r.t.Helper()
	token := string(p)
	hash := sha256.Sum256([]byte(token))
	store := database.New(r.DB, r.Keys)
	u, err := store.UserByEmail(r.t.Context(), email)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := store.AddLinks(r.t.Context(), models.Link{
		Hash: hash[:], Purpose: p, UserID: u.ID, Email: "somebody-new@" + strings.Repeat("mail.", 12) + "example.com",
		Name: "newcomer", Role: models.Viewer, InvitedBy: u.ID, CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour),
	}); err != nil {
		r.t.Fatal(err)
	}
	return token
}

// page is one to look at.
type page struct {
	path   string
	status int        // 0 is 200
	do     func(*tab) // before looking
}

func (p page) check(b *tab, url string) {
	b.t.Helper()
	if p.status == 0 {
		p.status = 200
	}
	if url != "" {
		b.visit(url+p.path, p.status)
	}
	if p.do != nil {
		p.do(b)
	}
	for _, problem := range value[[]string](b, look) {
		b.t.Errorf("%s: %s", p.path, problem)
	}
	b.quiet("the server responded with a status of")
}

// follow waits until a channel's page has everything on it.
func follow(b *tab) {
	b.t.Helper()
	b.until("document.getElementById('state').textContent === 'Live'")
	b.until("document.querySelector('#chart canvas')")
}
