// Package token gives other programs access: JWT access tokens that are short-
// lived and verified without a database, and refresh tokens that last, work
// once each and can be revoked.
//
//	keys := token.NewRingKeys(token.RingOptions{Ring: ring}) // or token.ParsePEM
//	issuer := token.NewIssuer(token.IssuerOptions{Issuer: "https://id.example.com", Keys: keys})
//	access, err := issuer.Issue(token.Access{Subject: user.ID, ClientID: "app", Audience: []string{"https://api.example.com"}})
//	r.Handle("GET /.well-known/jwks.json", token.JWKS(keys))
//
//	refresh := token.NewRefresh(token.RefreshOptions{Store: token.NewSQLStore(db)}) // the table is token.Schema
//	first, grant, err := refresh.Start(ctx, token.Grant{User: user.ID, ClientID: "app"})
//	next, grant, err := refresh.Rotate(ctx, first, token.Use{ClientID: "app"})
//
// A service that takes such tokens, here of an issuer elsewhere:
//
//	verifier := token.NewVerifier(token.VerifierOptions{
//		Issuer: "https://id.example.com", Audience: "https://api.example.com",
//		JWKS:   "https://id.example.com/.well-known/jwks.json",
//	})
//	users := auth.New(auth.Options[User]{
//		Authenticators: []auth.Authenticator[User]{
//			token.NewAuthenticator(token.AuthenticatorOptions[User]{Verifiers: []*token.Verifier{verifier}, Find: byClaims}),
//		}, …
//	})
//
// Access tokens have the profile of RFC 9068. Keys rotate with the keyring: a
// new one is in the JWKS before it signs, an old one verifies until it is
// retired. What this package leaves to others is how a client comes by its
// first token (RFC 6749).
//
// # Concurrency
//
// Everything here is safe for concurrent use, and nothing starts a goroutine.
// Keys of another issuer are fetched by the request that needs them, by one at
// a time, in at most 5 s.
//
// # Security, threat by threat
//
// Forgery and confusion: the algorithm must be one of the verifier's list and
// is bound to the key; "none" and those with a shared secret do not exist here.
// Keys come from the configuration, never from a token: jwk, jku, x5u and x5c
// are refused, as are crit, b64 and zip. A kid is only compared. Issuer,
// audience, type and all times are checked. Two readers that disagree: duplicate
// JSON members, invalid UTF-8 and encodings other than the one are refused.
// Floods: 8 KiB a token, no claims are read before the signature was right, and
// unknown kids cause one fetch a minute. Verified tokens are remembered by
// their SHA-256 in bounded memory; times, and that the key is in use, are
// checked each time. Theft of an access token: it works until it expires;
// AuthenticatorOptions.Denied can end it before. Theft of a refresh token: when
// thief and owner have both used theirs, the grant ends ([ErrReused]). Stolen
// database: it has hashes only. Answers: clients are told invalid_token, the
// reason is in the log.
//
// # Limits
//
// A token can be used by whoever holds it: it is not bound to a client's key
// (DPoP, mutual TLS). Tokens are signed, not encrypted: put nothing secret into
// them. A JWKS that cannot be fetched is replaced by its last state for 24
// hours; a key that its owner removed is noticed within 15 minutes.
package token
