// Package keyring has the keys of a service, each with a version and a
// purpose, and what is done with them: signed values, encryption at rest, and
// indexes over encrypted columns. A new key makes the new values, old keys
// read what they made until they are retired, and nobody is logged out.
//
//	keys, err := keyring.Open(ctx, keyring.Options{Source: keyring.Env("RELAY_KEYS")})
//	go keys.Run(ctx) // picks up new keys without a restart
//
//	links := keys.Signer("password-reset", time.Hour)
//	link, err := links.Sign([]byte(user.ID))
//	id, err := links.Verify(link)
//
//	phones := keys.AEAD("users.phone")
//	user.Phone, err = keyring.Seal(phones, "+44 20 …", user.ID) // a keyring.Encrypted[string]
//	phone, err := user.Phone.Open(phones, user.ID)
//
//	mails := keys.BlindIndex("users.mail", keyring.IndexOptions{Normalize: strings.ToLower})
//	sums, err := mails.Sums("ann@example.com") // … WHERE mail_index IN ($1, $2)
//
// The command gale secret makes, rotates, shows and retires the keys in a file
// or in the value of a variable. Package reencrypt moves tables to a new key.
// [Tornado] reads and writes the signed values of Tornado.
//
// # Keys
//
// A [Set] is one secret of one line, see [ParseSet]; it comes from a [Source]:
// [Text], [Env], [File], [Credential], [VaultURL], [NewVault]. Each key has 256 random bits,
// from which HKDF-SHA256 derives one key for each use and context. A context is
// a constant of the program that names what the values are for. Rotation lets
// the new key begin some minutes later, when every instance has it.
//
// # Concurrency
//
// Everything here is safe for concurrent use. Whoever runs [Ring.Run] waits for
// it; [Ring.Reload] may run beside it. Each operation sees the keys before or
// after a reload, never a mixture.
//
// # Security, threat by threat
//
// Forgery: values are signed by HMAC-SHA256 over all they contain, compared in
// constant time, each with one valid form. Confusion: purpose and context go
// into the derivation, so that a value of one kind is invalid as any other, and
// a key of one purpose never serves another. Algorithms are not negotiated: no
// value names one. Replay: signed values end by age, set by who verifies;
// within it they can be used again, so what must work once needs state in the
// database. Stolen database or backup: encrypted columns show their length
// and which rows were written under which key; indexes show which rows are
// equal and how often. Write access to the database: a ciphertext moved to
// another row or column is [ErrInvalid], since both are authenticated; the
// older value of the same row and column put back is not noticed. Disclosure:
// nothing here prints keys, errors and logs show ids at most, and a file that
// others can read is refused. Loss of the source: the ring keeps its keys,
// says so once in the log and all the time in gale_keyring_reload_failing; a
// set that is cut off, mistyped or lacks a purpose is refused as a whole.
// Stolen key: rotate without delay and retire the old one, which ends all
// that it signed; data encrypted under it must count as read.
//
// # Limits
//
// Keys are in the memory of the process, which can be read by who debugs or
// dumps it. There is no secrecy against the service itself, nor against who
// may read its environment. Signed values have no upper length but that of the
// header they travel in. A key is 256 bits of AES, HMAC and HKDF, which a
// quantum computer does not endanger.
package keyring
