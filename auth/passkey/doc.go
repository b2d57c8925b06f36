// Package passkey is sign-in by passkeys (WebAuthn Level 3): registering
// authenticators, signing in with one alone, also from the browser's autofill,
// and using one as the second factor.
//
//	passkeys := passkey.New(passkey.Options{
//		RPID: "example.com", RPName: "Example", Origins: []string{"https://example.com"},
//		Verifier: galewebauthn.New(), Store: passkey.NewSQLStore(db),
//		Signer:  keys.Signer("passkey", 5*time.Minute),
//		Account: func(r *http.Request) (passkey.Account, error) { … },    // who is signed in
//		Pending: func(r *http.Request) (string, error) { … },             // whose second factor is asked for
//		SignedIn: func(w http.ResponseWriter, r *http.Request, c passkey.Credential) (string, error) {
//			return "/", session.From(r.Context()).SignIn(r.Context(), c.UserID)
//		},
//	})
//	r.Post("/passkeys/sign-in/begin", passkeys.BeginSignIn)
//	r.Post("/passkeys/sign-in/finish", passkeys.FinishSignIn) // and so on
//	r.Get("/passkey.js", passkey.JS().ServeHTTP)              // for forms with data-passkey
//
// Each ceremony is two requests. Begin answers {"state", "publicKey"} and
// optionally finds a body, which it ignores; the browser's API is called with
// publicKey, its binary members in base64url; finish takes {"state",
// "credential", "name"} with the credential in the standard's JSON form, name
// only for registration, and answers {"next"}, the path to go to or "". [JS] does all of
// it. An error is a problem with the code passkey_expired, passkey_unknown,
// passkey_refused, passkey_exists, passkey_limit or passkey_none.
//
// Concurrency: [Passkeys] and [SQLStore] are safe for concurrent use. Of two
// sign-ins with one response at the same time one succeeds.
//
// Security, threat by threat. Phishing: the origin and the RP id are those of
// the configuration, never of the request; frames of other sites are refused.
// Replay: a challenge has 256 random bits, is signed together with what it is
// for, lives 5 minutes and is accepted once. Session swapping, where an attacker
// has a victim finish the attacker's ceremony: a challenge is bound to the
// browser by a "__Host-" cookie and, where the user is known, to the user. A
// stolen or borrowed device: whatever signs in alone has verified its user by
// PIN or biometrics, also at that moment. A copied authenticator: when the
// signature counter does not grow, the sign-in is refused, the credential is
// marked ([Credential].Suspected) and [Options].Failed is told. Enumeration:
// begin asks for no name and answers everybody alike. Tracking: users are known
// to authenticators by 64 random bytes, and no attestation is asked for, so that
// makes and models stay unknown. Cross-site requests: only JSON is taken, the
// cookie is SameSite=Strict; keep middleware.CrossOrigin in the chain. Stolen
// database: it has public keys only.
//
// Limits: 20 passkeys a user unless changed; two registrations at the same time
// may exceed that by one. Bodies are at most 64 KiB, names 64 characters. A
// credential takes at most 16 sign-ins in 5 minutes. A lost
// authenticator needs another way in, which is the application's: let users
// register two, or keep recovery codes. Changing the RPID makes every passkey
// useless. Which makes of authenticator are used is not checked.
package passkey
