// Package totp is the second factor of authenticator apps: codes of six digits
// that change every 30 seconds (RFC 6238).
//
//	factors := totp.New(totp.Options{
//		Issuer: "Relay",
//		Store:  totp.NewSQLStore(database),         // totp.Schema in a migration
//		Sealer: keys.AEAD("totp_authenticators.secret"), // of a keyring
//	})
//	e, err := factors.Enroll(ctx, user.ID, user.Email, "phone") // show e.QR and e.Grouped
//	ok, err := factors.Confirm(ctx, user.ID, e.ID, code)        // counts from here on
//
//	ok, err = codes.Check(ctx, auth.Attempt{Account: user.ID, …},  // an auth.Throttle with Codes
//		func(ctx context.Context) (bool, error) { return factors.Verify(ctx, user.ID, code) })
//
// A user may have several authenticators, each with a name. One counts once a
// code has confirmed that the app has its secret; until then it can be taken up
// again by [TOTP.Resume] for 15 minutes, and a new one replaces it. Codes are
// what all apps understand: SHA-1, six digits, 30 seconds, a secret of 160 bits.
//
// Concurrency: everything here is safe for concurrent use, by several processes
// on one database too. Of two uses of a code at once exactly one is accepted.
//
// Security, threat by threat. Guessing: three steps are accepted, the present
// one and its neighbours, so that a guess is right with a chance of 3 in a
// million for each authenticator, and a user has at most 5. This package counts
// no guesses: call [TOTP.Verify] within the Check of an auth.Throttle with
// Codes, whose 60 attempts in 30 days leave at most 1 in 1,000 against a user
// with 5 authenticators. Replay: a code that was seen over a shoulder or by a
// proxy works once. The step that was used is stored by one conditional update,
// and neither it nor an earlier one is accepted again. Stolen database: secrets are
// encrypted and bound to their user, so that a row moved to another user opens
// nothing. Stolen session: enrolling and removing are for routes that ask for
// the password or a factor anew. Phishing in real time: a code can be passed on
// within its 30 seconds; passkeys cannot. Disclosure: printing or logging an
// [Enrollment] shows its ID only. Timing: codes are compared in constant
// time, with every authenticator of the user.
//
// Limits: clocks that are more than 30 seconds wrong are refused. Names have at
// most 64 characters, accounts 128. Whoever knows the database and the keys
// can make codes, as the algorithm is symmetric. Who has lost the app needs
// package recovery.
package totp
