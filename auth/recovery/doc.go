// Package recovery is the way back for who has lost a second factor: ten codes
// on paper, each of which works once.
//
//	backup := recovery.New(recovery.Options{
//		Store: recovery.NewSQLStore(database),                              // recovery.Schema in a migration
//		Hash:  keys.BlindIndex("recovery_codes.hash", keyring.IndexOptions{Bytes: 32}), // of a keyring
//	})
//	codes, err := backup.Regenerate(ctx, user.ID) // shown once, such as G7K2M-4XQ9D
//
//	ok, err := throttle.Check(ctx, auth.Attempt{Account: user.ID, …}, // an auth.Throttle with Codes
//		func(ctx context.Context) (bool, error) { return backup.Use(ctx, user.ID, code) })
//	left, err := backup.Remaining(ctx, user.ID) // tell the user
//
// A code has ten of Crockford's 32 characters, 50 bits, in two groups. Case,
// white space and hyphens do not matter, and I, L and O are read as the digits
// they are taken for.
//
// Concurrency: everything here is safe for concurrent use, by several processes
// on one database too. Of two uses of a code at once exactly one is accepted;
// two regenerations at once leave the codes of one of them.
//
// Security, threat by threat. Guessing: ten codes of 2^50; the throttle makes it
// hopeless, and is still there for whoever types names. This package counts no
// guesses. Stolen database: it has no codes but HMACs, by a key that is not in
// it. A plain or salted SHA-256 would not do: a graphics card tries 2^50 in
// some 30 hours, and ten codes of a user in a tenth of that. argon2id would,
// at the price of a password's hash for each guess; a key costs nothing and
// leaves no guess at all. Moved rows: the user is within the HMAC, so a row
// given to another user opens nothing. Replay: using a code deletes it, by one
// statement that tells whether there was one. Old papers: new codes end all old
// ones. Disclosure: codes are returned once and stored nowhere.
//
// Limits: a code is as good as a factor to who finds the paper; tell the user by
// mail when one was used, and offer new ones when few remain. When the key of
// the hash is retired, so are the codes under it: keep it for as long as they
// are to work.
package recovery
