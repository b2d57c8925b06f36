package e2e_test

import (
	"context"
	_ "embed"
	"strings"
	"testing"

	"github.com/galeweb/gale/cmd/gale/reference/e2e"
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
	signedOut := []page{
		{path: "/"},
		{path: "/sign-in"},
		{path: "/sign-up"},
		{path: "/api"},
		{path: "/sign-up", do: func(b *tab) {
			value[bool](b, "document.querySelector('main form').noValidate = true")
			b.submit("main form button", "#name", "No Good", "#email", "nowhere", "#password", "short")
			b.sees("Must look like name@example.com")
		}},
		{path: "/sign-in", do: func(b *tab) {
			b.submit("main form button", "#email", "nobody@example.com", "#password", "wrong")
			b.sees("Wrong mail address or password.")
		}},
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
		{path: "/admin/users"},
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
	if browser == nil {
		open(t, e2e.View{}) // skips
	}
	r := serve(t)
	r.populate()
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
	viewer.visit(r.URL+"/sign-up", 200)
	viewer.submit("main form button", "#name", longUser, "#email", "long@example.com", "#password", password)
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

const longUser = "a-user-with-the-longest-name-of1"

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
	b.submit("nav form button")
	b.visit(r.URL+"/sign-up", 200)
	b.submit("main form button", "#name", longUser, "#email", longUser+"@"+strings.Repeat("mail.", 12)+"example.com", "#password", password)
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
