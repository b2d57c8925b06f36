package oauth

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/galeweb/gale/config"
)

type kind int

const (
	kindOIDC kind = iota
	kindGoogle
	kindMicrosoft
	kindGitHub
)

// Provider is somewhere people have accounts. Make one with [OIDC], [Google],
// [Microsoft] or [GitHub], and change its fields before [New].
type Provider struct {
	// Name is in addresses, links and logs: lower case letters, digits and
	// "-", at most 32, beginning with a letter. It must not change.
	Name string
	// Label is for people, on buttons and in messages.
	Label string
	// Issuer is the OpenID Connect issuer.
	Issuer string
	// Address is where the provider is reached. It defaults to Issuer, to which
	// "/.well-known/openid-configuration" is added; for GitHub it may be that of
	// an Enterprise Server. Tests set it to a provider of their own.
	Address string
	// ClientID and Secret are what the provider gave out when this application
	// was registered there. OIDC providers may give no secret.
	ClientID string
	Secret   config.Secret
	// Scopes are asked for.
	Scopes []string

	kind   kind
	tenant string
}

// OIDC returns a provider of OpenID Connect, which is found by discovery at its
// first use, so that one that is down does not stop the start. Scopes default
// to openid, email and profile; openid is always among them.
func OIDC(name, issuer, clientID string, secret config.Secret, scopes ...string) Provider {
	if len(scopes) == 0 {
		scopes = []string{"openid", "email", "profile"}
	}
	if !slices.Contains(scopes, "openid") {
		scopes = append([]string{"openid"}, scopes...)
	}
	return Provider{Name: name, Label: name, Issuer: issuer, ClientID: clientID, Secret: secret, Scopes: scopes}
}

// Google returns Google, with the name "google".
func Google(clientID string, secret config.Secret) Provider {
	p := OIDC("google", "https://accounts.google.com", clientID, secret)
	p.Label, p.kind = "Google", kindGoogle
	return p
}

// Microsoft returns Microsoft Entra ID, with the name "microsoft". The tenant
// says whose accounts: "common" takes those of every organisation and of
// persons, "organizations" and "consumers" one of the two, and a tenant's id, a
// UUID, those of one organisation. With the first two look at
// [Identity].Tenant where it matters which organisation somebody is from.
func Microsoft(tenant, clientID string, secret config.Secret) Provider {
	tenant = strings.ToLower(tenant)
	p := OIDC("microsoft", microsoftIssuer(tenant), clientID, secret)
	p.Label, p.kind, p.tenant = "Microsoft", kindMicrosoft, tenant
	p.Address = "https://login.microsoftonline.com/" + tenant + "/v2.0"
	return p
}

// GitHub returns GitHub, with the name "github". It has no OpenID Connect for
// people: who it is comes from its API, the number of the account as subject
// and the primary mail address.
func GitHub(clientID string, secret config.Secret) Provider {
	return Provider{
		Name: "github", Label: "GitHub", Issuer: githubAddress, Address: githubAddress,
		ClientID: clientID, Secret: secret, Scopes: []string{"read:user", "user:email"}, kind: kindGitHub,
	}
}

// providerName is what fits a path and a column.
var providerName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// check panics when p cannot work; insecure allows plain HTTP.
func (p *Provider) check(insecure bool) {
	wrong := func(what string) { panic("oauth: provider " + p.Name + ": " + what) }
	switch {
	case !providerName.MatchString(p.Name):
		wrong("its Name must be of a-z, 0-9 and \"-\", at most 32, a letter first")
	case p.ClientID == "":
		wrong("ClientID is missing; register the application there")
	case p.Secret.IsZero() && p.kind != kindOIDC:
		wrong("Secret is missing; register the application there")
	case p.kind == kindMicrosoft && !validTenant(p.tenant):
		wrong("the tenant must be common, organizations, consumers or a tenant's id, a UUID")
	case !secureURL(p.Issuer, insecure):
		wrong("Issuer is no https URL without query")
	}
	if p.Address == "" {
		p.Address = p.Issuer
	}
	if !secureURL(p.Address, insecure) {
		wrong("Address is no https URL without query")
	}
	if p.Label == "" {
		p.Label = p.Name
	}
	p.Scopes = slices.Clone(p.Scopes)
}

// secureURL reports whether s is an absolute https URL, or http where that is
// allowed, without the parts that an issuer must not have (OpenID Connect
// Discovery, section 3).
func secureURL(s string, insecure bool) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && u.User == nil && u.RawQuery == "" && !u.ForceQuery && u.Fragment == "" &&
		(u.Scheme == "https" || insecure && u.Scheme == "http")
}

// endpointURL is secureURL for endpoints, which may have a query (RFC 6749,
// section 3.1).
func endpointURL(s string, insecure bool) bool {
	bare, _, _ := strings.Cut(s, "?")
	return secureURL(bare, insecure) && !strings.Contains(s, "#")
}
