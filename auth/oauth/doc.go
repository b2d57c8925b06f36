// Package oauth lets people sign in with another provider: any that speaks
// OpenID Connect, Google, Microsoft, and GitHub. It is the client of RFC 6749
// and OpenID Connect Core, in the authorization code flow with PKCE (RFC 7636)
// and the advice of RFC 9700.
//
//	providers := oauth.New(oauth.Options{
//		BaseURL: "https://app.example.com",
//		AEAD:    keys.AEAD("oauth.state"),
//		Providers: []oauth.Provider{
//			oauth.Google(cfg.GoogleID, cfg.GoogleSecret),
//			oauth.OIDC("work", "https://id.example.com", cfg.WorkID, cfg.WorkSecret),
//		},
//		User: func(ctx context.Context) (id string, since time.Time) { … }, // who is signed in here
//		Done: func(w http.ResponseWriter, r *http.Request, res oauth.Result) error {
//			user, err := oauth.Resolve(r.Context(), links, res, time.Now())
//			…
//		},
//	})
//	for _, p := range providers.Providers() {
//		r.Handle("GET /login/"+p.Name, providers.Start(p.Name, oauth.SignIn))
//		r.Handle("GET "+providers.CallbackPath(p.Name), providers.Callback(p.Name))
//	}
//
// On the login page a link leads to Start, with the parameter next if you like.
// A form would do too, but the Content-Security-Policy that gale sends lets no
// form end at another site, and browsers count the redirect.
//
// # Accounts
//
// An identity is the pair of issuer and subject, never the mail address: mail
// addresses are reassigned, and some providers let anyone write one down. Links
// say which identity is which user. [Resolve] has the rules:
//
//   - an identity that is linked signs its user in;
//   - one that is not is [ErrUnknown]. The application may offer to sign up, and
//     stores the user and the link in one transaction ([SQLStore.AddTx]). When
//     there is an account with the same mail address, it must not be linked, nor
//     signed in to: its owner signs in to it and links there;
//   - linking takes proof of both: who is signed in here, proved within the last
//     Options.Recent, goes to the provider for the purpose [Link] and comes back
//     in the same browser, still signed in as the same user;
//   - one identity belongs to one user, by a unique key in the database;
//   - the last way to sign in cannot be unlinked ([Links].Remove).
//
// # Concurrency
//
// A [Client] is shared by all requests. It has no goroutine of its own; a fetch
// of a provider's keys outlives a request that gave up by at most
// Options.Timeout.
//
// # Security, threat by threat
//
// Login CSRF, and a callback in another browser: the state is 256 random bits,
// and is worth something only beside the cookie that Start has set in the same
// browser: __Host-, HttpOnly, SameSite=Lax, encrypted, for ten minutes. Start
// itself answers only to pages of this site. Replay: a state works once; its
// cookie is removed and its id remembered. Stolen or injected code: PKCE with
// S256 and, in ID tokens, a nonce, both of which never leave the cookie in
// clear. Mix-up: each provider has a redirect_uri of its own, a state names its
// provider, and the parameter iss (RFC 9207) is compared, and demanded where the
// provider announces it. Forged ID tokens: signature by the provider's keys with
// an asymmetric algorithm that it announces, issuer, audience, azp, times,
// at_hash. Microsoft's tenants: the issuer must be that of the tid claim, and a
// key must be one for that tenant; the mail address counts as unverified unless
// Microsoft says that the domain's owner was (nOAuth). Open redirect: next is a
// path of this site, and travels inside of the encrypted cookie. Host header:
// addresses come from Options.BaseURL only. A provider that is down or hostile:
// time and size of its answers are bounded, redirects are not followed, its
// words are never shown. Access tokens are used for the provider's own API, and
// then forgotten. What the callback shows tells no other site its address.
//
// What remains: whoever controls the provider, or the account there, controls
// the account here. Ask for a second factor of your own where that matters.
//
// # Limits
//
// A sign-in takes at most ten minutes, one at a time in a browser: a second one
// ends the first. State ids are remembered in this process; on other instances
// the cookie's removal, and the provider, which takes a code once, stand against
// replay. Answers come as a GET: no response_mode=form_post, so no Apple. Refresh
// tokens are not asked for. Signing out at the provider is not told to us.
package oauth
