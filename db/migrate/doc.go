// Package migrate brings a database's schema to the version that the program
// was built for, from SQL files inside the binary, with goose.
//
//	//go:embed migrations
//	var files embed.FS
//
//	m, err := migrate.New(d, files, migrate.Options{})
//	applied, err := m.Up(ctx)
//
// # Files
//
// migrations/00001_boats.sql, 00002_sails.sql … run in the order of their
// numbers, on both databases. Where the two need different SQL, a file of the
// same name in migrations/sqlite or migrations/postgres takes the common one's
// place. A file is goose's: "-- +goose Up" before the statements that lead up,
// "-- +goose Down" before those that lead back, and
// "-- +goose StatementBegin" and "-- +goose StatementEnd" around a statement
// that has semicolons within.
//
// # Concurrency
//
// Several processes may call Up at once, as they do when a service starts
// anew: one works, the others wait and find nothing left to do. Postgres has
// an advisory lock for it, one for each schema (a PgBouncer that pools
// transactions cannot hold it: connect directly). SQLite has its write lock,
// under which all pending migrations are one transaction.
//
// # Failure
//
// On SQLite a failed Up leaves the database as it was before. On Postgres each
// migration is a transaction, so that those before the failed one stay; one
// marked "-- +goose NO TRANSACTION", for CREATE INDEX CONCURRENTLY, may stop
// halfway. SQLite refuses that mark. The error names the file and the
// statement.
//
// # Limits
//
// On SQLite foreign keys are checked at the end instead of at each statement,
// so that a table can be rebuilt, and ON DELETE actions do not run.
package migrate
