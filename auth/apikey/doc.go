// Package apikey makes and checks API keys, for programs that act for a user.
//
//	k, err := apikey.New("relay")      // show k.Plain once; store k.ID and k.Hash
//	users := auth.New(auth.Options[User]{
//		Authenticators: []auth.Authenticator[User]{
//			apikey.NewAuthenticator(apikey.Options[User]{Prefix: "relay", Find: keys.Find}),
//		}, …
//	})
//
// A key reads relay_4mQd0TzkLw81_9vX…: a prefix that secret scanners know, an
// id that is no secret, 256 random bits and a checksum.
//
// Concurrency: everything here is safe for concurrent use.
//
// Security, threat by threat. Stolen database: it has only SHA-256 hashes,
// enough for random secrets. Guessing: 2^256 secrets; a guess with a wrong
// checksum never reaches the database. Leaks: keys in URLs are not accepted,
// Key prints without its secret, and the prefix lets scanners find one in a
// repository. Theft: a key can be revoked, rotated ([Rotate]: the old
// secret works for as long as the owner says) and can expire; all hold from the
// next request on, or Options.FindAge later. Timing: hashes are compared in constant time, and a key
// that never existed is answered as one with a wrong secret. Confusion: a
// request with two credentials is refused.
//
// Limits: who sends a key has all rights of its owner, unless the application
// keeps scopes with it and auth.Options.Scopes tells them. Throttling is package
// ratelimit's.
package apikey
