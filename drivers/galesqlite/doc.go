// Package galesqlite is the SQLite driver of [github.com/galeweb/gale/db]: the
// database inside the binary, in Go without cgo (modernc.org/sqlite).
//
//	d, err := db.Open(ctx, "sqlite:data/app.db", db.Options{
//		Drivers: []db.Driver{galesqlite.Driver()},
//	})
//
// # URL
//
// sqlite:PATH is relative to the working directory, sqlite:/PATH and
// sqlite:///PATH are absolute, and sqlite::memory: is a database in memory with
// one connection, which ends with the DB. A ? or % in a path is written %3F or
// %25. Parameters:
//
//   - synchronous: full (the default), normal or extra. With full, what was
//     acknowledged survives a power failure, at the cost of one fsync for each
//     commit; [github.com/galeweb/gale/db.Batcher] shares it among many. With
//     normal, a power failure may take back the commits of the last moments,
//     never more, and never damages the file.
//   - busy_timeout: how long to wait for another process's lock; defaults to 5s.
//   - cache_size: page cache of each connection in KiB; defaults to 8192.
//   - statements: prepared statements kept by each connection; defaults to 256.
//
// # What is set
//
// WAL, so that readers and the writer do not wait for each other; foreign keys
// enforced; double-quoted strings refused; the defensive mode of SQLite; no
// memory mapping, so that an I/O error is an error and not a signal. The file
// is created with mode 0600, its directory is not created.
//
// # Concurrency and limits
//
// One connection writes and up to Options.MaxConns read, which are query_only.
// Several processes may use one file on one machine; a network file system is
// not safe. A transaction that reads for long keeps the WAL from being reset.
package galesqlite
