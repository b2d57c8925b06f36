package app_test

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/app"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	gale "github.com/galeweb/gale/config"
	"github.com/galeweb/gale/drivers/galesqlite"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/obs"
)

// sessionsAt has sessions kept where a URL says, each site with a client of its own.
func sessionsAt(address, prefix string) setting {
	return func(tb testing.TB, s *site) {
		tb.Helper()
		store, stop, err := app.OpenSessions(address, prefix)
		assert.NoError(tb, err)
		tb.Cleanup(func() { assert.NoError(tb, stop(tb.Context())) })
		s.clock = galetest.NewClock(tb, time.Now()) // servers know no other time
		s.sessions, s.config.SessionURL = store, gale.NewSecret(address)
	}
}

// TestSessionsByURL: wherever sessions are kept, their users see them, and end them
// in every process, with all that is open by them. What else there is to sessions
// runs on the database's, on both servers; here one of each is enough.
func TestSessionsByURL(t *testing.T) {
	t.Parallel()
	for name, where := range map[string]struct {
		server  string
		address func(*testing.T) string
	}{
		"database":  {galetest.Engine, func(*testing.T) string { return "database:" }},
		"cookie":    {galetest.NetHTTP, func(*testing.T) string { return "cookie:" }},
		"valkey":    {galetest.NetHTTP, func(t *testing.T) string { return galetest.Require(t, "redis") }},
		"memcached": {galetest.Engine, func(t *testing.T) string { return galetest.Require(t, "memcached") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := sessionsAt(where.address(t), "test-"+strings.ToLower(rand.Text()))
			runSite(t, where.server, galesqlite.Driver(), func(t *testing.T, s *site) {
				other := &site{t: t, Client: s.Client, db: s.db, keys: s.keys}
				other.start(t, []setting{at})
				p := &processes{site: s, t: t, other: other.handler, addr: "127.0.0.1"}
				if where.server == galetest.NetHTTP {
					p.addr = "192.0.2.1" // without a network
				}
				s.furnish()
				p.listed()
				p.revoked()
				p.fixed()
				p.replayed()
				p.changed()
			}, []setting{at})
		})
	}
}

// processes are two of one relay.
type processes struct {
	*site
	t     *testing.T
	other http.Handler
	addr  string // of the clients
}

// in fails the test unless a cookie is, or is not, that of somebody, at both
// processes.
func (p *processes) in(cookie string, want bool) {
	p.t.Helper()
	for name, h := range map[string]http.Handler{"this": p.handler, "the other": p.other} {
		r, err := http.NewRequestWithContext(obs.WithLogger(p.t.Context(), p.log.Logger()), http.MethodGet, public+"/profile", nil)
		assert.NoError(p.t, err)
		r.AddCookie(&http.Cookie{Name: "__Host-session", Value: cookie})
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if (w.Code == http.StatusOK) != want {
			p.t.Errorf("%s process answers %d, signed in is %t", name, w.Code, want)
		}
	}
}

// live is what somebody has open.
type live struct {
	socket *galetest.Socket
	stream eventStream
}

func (p *processes) watch(c *galetest.Client) live {
	p.t.Helper()
	socket, m := watch(c, "closed")
	assert.Equal(p.t, m.Type, "subscribed")
	stream := events(c, "closed")
	assert.Contains(p.t, stream.next(p.t), `"subscribed"`)
	return live{socket, stream}
}

// ended waits for the end of both.
func (p *processes) ended(l live) {
	p.t.Helper()
	l.socket.Closed(1008)
	assert.Equal(p.t, l.stream.next(p.t), "")
}

func cookieOf(c *galetest.Client) string { return c.Cookie("__Host-session") }

var (
	revokePath  = regexp.MustCompile(`/profile/sessions/[^/"]+/revoke`)
	sessionRows = regexp.MustCompile(`(?s)<td title="([^"]*)">([^<]*)</td><td data-label="Address">([^<]*)</td><td data-label="Last seen"><time[^>]*>([^<]*)</time></td>`)
)

// A user sees each session with its device, its address and when it was used.
func (p *processes) listed() {
	const agent = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
	phone := p.Stranger().Browser().With("User-Agent", agent)
	phone.Post("/sign-in", url.Values{"email": {"ada@example.com"}, "password": {password}}).Status(http.StatusSeeOther)
	p.in(cookieOf(phone), true)
	p.clock.Advance(3 * time.Minute)
	here := p.signIn("ada")
	shown := func(seen string) (page string) {
		p.t.Helper()
		page = here.Get("/profile/security").Status(http.StatusOK).Text()
		var rows [][]string
		for _, row := range sessionRows.FindAllStringSubmatch(page, -1) {
			if row[1] == agent {
				rows = append(rows, row[2:])
			}
		}
		assert.Equal(p.t, rows, [][]string{{"Firefox on Linux", p.addr, seen}})
		return page
	}
	shown("3 minutes ago")
	phone.Get("/profile").Status(http.StatusOK)
	page := shown("just now")
	// The one that is meant ends, with what it has open, and no other.
	mine, theirs := p.watch(here), p.watch(phone)
	here.Post(p.only(page, agent), nil).Status(http.StatusSeeOther)
	p.ended(theirs)
	p.in(cookieOf(phone), false)
	p.in(cookieOf(here), true)
	here.Post("/api/v1/channels/closed/packets", `{"kind":"mine","payload":{}}`).Status(http.StatusCreated)
	assert.Equal(p.t, next(mine.socket, 1)[0].Kind, "mine")
	assert.Contains(p.t, mine.stream.next(p.t), `"mine"`)
	here.Post(p.only(page, agent), nil).Status(http.StatusNotFound)
}

// only returns where the session of a device is ended.
func (p *processes) only(page, agent string) string {
	p.t.Helper()
	_, after, ok := strings.Cut(page, `<td title="`+agent+`">`)
	path := revokePath.FindString(after)
	if !ok || path == "" {
		p.t.Fatal("the session is not listed")
	}
	return path
}

// All others end at once; the one that stays has a new cookie, and a copy of the old
// one is worth nothing.
func (p *processes) revoked() {
	here, there, third := p.signIn("ada"), p.signIn("ada"), p.signIn("ada")
	open, copied := []live{p.watch(there), p.watch(third)}, cookieOf(here)
	here.Post("/profile/sessions/revoke", nil).Status(http.StatusSeeOther)
	for _, l := range open {
		p.ended(l)
	}
	for _, cookie := range []string{cookieOf(there), cookieOf(third), copied} {
		p.in(cookie, false)
	}
	p.in(cookieOf(here), true)
	if rows := sessionRows.FindAllString(here.Get("/profile/security").Text(), -1); len(rows) != 1 {
		p.t.Errorf("%d sessions are listed", len(rows))
	}
}

// Signing in never takes the cookie over that a browser has, whoever put it there.
func (p *processes) fixed() {
	stranger := p.Stranger().Browser()
	stranger.Get("/sign-in")
	gone := p.signIn("ada")
	gone.Post("/sign-out", nil).Status(http.StatusSeeOther)
	for _, planted := range []string{strings.Repeat("A", 43), cookieOf(p.signIn("ada")), cookieOf(gone), strings.Repeat("A", 43) + "." + strings.Repeat("A", 100)} {
		victim := p.Stranger().Browser()
		victim.SetCookie("__Host-session", planted)
		victim.Post("/sign-in", url.Values{"email": {"ada@example.com"}, "password": {password}}).Status(http.StatusSeeOther)
		if cookieOf(victim) == planted {
			p.t.Errorf("the planted cookie %.50s is kept", planted)
		}
		p.in(planted, false)
		p.in(cookieOf(victim), true)
	}
}

// Who has signed out is out, and stays so.
func (p *processes) replayed() {
	c := p.signIn("ada")
	cookie, open := cookieOf(c), p.watch(c)
	c.Post("/sign-out", nil).Status(http.StatusSeeOther)
	p.ended(open)
	p.in(cookie, false)
	c.SetCookie("__Host-session", cookie)
	if _, m := watch(c, "closed"); m.Type != "error" {
		p.t.Errorf("by an old cookie: %+v", m)
	}
	c.Post("/profile/name", url.Values{"name": {"stolen"}}).Status(http.StatusUnauthorized)
}

// A new password ends all sessions but the one that has set it, whose cookie it
// replaces.
func (p *processes) changed() {
	here, there := p.signIn("ada"), p.signIn("ada")
	open, copied := p.watch(there), cookieOf(here)
	changePassword(here)
	p.ended(open)
	for _, cookie := range []string{cookieOf(there), copied} {
		p.in(cookie, false)
	}
	p.in(cookieOf(here), true)
}
