// Package reencrypt moves stored values to the current key of a keyring, in
// batches, while the application runs, so that old keys can be retired.
//
//	users := reencrypt.NewTable(db, reencrypt.TableOptions{
//		Table: "users",
//		Columns: []reencrypt.Column{
//			{Name: "phone", AEAD: keys.AEAD("users.phone")},
//			{Name: "mail", AEAD: keys.AEAD("users.mail"), IndexName: "mail_index", Index: mails},
//		},
//	})
//	progress, err := reencrypt.Run(ctx, users, reencrypt.Options{})
//
// A job that was interrupted goes on where it stopped: its place is stored in
// the table that [Schema] makes, in the transaction of the batch. When it is
// over, [Table.CountKeys] says what is still under which key; an instance that
// had not yet loaded the new key may have added some, so run it again until
// old keys have none.
//
// The migration that makes an encrypted column, or an index, also declares it:
//
//	INSERT INTO keyring_columns (name) VALUES ('users.phone'), ('users.mail'), ('users.mail_index');
//
// By these names (see [Columns]) gale secret status and retire know what to
// count, without the program.
//
// Concurrency: a [Table] is safe for concurrent use. The application may write
// meanwhile: a value is replaced only while it is the one that was read. Two
// jobs on one table do the same work twice and no harm.
//
// Security: values are decrypted in memory and go nowhere else; errors name
// rows, not values. A value that cannot be decrypted is left as it is and
// counted.
//
// Limits: the key of the table is one column of integers, text or UUIDs that
// does not change. Counting reads the whole table.
package reencrypt
