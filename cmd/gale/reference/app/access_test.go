package app_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/config"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	gale "github.com/galeweb/gale/config"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/ratelimit"
	"github.com/galeweb/gale/router"
)

// principals are who may come, in the order of the columns below.
var principals = [...]string{"visitor", "viewer", "operator", "admin", "key", "revoked key", "disabled user"}

// access says how a route answers each of them. Requests are well formed but
// ask for what is not there or not valid, so that 422 and 404 mean: was let in.
var access = []struct {
	pattern, path string
	body          any
	want          [len(principals)]int
}{
	{"GET /{$}", "/", nil, [...]int{200, 200, 200, 200, 403, 401, 200}},
	{"GET /api", "/api", nil, [...]int{200, 200, 200, 200, 403, 401, 200}},
	{"GET /channels/{channel}", "/channels/open", nil, [...]int{200, 200, 200, 200, 403, 401, 200}},
	{"GET /channels/{channel}", "/channels/closed", nil, [...]int{404, 200, 200, 200, 403, 401, 404}},
	{"GET /channels/{channel}", "/channels/none", nil, [...]int{404, 404, 404, 404, 403, 401, 404}},
	{"GET /sign-up", "/sign-up", nil, [...]int{200, 200, 200, 200, 403, 401, 200}},
	{"POST /sign-up", "/sign-up", url.Values{}, [...]int{422, 422, 422, 422, 403, 401, 422}},
	{"GET /sign-up/confirm", "/sign-up/confirm?token=none", nil, [...]int{404, 404, 404, 404, 403, 401, 404}},
	{"POST /sign-up/confirm", "/sign-up/confirm", url.Values{}, [...]int{404, 404, 404, 404, 403, 401, 404}},
	{"GET /reset", "/reset", nil, [...]int{200, 200, 200, 200, 403, 401, 200}},
	{"POST /reset", "/reset", url.Values{}, [...]int{422, 422, 422, 422, 403, 401, 422}},
	{"GET /reset/confirm", "/reset/confirm?token=none", nil, [...]int{404, 404, 404, 404, 403, 401, 404}},
	{"POST /reset/confirm", "/reset/confirm", url.Values{}, [...]int{404, 404, 404, 404, 403, 401, 404}},
	{"GET /email/{end}", "/email/new?token=none", nil, [...]int{404, 404, 404, 404, 403, 401, 404}},
	{"GET /email/{end}", "/email/none", nil, [...]int{404, 404, 404, 404, 403, 401, 404}},
	{"POST /email/{end}", "/email/old", url.Values{"answer": {"allow"}}, [...]int{404, 404, 404, 404, 403, 401, 404}},
	{"GET /invitation", "/invitation?token=none", nil, [...]int{404, 404, 404, 404, 403, 401, 404}},
	{"POST /invitation", "/invitation", url.Values{}, [...]int{404, 404, 404, 404, 403, 401, 404}},
	{"GET /proof", "/proof?token=none", nil, [...]int{404, 404, 404, 404, 403, 401, 404}},
	{"POST /proof", "/proof", url.Values{}, [...]int{404, 404, 404, 404, 403, 401, 404}},
	{"GET /dev/outbox", "/dev/outbox", nil, [...]int{403, 403, 403, 403, 403, 401, 403}}, // by this name; see TestOutbox
	{"GET /sign-in", "/sign-in", nil, [...]int{200, 200, 200, 200, 403, 401, 200}},
	{"POST /sign-in", "/sign-in", url.Values{}, [...]int{422, 422, 422, 422, 403, 401, 422}},
	{"POST /sign-out", "/sign-out", nil, [...]int{303, 303, 303, 303, 403, 401, 303}},
	{"GET /sign-in/second", "/sign-in/second", nil, [...]int{303, 303, 303, 303, 403, 401, 303}},
	{"POST /sign-in/second", "/sign-in/second", url.Values{}, [...]int{303, 303, 303, 303, 403, 401, 303}},
	{"POST /passkeys/sign-in/begin", "/passkeys/sign-in/begin", "{}", [...]int{200, 200, 200, 200, 403, 401, 200}},
	{"POST /passkeys/sign-in/finish", "/passkeys/sign-in/finish", "{}", [...]int{422, 422, 422, 422, 403, 401, 422}},
	{"POST /passkeys/confirm/begin", "/passkeys/confirm/begin", "{}", [...]int{401, 409, 409, 409, 403, 401, 401}},
	{"POST /passkeys/confirm/finish", "/passkeys/confirm/finish", "{}", [...]int{401, 422, 422, 422, 403, 401, 401}},
	{"GET /sign-in/with/{provider}", "/sign-in/with/github", nil, [...]int{303, 303, 303, 303, 403, 401, 303}},
	{"GET /sign-in/with/{provider}/callback", "/sign-in/with/github/callback", nil, [...]int{400, 400, 400, 400, 403, 401, 400}},
	{"GET /sign-up/with", "/sign-up/with", nil, [...]int{303, 303, 303, 303, 403, 401, 303}},
	{"POST /sign-up/with", "/sign-up/with", url.Values{}, [...]int{303, 303, 303, 303, 403, 401, 303}},
	{"GET /confirm/with/{provider}", "/confirm/with/github", nil, [...]int{303, 404, 404, 404, 403, 401, 303}},
	{"GET /profile/linked/new", "/profile/linked/new", nil, [...]int{303, 200, 200, 200, 403, 401, 303}},
	{"GET /profile/linked/new/{provider}", "/profile/linked/new/github", nil, [...]int{303, 303, 303, 303, 403, 401, 303}},
	{"POST /profile/linked/remove", "/profile/linked/remove", url.Values{"issuer": {"none"}}, [...]int{401, 404, 404, 404, 403, 401, 401}},
	{"GET /second-factor", "/second-factor", nil, [...]int{303, 303, 303, 303, 403, 401, 303}},
	{"GET /confirm", "/confirm", nil, [...]int{303, 200, 200, 200, 403, 401, 303}},
	{"POST /confirm", "/confirm", url.Values{}, [...]int{401, 422, 422, 422, 403, 401, 401}},
	{"GET /profile/apps/new", "/profile/apps/new", nil, [...]int{303, 200, 200, 200, 403, 401, 303}},
	{"POST /profile/apps", "/profile/apps", url.Values{}, [...]int{401, 422, 422, 422, 403, 401, 401}},
	{"POST /profile/apps/{id}/confirm", "/profile/apps/none/confirm", url.Values{"code": {"123456"}}, [...]int{401, 404, 404, 404, 403, 401, 401}},
	{"POST /profile/apps/{id}/remove", "/profile/apps/none/remove", nil, [...]int{401, 404, 404, 404, 403, 401, 401}},
	{"GET /profile/passkeys/new", "/profile/passkeys/new", nil, [...]int{303, 200, 200, 200, 403, 401, 303}},
	{"POST /passkeys/register/begin", "/passkeys/register/begin", "{}", [...]int{401, 200, 200, 200, 403, 401, 401}},
	{"POST /passkeys/register/finish", "/passkeys/register/finish", "{}", [...]int{401, 422, 422, 422, 403, 401, 401}},
	{"POST /profile/passkeys/{id}/rename", "/profile/passkeys/none/rename", url.Values{"name": {"x"}}, [...]int{401, 404, 404, 404, 403, 401, 401}},
	{"POST /profile/passkeys/{id}/remove", "/profile/passkeys/none/remove", nil, [...]int{401, 404, 404, 404, 403, 401, 401}},
	{"GET /profile/recovery", "/profile/recovery", nil, [...]int{303, 200, 200, 200, 403, 401, 303}},
	{"POST /profile/recovery", "/profile/recovery", nil, [...]int{401, 200, 200, 200, 403, 401, 401}},
	{"POST /profile/browsers/forget", "/profile/browsers/forget", nil, [...]int{401, 303, 303, 303, 403, 401, 401}},
	{"GET /admin/users/invitations", "/admin/users/invitations", nil, [...]int{303, 403, 403, 200, 403, 401, 303}},
	{"POST /admin/users/invitations", "/admin/users/invitations", url.Values{}, [...]int{401, 403, 403, 422, 403, 401, 401}},
	{"POST /admin/users/invitations/{id}/revoke", "/admin/users/invitations/none/revoke", nil, [...]int{401, 403, 403, 404, 403, 401, 401}},
	{"POST /admin/users/{id}/factors", "/admin/users/none/factors", nil, [...]int{401, 403, 403, 404, 403, 401, 401}},
	{"GET /admin/users/{id}/why", "/admin/users/none/why", nil, [...]int{303, 403, 403, 404, 403, 401, 303}},
	{"GET /admin/roles", "/admin/roles", nil, [...]int{303, 403, 403, 200, 403, 401, 303}},
	{"POST /admin/roles", "/admin/roles", url.Values{}, [...]int{401, 403, 403, 422, 403, 401, 401}},
	{"POST /admin/roles/{role}", "/admin/roles/none", url.Values{}, [...]int{401, 403, 403, 404, 403, 401, 401}},
	{"POST /admin/roles/{role}/factor", "/admin/roles/none/factor", url.Values{}, [...]int{401, 403, 403, 404, 403, 401, 401}},
	{"POST /admin/roles/{role}/reset", "/admin/roles/none/reset", nil, [...]int{401, 403, 403, 404, 403, 401, 401}},
	{"POST /admin/roles/{role}/remove", "/admin/roles/none/remove", nil, [...]int{401, 403, 403, 404, 403, 401, 401}},
	{"POST /admin/audit/verify", "/admin/audit/verify", nil, [...]int{401, 403, 403, 303, 403, 401, 401}},
	{"GET /admin/audit", "/admin/audit", nil, [...]int{303, 403, 403, 200, 403, 401, 303}},
	{"GET /admin/audit.ndjson", "/admin/audit.ndjson", nil, [...]int{303, 403, 403, 200, 403, 401, 303}},
	{"GET /passkey.js", "/passkey.js", nil, [...]int{200, 200, 200, 200, 200, 401, 200}},
	{"GET /profile", "/profile", nil, [...]int{303, 200, 200, 200, 403, 401, 303}},
	{"POST /profile/name", "/profile/name", url.Values{}, [...]int{401, 422, 422, 422, 403, 401, 401}},
	{"POST /profile/password", "/profile/password", url.Values{}, [...]int{401, 422, 422, 422, 403, 401, 401}},
	{"POST /profile/password/remove", "/profile/password/remove", nil, [...]int{401, 303, 303, 303, 403, 401, 401}},
	{"POST /profile/sessions/{id}/revoke", "/profile/sessions/none/revoke", nil, [...]int{401, 404, 404, 404, 403, 401, 401}},
	{"POST /profile/sessions/revoke", "/profile/sessions/revoke", nil, [...]int{401, 303, 303, 303, 403, 401, 401}},
	{"GET /profile/security", "/profile/security", nil, [...]int{303, 200, 200, 200, 403, 401, 303}},
	{"GET /profile/account", "/profile/account", nil, [...]int{303, 200, 200, 200, 403, 401, 303}},
	{"POST /profile/email/proof", "/profile/email/proof", nil, [...]int{401, 200, 200, 200, 403, 401, 401}},
	{"POST /profile/email", "/profile/email", url.Values{}, [...]int{401, 422, 422, 422, 403, 401, 401}},
	{"POST /profile/delete", "/profile/delete", url.Values{}, [...]int{401, 422, 422, 422, 403, 401, 401}},
	{"GET /profile/export", "/profile/export", nil, [...]int{303, 200, 200, 200, 403, 401, 303}},
	{"POST /profile/keys", "/profile/keys", url.Values{}, [...]int{401, 403, 422, 422, 403, 401, 401}},
	{"POST /profile/keys/{id}/rotate", "/profile/keys/none/rotate", nil, [...]int{401, 403, 404, 404, 403, 401, 401}},
	{"POST /profile/keys/{id}/revoke", "/profile/keys/none/revoke", nil, [...]int{401, 403, 404, 404, 403, 401, 401}},
	{"POST /channels", "/channels", url.Values{}, [...]int{401, 403, 422, 422, 403, 401, 401}},
	{"GET /admin/users", "/admin/users", nil, [...]int{303, 403, 403, 200, 403, 401, 303}},
	{"POST /admin/users/{id}", "/admin/users/none", url.Values{"role": {"viewer"}}, [...]int{401, 403, 403, 404, 403, 401, 401}},
	{"GET /api/v1/channels", "/api/v1/channels", nil, [...]int{200, 200, 200, 200, 200, 401, 200}},
	{"POST /api/v1/channels", "/api/v1/channels", "{}", [...]int{401, 403, 422, 422, 422, 401, 401}},
	{"POST /api/v1/channels/{channel}/packets", "/api/v1/channels/open/packets", "{}", [...]int{401, 403, 422, 422, 422, 401, 401}},
	{"GET /api/v1/channels/{channel}/packets", "/api/v1/channels/open/packets", nil, [...]int{200, 200, 200, 200, 200, 401, 200}},
	{"GET /api/v1/channels/{channel}/packets", "/api/v1/channels/closed/packets", nil, [...]int{404, 200, 200, 200, 200, 401, 404}},
	{"GET /api/v1/channels/{channel}/packets.ndjson", "/api/v1/channels/open/packets.ndjson", nil, [...]int{200, 200, 200, 200, 200, 401, 200}},
	{"GET /api/v1/channels/{channel}/packets.ndjson", "/api/v1/channels/closed/packets.ndjson", nil, [...]int{404, 200, 200, 200, 200, 401, 404}},
	{"GET /api/v1/channels/{channel}/rate", "/api/v1/channels/open/rate", nil, [...]int{200, 200, 200, 200, 200, 401, 200}},
	{"GET /api/v1/channels/{channel}/rate", "/api/v1/channels/closed/rate", nil, [...]int{404, 200, 200, 200, 200, 401, 404}},
	{"GET /sign-in/again", "/sign-in/again", nil, [...]int{303, 303, 303, 303, 403, 401, 303}},
	{"GET /consent/continue", "/consent/continue?next=/oauth/authorize/resume%3Frequest=none", nil, [...]int{200, 200, 200, 200, 403, 401, 200}},
	{"GET /consent", "/consent?request=none", nil, [...]int{303, 404, 404, 404, 403, 401, 303}},
	{"POST /consent", "/consent", url.Values{"request": {"none"}, "answer": {"allow"}}, [...]int{401, 404, 404, 404, 403, 401, 401}},
	{"GET /profile/access", "/profile/access", nil, [...]int{303, 200, 200, 200, 403, 401, 303}},
	{"POST /profile/access/{id}/revoke", "/profile/access/none/revoke", nil, [...]int{401, 404, 404, 404, 403, 401, 401}},
	{"GET /admin/clients", "/admin/clients", nil, [...]int{303, 403, 403, 200, 403, 401, 303}},
	{"GET /admin/clients/new", "/admin/clients/new", nil, [...]int{303, 403, 403, 200, 403, 401, 303}},
	{"POST /admin/clients", "/admin/clients", url.Values{}, [...]int{401, 403, 403, 422, 403, 401, 401}},
	{"POST /admin/clients/{id}/rotate", "/admin/clients/none/rotate", url.Values{}, [...]int{401, 403, 403, 404, 403, 401, 401}},
	{"GET /admin/clients/{id}", "/admin/clients/none", nil, [...]int{303, 403, 403, 404, 403, 401, 303}},
	{"POST /admin/clients/{id}", "/admin/clients/none", url.Values{"name": {"x"}}, [...]int{401, 403, 403, 404, 403, 401, 401}},
	{"POST /admin/clients/{id}/disable", "/admin/clients/none/disable", nil, [...]int{401, 403, 403, 404, 403, 401, 401}},
	{"POST /admin/clients/{id}/enable", "/admin/clients/none/enable", nil, [...]int{401, 403, 403, 404, 403, 401, 401}},
	{"POST /admin/clients/{id}/delete", "/admin/clients/none/delete", nil, [...]int{401, 403, 403, 404, 403, 401, 401}},
	{"/oauth/authorize", "/oauth/authorize", nil, [...]int{400, 400, 400, 400, 403, 401, 400}},
	{"/oauth/authorize/resume", "/oauth/authorize/resume", nil, [...]int{404, 404, 404, 404, 403, 401, 404}},
	{"/oauth/token", "/oauth/token", nil, [...]int{405, 405, 405, 405, 405, 405, 405}},
	{"/oauth/introspect", "/oauth/introspect", nil, [...]int{405, 405, 405, 405, 405, 405, 405}},
	{"/oauth/revoke", "/oauth/revoke", nil, [...]int{405, 405, 405, 405, 405, 405, 405}},
	{"/oauth/userinfo", "/oauth/userinfo", nil, [...]int{401, 401, 401, 401, 401, 401, 401}},
	{"/oauth/jwks", "/oauth/jwks", nil, [...]int{200, 200, 200, 200, 200, 200, 200}},
	{"/oauth/.well-known/openid-configuration", "/oauth/.well-known/openid-configuration", nil, [...]int{200, 200, 200, 200, 200, 200, 200}},
	{"/.well-known/oauth-authorization-server/oauth", "/.well-known/oauth-authorization-server/oauth", nil, [...]int{200, 200, 200, 200, 200, 200, 200}},
	{"GET /live", "/live", nil, [...]int{426, 426, 426, 426, 426, 401, 426}},
	{"POST /live", "/live", "{}", [...]int{405, 405, 405, 405, 405, 401, 405}},
	{"GET /hub.js", "/hub.js", nil, [...]int{200, 200, 200, 200, 200, 401, 200}},
	{"/static/", "/static/none.css", nil, [...]int{404, 404, 404, 404, 404, 404, 404}},
}

// TestAccess says for every route who is let in. A route that is not in the
// table fails it.
func TestAccess(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		listed := map[string]bool{}
		for _, row := range access {
			listed[row.pattern] = true
		}
		for route := range s.app.Handler().(*router.Router).Routes() {
			if !listed[route.Pattern] {
				t.Errorf("%s (%s) is not in the table; say who may", route.Pattern, route.Location)
			}
			delete(listed, route.Pattern)
		}
		assert.Equal(t, listed, map[string]bool{}) // no row without a route

		s.furnish()
		s.user("olga", models.Operator)
		s.user("vera", models.Viewer)
		dora := s.user("dora", models.Operator)
		plain, _ := s.key(s.signIn("olga"), "probe")
		revoked, id := s.key(s.signIn("olga"), "lost")
		s.signIn("olga").Post("/profile/keys/"+id+"/revoke", nil).Status(http.StatusSeeOther)
		disable := func(disabled bool) {
			_, err := s.store.UpdateUser(t.Context(), dora.ID, func(u *models.User) error { u.Disabled = disabled; return nil })
			assert.NoError(t, err)
		}
		come := map[string]func() *galetest.Client{
			"visitor":     func() *galetest.Client { return s.Stranger().Browser() },
			"viewer":      func() *galetest.Client { return s.signIn("vera") },
			"operator":    func() *galetest.Client { return s.signIn("olga") },
			"admin":       func() *galetest.Client { return s.signIn("ada") },
			"key":         func() *galetest.Client { return s.Stranger().Bearer(plain) },
			"revoked key": func() *galetest.Client { return s.Stranger().Bearer(revoked) },
			"disabled user": func() *galetest.Client { // with a session from before
				disable(false)
				defer disable(true)
				return s.signIn("dora")
			},
		}
		got, want := "", ""
		for _, row := range access {
			method, _, ok := strings.Cut(row.pattern, " ")
			if !ok {
				method = http.MethodGet
			}
			for i, who := range principals {
				s.clock.Advance(2 * time.Second)
				c := come[who]()
				r := c.Do(c.NewRequest(method, row.path, row.body))
				if r.Raw.StatusCode != row.want[i] {
					got += fmt.Sprintf("%s %s as %s: %d\n", method, row.path, who, r.Raw.StatusCode)
					want += fmt.Sprintf("%s %s as %s: %d\n", method, row.path, who, row.want[i])
				}
			}
		}
		if got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}, withProvider, byClock)
}

// byClock has limits count by the site's clock: right passwords are bounded too,
// to one in two seconds.
func byClock(_ testing.TB, s *site) {
	s.limits = ratelimit.NewMemory(ratelimit.MemoryOptions{Clock: s.clock.Now})
}

// withProvider has the routes of providers, of one whose address is known without
// asking.
func withProvider(_ testing.TB, s *site) {
	s.config.Providers = config.Providers{GitHubID: "relay", GitHubSecret: gale.NewSecret("secret")}
}
