// Package galepgx is the Postgres driver of [github.com/galeweb/gale/db], on
// pgx and its own pool, not database/sql.
//
//	d, err := db.Open(ctx, "postgres://app:secret@db.example.com/app", db.Options{
//		Drivers: []db.Driver{galepgx.Driver()},
//	})
//
// # URL
//
// The URL is libpq's, and the PG* environment variables fill what it leaves
// out. Any setting of the server may be a parameter: search_path=tenant1 (or
// schema=tenant1), statement_timeout=10s, default_transaction_isolation=
// serializable. pool_max_conns and its siblings are pgxpool's;
// default_query_exec_mode=cache_describe or exec is for a PgBouncer that pools
// transactions.
//
// # Security
//
// libpq's own default sends the password and the data unencrypted when the
// server offers no TLS. Here a server on another machine is asked for TLS with
// a verified certificate (sslmode=verify-full) unless the URL or PGSSLMODE
// says otherwise; sslrootcert names the authority of a private one. Errors
// never show the password.
//
// # Limits
//
// A query whose rows are left early is read to its end first: bound it with
// LIMIT.
package galepgx
