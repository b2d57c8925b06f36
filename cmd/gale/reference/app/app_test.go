package app_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/auth/strength"
	"github.com/galeweb/gale/cmd/gale/reference/app"
	"github.com/galeweb/gale/cmd/gale/reference/config"
	"github.com/galeweb/gale/cmd/gale/reference/database"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/internal/idp"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/drivers/galepgx"
	"github.com/galeweb/gale/drivers/galesqlite"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/mail"
	"github.com/galeweb/gale/middleware"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/ratelimit"
	"github.com/galeweb/gale/session"
)

// public is where the sites are reached, as their configuration says.
const public = "https://relay.example.com"

// password is everybody's.
const password = "correct horse battery"

// site is relay under test, behind the middleware that gale.Run puts around it.
type site struct {
	*galetest.Client // a program without credentials
	t                *testing.T
	app              *app.App
	db               *db.DB
	file             string // of the database, where a test needs it
	store            *database.Store
	keys             *keys
	reload           chan os.Signal // has the keys read again
	clock            *galetest.Clock
	handler          http.Handler
	config           config.Config
	outbox           *galetest.Outbox
	log              *galetest.Log
	proxies          []netip.Prefix
	limits           ratelimit.Store // nil for the database's, which counts by real time
	sessions         session.Store   // nil for the database's
	breached         []*strength.List
	idp              *idp.Server // nil but for tests of providers
	often            bool        // it looks all the time for what others have changed
}

// setting changes what a site is built of.
type setting func(tb testing.TB, s *site)

// onSQLite runs body on each server, with an empty site each.
func onSQLite(t *testing.T, body func(t *testing.T, s *site), settings ...setting) {
	t.Helper()
	t.Parallel()
	for _, server := range []string{galetest.Engine, galetest.NetHTTP} {
		runSite(t, server, galesqlite.Driver(), body, settings)
	}
}

// onEach does so on SQLite and on Postgres.
func onEach(t *testing.T, body func(t *testing.T, s *site), settings ...setting) {
	t.Helper()
	onSQLite(t, body, settings...)
	t.Run("postgres", func(t *testing.T) {
		runSite(t, galetest.Engine, galepgx.Driver(), body, settings)
	})
}

func runSite(t *testing.T, server string, driver db.Driver, body func(t *testing.T, s *site), settings []setting) {
	t.Helper()
	s := &site{}
	galetest.RunWith(t, galetest.Options{Servers: []string{server}}, func(tb testing.TB) http.Handler {
		s.db = openDB(tb, driver)
		s.start(tb, settings)
		return s.handler
	}, func(t *testing.T, c *galetest.Client) {
		s.t, s.Client = t, c
		body(t, s)
	})
}

// openDB returns an empty database. On SQLite it does without the waits for the
// disk, since only a loss of power could tell.
func openDB(tb testing.TB, driver db.Driver) *db.DB {
	tb.Helper()
	if driver == galepgx.Driver() {
		return galetest.DB(tb, galetest.DBOptions{Driver: driver, Migrations: database.Migrations()})
	}
	content, err := migrated()
	path := filepath.Join(tb.TempDir(), "relay.db")
	if err == nil {
		err = os.WriteFile(path, content, 0o600)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return openFile(tb, path+"?synchronous=normal", db.Options{})
}

// migrated returns an SQLite database that is empty and up to date, made once:
// each site has a copy of it.
var migrated = sync.OnceValues(func() (content []byte, err error) {
	dir, err := os.MkdirTemp("", "migrated")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "relay.db")
	ctx := obs.WithLogger(context.Background(), slog.New(slog.DiscardHandler))
	d, err := db.Open(ctx, "sqlite:"+path, db.Options{Drivers: database.Drivers(), SlowQuery: -1})
	if err != nil {
		return nil, err
	}
	err = database.Migrate(ctx, d)
	if err := errors.Join(err, d.Close()); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// openFile opens a SQLite database and brings it up to date.
func openFile(tb testing.TB, path string, o db.Options) *db.DB {
	tb.Helper()
	o.Drivers, o.SlowQuery = database.Drivers(), -1
	d, err := db.Open(tb.Context(), "sqlite:"+path, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := d.Close(); err != nil {
			tb.Error(err)
		}
	})
	if err := database.Migrate(tb.Context(), d); err != nil {
		tb.Fatal(err)
	}
	return d
}

// start builds the application on s.db.
func (s *site) start(tb testing.TB, settings []setting) {
	tb.Helper()
	s.clock = galetest.NewClock(tb, time.Time{})
	s.config = config.Config{Env: "dev", SignUp: true, SessionLife: 24 * time.Hour, SessionIdle: time.Hour, PublicURL: public}
	s.outbox, s.log = galetest.NewOutbox(tb), galetest.NewLog(tb)
	s.outbox.From = "relay@example.com"
	if s.keys == nil {
		s.keys = newKeys(tb, s.clock.Now())
	}
	for _, set := range settings {
		set(tb, s)
	}
	s.store, s.reload = database.New(s.db, s.keys.ring), make(chan os.Signal, 1)
	var transport http.RoundTripper
	if s.idp != nil {
		transport = s.idp.Transport
	}
	look := time.Duration(0)
	if s.often {
		look = time.Millisecond
	}
	a, err := app.New(app.Options{
		Config: s.config, DB: s.db, Logger: s.log.Logger(), Now: s.clock.Now, Keys: s.keys.ring, Mail: &s.outbox.Memory, Limits: s.limits, Sessions: s.sessions, Breached: s.breached, Reload: s.reload, Transport: transport,
		RolesEvery: look, VerifyLook: look, SweepEvery: look,
		Hasher: auth.HasherOptions{MemoryKiB: 8, Time: 1, Threads: 1, Queue: 100},
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		a.Drain(context.Background())
		if err := a.Close(context.Background()); err != nil {
			tb.Error(err)
		}
		a = nil // the testing package keeps this function, and would keep all sites
	})
	s.app = a
	s.handler = middleware.Chain(a.Handler(), middleware.Default(middleware.DefaultOptions{
		ClientIP: middleware.ClientIPOptions{Trusted: s.proxies}, CrossOrigin: a.CrossOrigin(),
	})...)
}

// signUp makes an account, by the link in the mail unless it is the first, and
// returns its owner's browser, signed in.
func (s *site) signUp(name string) *galetest.Client {
	s.t.Helper()
	c := s.Stranger().Browser()
	form := url.Values{"name": {name}, "email": {name + "@example.com"}, "password": {password}}
	form.Set("setup", s.setup())
	r := c.Post("/sign-up", form)
	if r.Raw.StatusCode == http.StatusOK {
		s.confirm(c, name)
	} else {
		r.Status(http.StatusSeeOther)
	}
	return c
}

var setupInLog = regexp.MustCompile(`/sign-up\?setup=([\w-]+)`)

// setup returns the token that the log has for the very first account, or "".
func (s *site) setup() string {
	found := setupInLog.FindStringSubmatch(s.log.Text())
	if found == nil {
		return ""
	}
	return found[1]
}

// confirm makes the account that was asked for.
func (s *site) confirm(c *galetest.Client, name string) {
	s.t.Helper()
	token := s.token(name+"@example.com", "Confirm your mail address")
	c.Post("/sign-up/confirm", url.Values{"token": {token}, "name": {name}, "password": {password}}).Status(http.StatusSeeOther)
}

// mail returns the newest mail to an address with the subject, waiting for it.
func (s *site) mail(address, subject string) mail.Message {
	s.t.Helper()
	is := func(m mail.Message) bool { return m.IsTo(address) && m.Subject == subject }
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
	defer cancel()
	m, err := s.outbox.Wait(ctx, is)
	if err != nil {
		s.t.Fatalf("no mail %q to %s: %v", subject, address, err)
	}
	for _, later := range s.outbox.Messages() {
		if is(later) {
			m = later
		}
	}
	return m
}

var linkInMail = regexp.MustCompile(`(?m)^(https?://\S+)\?token=([\w-]{43})$`)

// token returns that of the link in a mail.
func (s *site) token(address, subject string) string {
	s.t.Helper()
	found := linkInMail.FindStringSubmatch(s.mail(address, subject).Text)
	if found == nil {
		s.t.Fatalf("the mail %q has no link", subject)
	}
	return found[2]
}

// signIn returns a browser that is signed in.
func (s *site) signIn(name string) *galetest.Client {
	s.t.Helper()
	c := s.Stranger().Browser()
	c.Post("/sign-in", url.Values{"email": {name + "@example.com"}, "password": {password}}).Status(http.StatusSeeOther)
	return c
}

// user makes an account with a role.
func (s *site) user(name string, role models.Role) models.User {
	s.t.Helper()
	s.signUp(name)
	u, err := s.store.UserByEmail(s.t.Context(), name+"@example.com")
	if err == nil && u.Role != role {
		u, err = s.store.UpdateUser(s.t.Context(), u.ID, func(u *models.User) error { u.Role = role; return nil })
	}
	assert.NoError(s.t, err)
	return u
}

var keyOnPage = regexp.MustCompile(`pkt_[A-Za-z0-9_]{40,}`)

// wish is the form for a key that may all that a key can.
func wish(name string) url.Values {
	return url.Values{"name": {name}, "scopes": {"packets.read", "packets.send", "channels.manage"}, "life": {"90 days"}}
}

// key makes an API key and returns it and its id.
func (s *site) key(owner *galetest.Client, name string) (plain, id string) {
	s.t.Helper()
	plain = keyOnPage.FindString(owner.Post("/profile/keys", wish(name)).Status(http.StatusCreated).Text())
	id, _, _ = strings.Cut(strings.TrimPrefix(plain, "pkt_"), "_")
	if id == "" {
		s.t.Fatal("no key on the page")
	}
	return plain, id
}

// furnish makes an admin, a channel that is open and one that is not, and
// returns a program that may send.
func (s *site) furnish() *galetest.Client {
	s.t.Helper()
	admin := s.signUp("ada")
	admin.Post("/channels", url.Values{"name": {"open"}, "title": {"Open"}, "public": {"true"}}).Status(http.StatusSeeOther)
	admin.Post("/channels", url.Values{"name": {"closed"}, "title": {"Closed"}}).Status(http.StatusSeeOther)
	plain, _ := s.key(admin, "probe")
	return s.Stranger().Bearer(plain)
}

// packet is a packet as the API shows it.
type packet struct {
	ID        int64          `json:"id"`
	Kind      string         `json:"kind"`
	Sender    string         `json:"sender"`
	Payload   map[string]any `json:"payload"`
	ClientID  string         `json:"client_id"`
	CreatedAt time.Time      `json:"created_at"`
}

// page is a page of a list.
type page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"`
}

// stored returns all packets of a channel, by following the list's cursors.
func stored(c *galetest.Client, channel string) (all []packet) {
	query := "after=0"
	for {
		var p page[packet]
		c.Get("/api/v1/channels/" + channel + "/packets?limit=1000&" + query).Status(http.StatusOK).JSON(&p)
		all = append(all, p.Items...)
		if p.Next == "" {
			return all
		}
		query = "cursor=" + url.QueryEscape(p.Next)
	}
}

// ndjson is a request that streams lines.
func ndjson(c *galetest.Client, channel, lines string) *http.Request {
	r := c.NewRequest(http.MethodPost, "/api/v1/channels/"+channel+"/packets", strings.NewReader(lines))
	r.Header.Set("Content-Type", "application/x-ndjson")
	return r
}

func lineOf(clientID string, n int) string {
	return fmt.Sprintf(`{"kind":"k","client_id":%q,"payload":{"n":%d}}`+"\n", clientID, n)
}
