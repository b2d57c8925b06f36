package oauth_test

import (
	"net/http"
	"testing"

	"github.com/galeweb/gale/auth/oauth"
	"github.com/galeweb/gale/config"
	"github.com/galeweb/gale/internal/assert"
)

const (
	contoso = "11111111-2222-3333-4444-555555555555"
	other   = "99999999-2222-3333-4444-555555555555"
	persons = "9188040d-6c67-4c5b-b112-36a304b66dad"
	login   = "login.microsoftonline.com"
)

func issuerOf(tenant string) string { return "https://" + login + "/" + tenant + "/v2.0" }

// microsoft is Microsoft as seen from a tenant, in the shapes of
// https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc
func microsoft(tenant, documentIssuer string) func(*fake, *oauth.Options) {
	return func(f *fake, o *oauth.Options) {
		o.Providers = []oauth.Provider{oauth.Microsoft(tenant, clientID, config.NewSecret(secret))}
		at := "https://" + login + "/" + tenant
		f.doc = map[string]any{
			"issuer": documentIssuer, "authorization_endpoint": at + "/oauth2/v2.0/authorize",
			"token_endpoint": "https://" + login + "/token", "jwks_uri": "https://" + login + "/keys",
			"userinfo_endpoint":                     "https://graph.microsoft.com/oidc/userinfo",
			"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt"},
		}
		f.routes[login+"/token"] = posted(f)
		f.keys = map[string]any{"issuer": issuerOf("{tenantid}")}
	}
}

func (w *world) microsoftBack() string {
	return "/login/microsoft/callback?" + w.agree(w.start("/login/microsoft")).Encode()
}

func TestMicrosoftTenants(t *testing.T) {
	t.Parallel()
	for configured, tc := range map[string]struct {
		document string
		takes    map[string]bool
	}{
		"common":        {"{tenantid}", map[string]bool{contoso: true, other: true, persons: true}},
		"organizations": {"{tenantid}", map[string]bool{contoso: true, other: true, persons: false}},
		"consumers":     {persons, map[string]bool{contoso: false, persons: true}},
		contoso:         {contoso, map[string]bool{contoso: true, other: false, persons: false}},
	} {
		t.Run(configured, func(t *testing.T) {
			t.Parallel()
			run(t, microsoft(configured, issuerOf(tc.document)), func(t *testing.T, w *world) {
				for tenant, ok := range tc.takes {
					w.set(func() { w.claims = map[string]any{"iss": issuerOf(tenant), "tid": tenant}; w.last = oauth.Result{} })
					if !ok {
						w.c.ExpectLog("is not for tenant")
						w.c.Get(w.microsoftBack()).Status(502).Problem("oauth_refused")
						continue
					}
					w.c.Get(w.microsoftBack()).Status(303)
					assert.Equal(t, w.result().Identity, oauth.Identity{
						Provider: "microsoft", Issuer: issuerOf(tenant), Subject: "subject-1", Tenant: tenant,
						Email: "ann@example.com", Name: "Ann", // not verified, whatever email_verified says
					})
				}
			})
		})
	}
}

func TestMicrosoftIssuersThatAreNone(t *testing.T) {
	t.Parallel()
	run(t, microsoft("common", issuerOf("{tenantid}")), func(t *testing.T, w *world) {
		w.c.ExpectLog("request failed")
		for _, claims := range []map[string]any{
			{"iss": issuerOf(contoso), "tid": other},
			{"iss": issuerOf(contoso)},
			{"iss": issuerOf("{tenantid}"), "tid": "{tenantid}"},
			{"iss": issuerOf("common"), "tid": "common"},
			{"iss": "https://evil.example/" + contoso + "/v2.0", "tid": contoso},
			{"iss": issuerOf("../" + contoso), "tid": "../" + contoso},
			{"iss": issuerOf(""), "tid": ""},
		} {
			w.set(func() { w.claims = claims })
			w.c.Get(w.microsoftBack()).Status(502).Problem("oauth_refused")
		}
		assert.Equal(t, w.result(), oauth.Result{})
	})
}

// A key for the accounts of persons must not make a token of an organisation.
func TestMicrosoftKeyOfAnotherTenant(t *testing.T) {
	t.Parallel()
	run(t, microsoft("common", issuerOf("{tenantid}")), func(t *testing.T, w *world) {
		w.c.ExpectLog("the key of the ID token is for")
		w.set(func() {
			w.keys = map[string]any{"issuer": issuerOf(persons)}
			w.claims = map[string]any{"iss": issuerOf(contoso), "tid": contoso}
		})
		w.c.Get(w.microsoftBack()).Status(502).Problem("oauth_refused")
		assert.Equal(t, w.result(), oauth.Result{})
		w.set(func() { w.claims = map[string]any{"iss": issuerOf(persons), "tid": persons} })
		w.c.Get(w.microsoftBack()).Status(303)
	})
}

// nOAuth: the administrator of any tenant gives an account the victim's address.
func TestMicrosoftMailIsVerifiedByItsDomainOnly(t *testing.T) {
	t.Parallel()
	run(t, microsoft("common", issuerOf("{tenantid}")), func(t *testing.T, w *world) {
		for _, tc := range []struct {
			edov any
			want bool
		}{{nil, false}, {false, false}, {0, false}, {"0", false}, {true, true}, {1, true}, {"1", true}} {
			w.set(func() {
				w.claims = map[string]any{"iss": issuerOf(other), "tid": other, "email_verified": true, "xms_edov": tc.edov}
			})
			w.c.Get(w.microsoftBack()).Status(303)
			assert.Equal(t, w.result().Identity.EmailVerified, tc.want)
		}
	})
}

func TestMicrosoftRotatesItsKeys(t *testing.T) {
	t.Parallel()
	run(t, microsoft("common", issuerOf("{tenantid}")), func(t *testing.T, w *world) {
		w.set(func() { w.claims = map[string]any{"iss": issuerOf(contoso), "tid": contoso} })
		w.c.Get(w.microsoftBack()).Status(303)
		w.set(func() { w.key, w.kid = newFake(t).key, "k2" })
		w.c.Get(w.microsoftBack()).Status(303)
		w.set(func() { w.routes[login+"/keys"] = status(http.StatusInternalServerError) })
		w.c.Get(w.microsoftBack()).Status(303)
		w.c.Get(w.microsoftBack() + "&iss=" + issuerOf(contoso)).Status(303)
		w.c.ExpectLog("mix-up")
		w.c.Get(w.microsoftBack() + "&iss=" + issuerOf("common")).Status(502).Problem("oauth_refused")
	})
}
