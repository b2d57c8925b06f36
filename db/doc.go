// Package db opens SQLite or Postgres by URL and maps rows to Go values. The
// SQL is the application's own and the same text runs on both.
//
//	d, err := db.Open(ctx, "sqlite:app.db", db.Options{
//		Drivers: []db.Driver{galesqlite.Driver(), galepgx.Driver()},
//	})
//	boat, err := db.Get[Boat](ctx, d, "SELECT id, name FROM boats WHERE id = $1", id)
//	boats, err := db.All[Boat](ctx, d, "SELECT id, name FROM boats LIMIT 100")
//	id, err := db.Get[int64](ctx, d.Writer(), "INSERT INTO boats (name) VALUES ($1) RETURNING id", name)
//	err = d.Tx(ctx, func(ctx context.Context, tx *db.Tx) error { … })
//	err = passkeys.Delete(db.Also(ctx, check, nil), user, id) // check runs in its transaction
//
// # Columns
//
// [Get], [All] and [Each] fill a struct or a single value. A column belongs to
// the field tagged `db:"column"` or whose name in snake case it is (UserID is
// user_id); fields of embedded structs count as the struct's own, `db:"-"`
// leaves a field out. Every column must have its field and every field its
// column, else the error names the one that has not.
//
// # Types
//
// These are bound and scanned alike on both databases: the basic kinds and
// types made of them, []byte, [time.Time], [encoding/json.RawMessage], types
// with [database/sql.Scanner] and [database/sql/driver.Valuer], types with TextUnmarshaler and
// TextMarshaler, and pointers to all of these or [database/sql.Null] for NULL. A nil
// []byte is NULL, an empty one is not. Other types go to the driver as they
// are, which is how Postgres gets arrays; SQLite refuses them.
//
// Times are kept in microseconds and returned in UTC. Postgres has TIMESTAMPTZ
// for them; in SQLite they are integers, microseconds since 1970, in columns
// that are best declared TIMESTAMP (in a STRICT table INTEGER), so that
// comparing and sorting is right in both. JSON is stored as text: declare the
// column JSONB in Postgres and TEXT in SQLite. Booleans are 0 and 1 in SQLite,
// in a column declared BOOLEAN.
//
// # Errors
//
// [ErrNotFound], [ErrConflict] (see [ConstraintError]) and [ErrUnavailable]
// are what an application tells apart; a context's own error stays what it is.
// After ErrUnavailable (locked, disk full, connection lost, overloaded) nothing
// needs to be restarted: the next statement that can succeed does.
//
// # Concurrency
//
// A [DB] and a [Batcher] are safe for concurrent use; a [Tx] and [Rows] belong
// to one goroutine. SQLite has one writer, so that writes queue up rather than
// collide, and readers that never wait for it. [Batcher] lets many writers
// share one commit.
//
// # Security
//
// Values are given as arguments and never become SQL. Errors and the slow-query
// log show statements, never arguments, and never the URL.
package db
