package config

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"

	gale "github.com/galeweb/gale/config"
)

// Providers are those that people may sign in with. Each is on when its id is
// set; with none, nothing of it is shown or answered.
type Providers struct {
	GoogleID        string      `env:"GOOGLE_ID" desc:"client id of relay at Google; the redirect address to register is PUBLIC_URL/sign-in/with/google/callback; default off"`
	GoogleSecret    gale.Secret `env:"GOOGLE_SECRET" desc:"client secret that belongs to GOOGLE_ID"`
	GitHubID        string      `env:"GITHUB_ID" desc:"client id of relay at GitHub; the redirect address is PUBLIC_URL/sign-in/with/github/callback; default off"`
	GitHubSecret    gale.Secret `env:"GITHUB_SECRET" desc:"client secret that belongs to GITHUB_ID"`
	MicrosoftID     string      `env:"MICROSOFT_ID" desc:"client id of relay at Microsoft Entra; the redirect address is PUBLIC_URL/sign-in/with/microsoft/callback; default off"`
	MicrosoftSecret gale.Secret `env:"MICROSOFT_SECRET" desc:"client secret that belongs to MICROSOFT_ID"`
	MicrosoftTenant string      `env:"MICROSOFT_TENANT" default:"common" desc:"whose accounts at Microsoft: common, organizations, consumers, or the id of one organisation"`
	OIDCIssuer      string      `env:"OIDC_ISSUER" desc:"issuer of any other provider of OpenID Connect, such as https://id.example.com; the redirect address is PUBLIC_URL/sign-in/with/oidc/callback; default off"`
	OIDCID          string      `env:"OIDC_ID" desc:"client id of relay at OIDC_ISSUER"`
	OIDCSecret      gale.Secret `env:"OIDC_SECRET" desc:"client secret that belongs to OIDC_ID"`
	OIDCName        string      `env:"OIDC_NAME" default:"single sign-on" desc:"what people call the provider at OIDC_ISSUER"`
}

// Any reports whether people may sign in with a provider.
func (p Providers) Any() bool { return cmp.Or(p.GoogleID, p.GitHubID, p.MicrosoftID, p.OIDCID) != "" }

// tenant is what Microsoft knows as one, see oauth.Microsoft.
var tenant = regexp.MustCompile(`^(?i:common|organizations|consumers|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$`)

// problems returns what is wrong with p, for relay at the public address.
func (p Providers) problems(public string, production bool) (all []error) {
	bad := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	for _, pair := range []struct {
		name, id string
		secret   gale.Secret
	}{
		{"GOOGLE", p.GoogleID, p.GoogleSecret},
		{"GITHUB", p.GitHubID, p.GitHubSecret},
		{"MICROSOFT", p.MicrosoftID, p.MicrosoftSecret},
		{"OIDC", p.OIDCID, p.OIDCSecret},
	} {
		switch {
		case pair.id != "" && pair.secret.IsZero():
			bad("%s_SECRET is missing beside %[1]s_ID; the provider shows it when relay is registered there", pair.name)
		case pair.id == "" && !pair.secret.IsZero():
			bad("%s_ID is missing beside %[1]s_SECRET; the provider shows it when relay is registered there", pair.name)
		}
	}
	if (p.OIDCID != "") != (p.OIDCIssuer != "") {
		bad("OIDC_ISSUER and OIDC_ID belong together; set both or neither")
	}
	// Over plain HTTP whoever is on the way could sign in as anybody.
	here, err := url.Parse(public)
	plain := err == nil && here.Scheme == "http" && !production
	if u, err := url.Parse(p.OIDCIssuer); p.OIDCIssuer != "" && (err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		u.Scheme != "https" && (u.Scheme != "http" || !plain)) {
		bad("OIDC_ISSUER must be like https://id.example.com; in development, with PUBLIC_URL http://…, it may be http://… too")
	}
	if p.MicrosoftID != "" && p.MicrosoftTenant != "" && !tenant.MatchString(p.MicrosoftTenant) {
		bad("MICROSOFT_TENANT must be common, organizations, consumers or an organisation's id, a UUID")
	}
	if p.Any() && production && (err != nil || here.Scheme != "https") {
		bad("PUBLIC_URL must begin with https:// where people sign in with providers")
	}
	return all
}
