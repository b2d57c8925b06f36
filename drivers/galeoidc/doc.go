// Package galeoidc makes a gale application an OAuth 2.0 and OpenID Connect
// server: other programs act for its users, with their consent, or for
// themselves. It stands on github.com/zitadel/oidc.
//
//	server, err := galeoidc.New(galeoidc.Options{
//		Issuer: "https://app.example.com/oauth", // from the configuration
//		Keys:   galeoidc.RingKeys(ring), Store: galeoidc.NewStore(d), Users: users,
//		LoginURL:   func(next string, fresh bool) string { … },
//		ConsentURL: func(id string) string { return "/consent?request=" + url.QueryEscape(id) },
//		Scopes:     []string{"packets:read"},
//	})
//	for _, pattern := range server.Patterns() {
//		router.Handle(pattern, server)
//	}
//
// On are the authorization code flow with PKCE, refresh tokens, client
// credentials, introspection (RFC 7662), revocation (RFC 7009), metadata (RFC
// 8414 and OpenID Connect Discovery), JWKS and userinfo. Access tokens are JWTs
// (RFC 9068). Off, and not to be turned on, are the implicit and password
// grants, plain PKCE, request objects, token exchange and the device flow.
//
// Pages are the application's. A browser comes to LoginURL when nobody is
// signed in and to ConsentURL when the user must be asked; the page shows
// [Server.Request] and its form calls [Server.Approve] or [Server.Deny]. Who has
// approved the same scopes before is not asked again, unless the client is
// public and not at an https address. A client that asks for the scope
// offline_access, and has the grant type, gets refresh tokens.
//
// An application that takes the tokens itself, in its API, has them checked by
// [Server.Verifier] and [Server.Denied], without a request and with revocations
// known at once.
//
// Concurrency: everything here is safe for concurrent use, and several
// instances of the application may share one database. Of two uses of a code or
// a refresh token at once one wins, and what it got is revoked.
//
// Security, threat by threat. Stolen code: it lives a minute, works once, and
// only with the verifier of whoever began (PKCE with S256 for every client); a
// second use revokes what the first got. Stolen refresh token: each works once;
// a second use revokes the family. Stolen access token: 10 minutes, and
// introspection knows of revocations. Stolen database: only SHA-256 of secrets,
// codes and refresh tokens, all of 256 random bits. Open redirect, and codes
// that go elsewhere: redirect addresses are compared letter by letter, and no
// error is sent to one that is not registered. Mix-up: every answer names its
// issuer (RFC 9207). Forged Host: the issuer comes from the configuration.
// Forged tokens: the algorithm is the key's, never the token's. Confusion of
// tokens: access and ID tokens differ in typ. Login with another's code: state,
// nonce and PKCE are the client's to check. A client that pretends to be
// another: the consent page must show the host that the answer goes to. Consent
// for somebody else's request: it belongs to the user who was sent to the page.
// A client that turns out to be bad: [Store.DisableClient], until it is known;
// what [Store.UpdateClient] takes away is not given any more by what was begun
// before. Guessing: secrets cannot be guessed; Options.Throttle keeps attempts
// from costing, and Options.Refused is told of them. Clickjacking and forged posts of the consent page are kept off by the
// application's middleware; Approve must stand behind it.
//
// Limits: an access token that others verify by the JWKS is good until it
// expires, whatever is revoked. Revoked tokens are remembered as long as they
// would last. There is no logout at clients. Anyone who knows a client's id can
// add rows that live 30 minutes: put a rate limit before the server.
package galeoidc
