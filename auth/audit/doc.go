// Package audit is the log of what matters for security: who did what, to what,
// from where, and how it ended. It can only be added to, and each record carries
// a hash of itself and of the one before, so that one that was removed, changed,
// moved or put in between shows.
//
//	log := audit.New(audit.Options{DB: database, Key: key}) // audit.SchemaSQLite or SchemaPostgres in a migration
//	handler = log.Middleware(handler)
//
//	_, err := log.Append(ctx, audit.Record{
//		Actor: audit.Actor{ID: user.ID, Name: user.Email}, Action: "signin.password", Outcome: audit.OK,
//	})
//	err = database.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
//		… // the change
//		_, err := log.AppendTx(ctx, tx, audit.Record{Actor: admin, Action: "role.granted", Target: user.ID, Outcome: audit.OK})
//		return err
//	})
//	err = passkeys.Delete(log.With(ctx, audit.Record{…}), user, id) // a change that others make
//	go log.Run(ctx) // verifies it every day
//	page, err := log.List(ctx, audit.Filter{Actor: user.ID, Limit: 20})
//	head, err := log.Head(ctx) // to be kept elsewhere
//	err = log.Verify(ctx, 0, 0)
//
// Each record is also a line of the log ("audit", a group with seq, action,
// outcome, actor_id, actor_name, target, addr, user_agent, request_id and
// detail) and counts in gale_audit_records_total by action and outcome.
//
// # The chain
//
// The hash of a record is SHA-256, or with [Options].Key HMAC-SHA256, of the text
// "gale audit record 1", the 32 bytes of the hash before (zeros for the first),
// the number and the time in microseconds as 8 bytes each, and actor id, actor
// name, action, target, outcome, address, user agent, request id and detail
// (JSON, its names sorted), each with its length in 8 bytes before it. Integers
// are big-endian. One more row, of audit_state, has the number and the hash of
// the last record, those of the last one that was removed by [Log.Retain], and a
// hash of them. [Check] verifies an export without the database.
//
// # Concurrency
//
// A [Log] is safe for concurrent use, and several processes on one database write
// one chain: the row of the head is locked from the append to the commit, so
// appends wait for one another. Append last in a transaction, and keep it short.
//
// # Security
//
// The threat model, by what the attacker has. A client: fields are bounded and
// cleaned, so that nobody writes lines of the log, overflows it or hides text by
// control characters; closing the connection does not stop an append. The
// application's account on the database: triggers refuse to update and delete
// records. It has to write audit_state, though, and so can fake a retention: with
// a key that shows in [Log.Verify], except when it empties both tables as if the
// log were new, which only a kept head shows. A record that it inserts behind the
// head makes appends fail until it is removed. The database's owner, who can drop
// them: without a key he can compute the whole chain anew, and only a head that
// was kept elsewhere, for [Log.VerifyHead], shows it. With a key he can neither
// change nor insert, but he can cut the newest records off by putting an older
// copy of audit_state back, or remove the log: keep heads elsewhere all the same,
// such as in a mail each night. A process remembers the head that [Log.Check] has
// found, and so sees what becomes of older records while it runs, and no more. The
// application's key: then the heads are all that is left. When the row of the
// head was changed, appends go on after the last record there is, since a log
// that stops helps the attacker, and the break is in the chain for good.
//
// Put no secrets into records, and of persons what is needed: names cannot be
// changed later. Retention is the way to forget.
//
// # Limits
//
// A record has at most 16 details; a field that is too long ends in "…", control
// and format characters and what is not UTF-8 become U+FFFD. One chain takes as
// many appends as the database makes commits one after the other, some hundred to
// some thousand a second: it is no place for each request. The key is for the
// life of the log: with another key the records of before no longer verify. A
// change in other tables is not seen.
package audit
