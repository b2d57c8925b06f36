package galeoidc

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// endpoints are what is on: whatever is not implemented here (implicit flow,
// device flow, token exchange, JWT bearer, end session) op's
// UnimplementedServer refuses.
type endpoints struct {
	op.UnimplementedServer
	s *Server
}

var _ op.Server = endpoints{}

// internal hides a cause from the client; op logs it.
func internal(err error) error {
	return oidc.ErrServerError().WithDescription("internal error").WithParent(err)
}

// metadata is the document of RFC 8414 and of OpenID Connect Discovery.
type metadata struct {
	Issuer                 string   `json:"issuer"`
	Authorization          string   `json:"authorization_endpoint"`
	Token                  string   `json:"token_endpoint"`
	Introspection          string   `json:"introspection_endpoint"`
	Revocation             string   `json:"revocation_endpoint"`
	Userinfo               string   `json:"userinfo_endpoint"`
	JWKS                   string   `json:"jwks_uri"`
	Scopes                 []string `json:"scopes_supported"`
	ResponseTypes          []string `json:"response_types_supported"`
	ResponseModes          []string `json:"response_modes_supported"`
	GrantTypes             []string `json:"grant_types_supported"`
	SubjectTypes           []string `json:"subject_types_supported"`
	IDTokenAlgorithms      []string `json:"id_token_signing_alg_values_supported"`
	TokenAuth              []string `json:"token_endpoint_auth_methods_supported"`
	RevocationAuth         []string `json:"revocation_endpoint_auth_methods_supported"`
	IntrospectionAuth      []string `json:"introspection_endpoint_auth_methods_supported"`
	ChallengeMethods       []string `json:"code_challenge_methods_supported"`
	Claims                 []string `json:"claims_supported"`
	IssParameter           bool     `json:"authorization_response_iss_parameter_supported"`
	RequestParameter       bool     `json:"request_parameter_supported"`
	RequestURIParameter    bool     `json:"request_uri_parameter_supported"`
	ClaimsParameterAllowed bool     `json:"claims_parameter_supported"`
}

// Discovery implements op.Server.
func (e endpoints) Discovery(ctx context.Context, _ *op.Request[struct{}]) (*op.Response, error) {
	keys, err := e.s.o.Keys.Verifying(ctx)
	if err != nil {
		return nil, internal(err)
	}
	var algorithms []string
	for _, k := range keys {
		algorithms = append(algorithms, k.Algorithm)
	}
	slices.Sort(algorithms)
	at := func(path string) string { return e.s.o.Issuer + path }
	secrets := []string{"client_secret_basic", "client_secret_post"}
	return op.NewResponse(&metadata{
		Issuer: e.s.o.Issuer, Authorization: at(pathAuthorize), Token: at(pathToken), Introspection: at(pathIntrospect),
		Revocation: at(pathRevoke), Userinfo: at(pathUserinfo), JWKS: at(pathJWKS),
		Scopes: e.s.o.Scopes, ResponseTypes: []string{"code"}, ResponseModes: []string{"query"},
		GrantTypes: []string{AuthorizationCode, RefreshToken, ClientCredentials}, SubjectTypes: []string{"public"},
		IDTokenAlgorithms: slices.Compact(algorithms), TokenAuth: append(secrets[:2:2], "none"),
		RevocationAuth: append(secrets[:2:2], "none"), IntrospectionAuth: secrets, ChallengeMethods: []string{"S256"},
		Claims: []string{
			"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash",
			"name", "preferred_username", "picture", "locale", "updated_at", "email", "email_verified",
		},
		IssParameter: true,
	}), nil
}

// Keys implements op.Server.
func (e endpoints) Keys(ctx context.Context, _ *op.Request[struct{}]) (*op.Response, error) {
	keys, err := e.s.o.Keys.Verifying(ctx)
	if err != nil {
		return nil, internal(err)
	}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range keys {
		if !suits(k.Algorithm, k.Key) { // never publish what is not a public key of ours
			continue
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Key, KeyID: k.ID, Algorithm: k.Algorithm, Use: "sig"})
	}
	return op.NewResponse(&set), nil
}

// VerifyAuthRequest implements op.Server. Its errors are shown here, never sent
// to the redirect address, which is not known to be the client's yet.
func (e endpoints) VerifyAuthRequest(ctx context.Context, r *op.Request[oidc.AuthRequest]) (*op.ClientRequest[oidc.AuthRequest], error) {
	row, err := e.s.o.Store.working(ctx, r.Data.ClientID)
	if errors.Is(err, ErrNoClient) {
		return nil, oidc.ErrInvalidRequestRedirectURI().WithDescription("The client is not known.")
	}
	if errors.Is(err, ErrDisabled) {
		return nil, op.NewStatusError(oidc.ErrUnauthorizedClient().WithDescription("The client is disabled."), http.StatusForbidden)
	}
	if err != nil {
		return nil, internal(err)
	}
	c := row.client()
	if !c.redirects(r.Data.RedirectURI) {
		return nil, oidc.ErrInvalidRequestRedirectURI().WithDescription("The redirect_uri is not registered for the client.")
	}
	return &op.ClientRequest[oidc.AuthRequest]{Request: r, Client: opClient{c}}, nil
}

// Authorize implements op.Server, with a redirect address that is the client's.
func (e endpoints) Authorize(ctx context.Context, r *op.ClientRequest[oidc.AuthRequest]) (*op.Redirect, error) {
	c, q, s := r.Client.(opClient).Client, r.Data, e.s
	scopes := unique(q.Scopes)
	switch {
	case q.RequestParam != "" || r.Form.Has("request_uri"):
		return nil, oidc.ErrRequestNotSupported().WithDescription("Request objects are not supported.")
	case !c.grants(AuthorizationCode):
		return nil, oidc.ErrUnauthorizedClient()
	case q.ResponseMode != "" && q.ResponseMode != oidc.ResponseModeQuery:
		return nil, oidc.ErrInvalidRequest().WithDescription("The response_mode is not supported.")
	case q.CodeChallengeMethod != oidc.CodeChallengeMethodS256 || !challenge(q.CodeChallenge):
		return nil, oidc.ErrInvalidRequest().WithDescription("A code_challenge with the method S256 is required.")
	case !subset(scopes, c.allowed()) || !subset(scopes, s.o.Scopes):
		return nil, oidc.ErrInvalidScope().WithDescription("The client may not ask for this scope.")
	}
	now := s.o.Clock()
	s.sweep(ctx, now)
	row := requestRow{
		ID: random(), ClientID: c.ID, RedirectURI: q.RedirectURI, Scopes: strings.Join(scopes, " "), State: q.State, Nonce: q.Nonce,
		Challenge: q.CodeChallenge, Consent: flag(slices.Contains(q.Prompt, oidc.PromptConsent)), ExpiresAt: now.Add(requestLifetime).UnixMilli(),
	}
	if q.MaxAge != nil { // op has set it to 0 for prompt=login
		const year = 365 * 24 * 60 * 60
		row.AuthAfter = now.Add(-time.Duration(min(*q.MaxAge, year)) * time.Second).UnixMilli()
	}
	if q.IDTokenHint != "" {
		hint, err := s.hint(ctx, q.IDTokenHint, c.ID)
		if err != nil {
			return nil, err
		}
		row.UserHint = hint
	}
	if err := s.o.Store.addRequest(ctx, row); err != nil {
		return nil, internal(err)
	}
	location, err := s.next(exchangeOf(ctx).r, row, c, slices.Contains(q.Prompt, oidc.PromptNone), false)
	if err != nil {
		return nil, err
	}
	return op.NewRedirect(location), nil
}

// challenge is a SHA-256 in base64url (RFC 7636, 4.2).
func challenge(s string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == sha256.Size
}

// verified compares a verifier with the challenge, in constant time.
func verified(verifier, challenge string) bool {
	const least, most = 43, 128 // RFC 7636, 4.1
	sum := sha256.Sum256([]byte(verifier))
	want := base64.RawURLEncoding.EncodeToString(sum[:])
	return len(verifier) >= least && len(verifier) <= most && subtle.ConstantTimeCompare([]byte(want), []byte(challenge)) == 1
}

// VerifyClient implements op.Server for the token and revocation endpoints.
func (e endpoints) VerifyClient(ctx context.Context, r *op.Request[op.ClientCredentials]) (op.Client, error) {
	c, err := e.s.authenticate(ctx, r.Data)
	if err != nil {
		return nil, err
	}
	if id := r.Form.Get("client_id"); id != "" && id != c.ID {
		return nil, oidc.ErrInvalidRequest().WithDescription("There are two client ids.")
	}
	return opClient{c}, nil
}

// opClient is a Client as op sees it. op checks grant types and redirect
// addresses once more; scopes are checked here.
type opClient struct{ Client }

var _ op.Client = opClient{}

// allowed are the scopes that a client may ask for.
func (c Client) allowed() []string {
	if c.grants(RefreshToken) {
		return append(slices.Clone(c.Scopes), scopeOffline)
	}
	return c.Scopes
}

func (c opClient) GetID() string                    { return c.ID }
func (c opClient) RedirectURIs() []string           { return c.Client.RedirectURIs }
func (c opClient) PostLogoutRedirectURIs() []string { return nil }
func (c opClient) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}
func (c opClient) LoginURL(string) string              { return "" }
func (c opClient) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }
func (c opClient) IDTokenLifetime() time.Duration      { return 0 }
func (c opClient) DevMode() bool                       { return false }
func (c opClient) RestrictAdditionalIdTokenScopes() func([]string) []string {
	return slices.Clone[[]string]
}

func (c opClient) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return slices.Clone[[]string]
}
func (c opClient) IsScopeAllowed(string) bool           { return true } // so that op drops none without a word
func (c opClient) IDTokenUserinfoClaimsAssertion() bool { return false }
func (c opClient) ClockSkew() time.Duration             { return 0 }

// ApplicationType is native for whoever has no https address alone.
func (c opClient) ApplicationType() op.ApplicationType {
	https := func(u string) bool { return strings.HasPrefix(u, "https://") }
	if slices.ContainsFunc(c.Client.RedirectURIs, func(u string) bool { return !https(u) }) {
		return op.ApplicationTypeNative
	}
	return op.ApplicationTypeWeb
}

// AuthMethod is none for public clients; others may use both other ways.
func (c opClient) AuthMethod() oidc.AuthMethod {
	if c.Public {
		return oidc.AuthMethodNone
	}
	return oidc.AuthMethodBasic
}

// GrantTypes implements op.Client.
func (c opClient) GrantTypes() []oidc.GrantType {
	var all []oidc.GrantType
	for _, t := range c.Client.GrantTypes {
		all = append(all, oidc.GrantType(t))
	}
	return all
}
