package app_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/router"
)

// requiredOf has a site ask a second factor of "admins" or "all".
func requiredOf(who string) setting {
	return func(_ testing.TB, s *site) { s.config.Factor = who }
}

// ask has an admin say that a role must use a second factor, or not.
func ask(admin *galetest.Client, role, must string) *galetest.Response {
	return admin.Post("/admin/roles/"+role+"/factor", url.Values{"must": {must}})
}

// remove returns the path that removes the only app of who is signed in.
func remove(c *galetest.Client) string {
	_, path, _ := strings.Cut(c.Get("/profile/security").Status(http.StatusOK).Text(), `action="/profile/apps/`)
	path, _, _ = strings.Cut(path, `"`)
	return "/profile/apps/" + path
}

// reached returns the routes that answer c otherwise than by leading it to its
// second factor or refusing it for want of that.
func reached(s *site, c func() *galetest.Client, but ...string) map[string]bool {
	s.t.Helper()
	got := map[string]bool{}
	bodies := map[string]any{}
	paths := map[string]string{}
	for _, row := range access {
		paths[row.pattern], bodies[row.pattern] = row.path, row.body
	}
	for route := range s.app.Handler().(*router.Router).Routes() {
		if slices.Contains(but, route.Pattern) {
			continue
		}
		method, _, ok := strings.Cut(route.Pattern, " ")
		if !ok {
			method = http.MethodGet
		}
		c := c()
		for _, accept := range []string{"text/html", "application/json"} {
			r := c.NewRequest(method, paths[route.Pattern], bodies[route.Pattern])
			r.Header.Set("Accept", accept)
			a := c.Do(r)
			switch {
			case a.Raw.StatusCode == http.StatusSeeOther && a.Header("Location") == "/second-factor":
			case a.Raw.StatusCode == http.StatusForbidden && strings.Contains(a.Text(), "must use a second factor"):
			default:
				got[route.Pattern] = true
			}
		}
	}
	return got
}

// programs are the routes that know no sessions, and files.
var programs = [...]string{
	"/static/", "/oauth/token", "/oauth/introspect", "/oauth/revoke", "/oauth/userinfo", "/oauth/jwks",
	"/oauth/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/oauth",
}

func routes(more ...string) map[string]bool {
	all := map[string]bool{}
	for _, pattern := range append(more, programs[:]...) {
		all[pattern] = true
	}
	return all
}

// A password alone opens nothing but the way to a second factor, and where there
// is one, not even that: no route is forgotten.
func TestPasswordAloneReachesNothing(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.signUp("ada").Get("/").Status(http.StatusSeeOther).HasHeader("Location", "/second-factor")
		c := s.signIn("ada")
		c.Get("/second-factor").Status(http.StatusOK).Contains("Set up a second factor").Contains("/profile/apps/new")
		both := []string{
			"GET /second-factor", "POST /sign-out", "GET /confirm", "POST /confirm", "GET /passkey.js", "GET /hub.js",
			"POST /passkeys/confirm/begin", "POST /passkeys/confirm/finish",
		}
		assert.Equal(t, reached(s, func() *galetest.Client { s.clock.Advance(2 * time.Second); return s.signIn("ada") }), routes(append(both,
			"GET /profile/apps/new", "POST /profile/apps", "POST /profile/apps/{id}/confirm",
			"GET /profile/passkeys/new", "POST /passkeys/register/begin", "POST /passkeys/register/finish")...))

		// The owner sets an app up. Who has come in by the password before, such as
		// a thief who was waiting, gets nowhere, and cannot add a factor of theirs.
		c = s.signIn("ada") // those were more than a user may have
		thief, begun := s.signIn("ada"), s.signIn("ada")
		page := begun.Post("/profile/apps", url.Values{"name": {"theirs"}}).Status(http.StatusOK).Text()
		change := func(sql string) {
			_, err := s.db.Exec(t.Context(), sql)
			assert.NoError(t, err)
		}
		change("CREATE TABLE before AS SELECT * FROM sessions")
		app := s.enroll(c)
		c.Get("/profile").Status(http.StatusOK)
		begun.Post(confirmAt.FindString(page), url.Values{"code": {"000000"}}).Status(http.StatusUnauthorized)
		thief.Get("/second-factor").Status(http.StatusSeeOther).HasHeader("Location", "/sign-in?next=%2Fsecond-factor")

		// Nor would they, had their sessions not ended with the change.
		change("INSERT INTO sessions SELECT * FROM before")
		change("UPDATE users SET epoch = epoch - 1")
		begun.Post(confirmAt.FindString(page), url.Values{"code": {(&authenticator{s: s, secret: secretOf(t, grouped.FindStringSubmatch(page)[1])}).code()}}).Status(http.StatusForbidden)
		thief.Get("/second-factor").Status(http.StatusOK).Contains("Show your second factor")
		got := reached(s, func() *galetest.Client { return thief }, "POST /sign-out") // which would end the session
		got["POST /sign-out"] = true
		assert.Equal(t, got, routes(both...))

		// The password once more is no second factor.
		thief = begun
		thief.Post("/confirm", url.Values{"password": {password}, "next": {"/profile"}}).Status(http.StatusUnprocessableEntity)
		thief.Get("/profile").Status(http.StatusSeeOther).HasHeader("Location", "/second-factor")
		thief.Post("/confirm", url.Values{"code": {"000000"}}).Status(http.StatusUnprocessableEntity)
		thief.Get("/profile").Status(http.StatusSeeOther)
		thief.Post("/confirm", url.Values{"code": {app.code()}, "next": {"/profile"}}).Status(http.StatusSeeOther).HasHeader("Location", "/profile")
		thief.Get("/profile").Status(http.StatusOK)
		thief.Get("/second-factor").Status(http.StatusSeeOther).HasHeader("Location", "/")
	}, withProvider, requiredOf("admins"), byClock)
}

// A role that begins to ask for a second factor counts for all that is open:
// sessions, live connections, keys and apps.
func TestARoleThatAsksForAFactor(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		admin := s.signIn("ada")
		u := s.user("olga", models.Operator)
		olga, other := s.signIn("olga"), s.signIn("olga")
		plain, _ := s.key(olga, "probe")
		program := s.Stranger().Bearer(plain)
		bySession, m := watch(olga, "closed")
		assert.Equal(t, m.Type, "subscribed")
		byKey, m := watch(program, "closed")
		assert.Equal(t, m.Type, "subscribed")

		ask(olga, "viewer", "true").Status(http.StatusForbidden)
		ask(admin, "none", "true").Status(http.StatusNotFound)
		ask(admin, "operator", "true").Status(http.StatusSeeOther)
		admin.Get("/admin/roles").Status(http.StatusOK).Contains("1 has none yet")
		for _, socket := range []*galetest.Socket{bySession, byKey} {
			socket.JSON(&m)
			assert.Equal(t, m.Type+" "+m.Code, "unsubscribed revoked")
		}
		olga.Get("/profile").Status(http.StatusSeeOther).HasHeader("Location", "/second-factor")
		olga.With("Accept", "application/json").Get("/api/v1/channels").Status(http.StatusForbidden).Contains("factor_required")
		program.Get("/api/v1/channels").Status(http.StatusForbidden).Contains("factor_required")
		assert.Equal(t, olga.RefusedWebSocket("/live"), http.StatusForbidden)
		assert.Equal(t, program.RefusedWebSocket("/live"), http.StatusForbidden)
		admin.Get("/admin/users/" + u.ID + "/why").Status(http.StatusOK).Contains("olga must use a second factor and has none")
		program.Post(sendPath, `{"kind":"k","payload":{}}`).Status(http.StatusForbidden)
		admin.Get("/profile").Status(http.StatusOK) // another role

		app := s.enroll(olga)
		olga.Get("/profile").Status(http.StatusOK)
		program.Post(sendPath, `{"kind":"k","payload":{}}`).Status(http.StatusCreated)
		other.Get("/profile").Status(http.StatusSeeOther).HasHeader("Location", "/sign-in?next=%2Fprofile")
		if _, m = watch(olga, "closed"); m.Type != "subscribed" {
			t.Errorf("with a factor: %+v", m)
		}

		// The last one stays, and another way in does not get around that.
		olga.Post(remove(olga), nil).Status(http.StatusSeeOther)
		olga.Get("/profile/security").Status(http.StatusOK).Contains("this is your last")
		trusting := s.half("olga")
		trusting.Post("/sign-in/second", url.Values{"code": {app.code()}, "trust": {"true"}}).Status(http.StatusSeeOther)
		trusting.Post("/sign-out", nil).Status(http.StatusSeeOther)
		trusting.Post("/sign-in", url.Values{"email": {"olga@example.com"}, "password": {password}}).Status(http.StatusSeeOther)
		trusting.Get("/profile").Status(http.StatusOK) // a factor was shown in this browser
		lost := s.half("olga")
		second(lost, app.codes[0]).Status(http.StatusSeeOther)
		lost.Get("/profile").Status(http.StatusOK)

		ask(admin, "operator", "").Status(http.StatusSeeOther)
		olga.Post(remove(olga), nil).Status(http.StatusSeeOther)
		olga.Get("/profile").Status(http.StatusOK)
		ask(admin, "operator", "true").Status(http.StatusSeeOther)
		olga.Get("/profile").Status(http.StatusSeeOther).HasHeader("Location", "/second-factor") // though one was shown once
	})
}

// Somebody is given a role that asks for a factor while signed in, and an admin
// who has lost the last one is helped by another, not by himself.
func TestAFactorIsAskedOfWhoIsPromoted(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		ada := s.signUp("ada")
		s.enroll(ada)
		olga := s.user("olga", models.Viewer)
		c := s.signIn("olga")
		c.Get("/profile").Status(http.StatusOK)
		s.give(ada, olga, "admin").Status(http.StatusSeeOther)
		c.Get("/admin/users").Status(http.StatusSeeOther).HasHeader("Location", "/second-factor")
		ada.Get("/admin/users").Status(http.StatusOK).Contains("no second factor")
		s.enroll(c)
		c.Get("/admin/users").Status(http.StatusOK)
		c.Post("/admin/users/"+olga.ID+"/factors", nil).Status(http.StatusConflict) // around the rule that the last one stays
		c.Get("/admin/users").Status(http.StatusOK)
		ada.Post("/admin/users/"+olga.ID+"/factors", nil).Status(http.StatusSeeOther)
		c = s.signIn("olga")
		c.Get("/admin/users").Status(http.StatusSeeOther).HasHeader("Location", "/second-factor")
		s.enroll(c)
		c.Get("/admin/users").Status(http.StatusOK)
	}, requiredOf("admins"))
}

// Of two factors that are removed at once, in two sessions, one stays.
func TestTheLastFactorStaysAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		c := s.signUp("ada")
		app := s.enroll(c)
		first := remove(c)
		page := c.Post("/profile/apps", url.Values{"name": {"tablet"}}).Status(http.StatusOK).Text()
		tablet := &authenticator{s: s, secret: secretOf(t, grouped.FindStringSubmatch(page)[1])}
		c.Post(confirmAt.FindString(page), url.Values{"code": {tablet.code()}}).Status(http.StatusSeeOther)
		paths := []string{first, strings.Replace(confirmAt.FindString(page), "/confirm", "/remove", 1)}
		s.clock.Advance(time.Minute)
		var wg sync.WaitGroup
		var failed atomic.Int64
		var sessions []*galetest.Client
		for range paths {
			in := s.half("ada")
			second(in, app.code()).Status(http.StatusSeeOther)
			s.clock.Advance(time.Minute)
			sessions = append(sessions, in)
		}
		for i, path := range paths {
			r := sessions[i].NewRequest(http.MethodPost, path, nil)
			wg.Go(func() {
				answer, err := sessions[i].HTTP().Do(r)
				if err != nil || answer.Body.Close() != nil || answer.StatusCode != http.StatusSeeOther && answer.StatusCode != http.StatusUnauthorized { // which the other has ended
					failed.Add(1)
				}
			})
		}
		wg.Wait()
		assert.Equal(t, failed.Load(), 0)
		u, err := s.store.UserByEmail(t.Context(), "ada@example.com")
		assert.NoError(t, err)
		assert.Equal(t, u.HasFactor, true)
		assert.Equal(t, len(s.records("totp.removed")), 1)
	}, requiredOf("all"))
}

// An app that a user has allowed loses its access with the user's, and who signs
// in elsewhere by relay is not let in by a password alone.
func TestAppsOfWhoLacksAFactor(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		admin := s.signUp("ada")
		s.enroll(admin)
		app := s.register(admin)
		s.user("olga", models.Viewer)
		olga := s.signIn("olga")
		tokens := s.allow(olga, app)
		program := s.Stranger().Bearer(tokens.Access)
		program.Get("/api/v1/channels").Status(http.StatusOK)
		ask(admin, "viewer", "true").Status(http.StatusSeeOther)
		program.Get("/api/v1/channels").Status(http.StatusForbidden).Contains("factor_required")
		program.Get("/oauth/userinfo").Status(http.StatusUnauthorized)
		s.refused(s.refresh(app, tokens.Refresh), http.StatusBadRequest, "invalid_grant")
		olga.Get(app.ask()).Status(http.StatusSeeOther).HasHeader("Location", "/second-factor")
	})
}
