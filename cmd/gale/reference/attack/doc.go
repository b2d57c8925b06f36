// Package attack has no code, only tests: relay's program, built and started as
// a user would, on a real port with default settings, and attacked over its
// sockets by somebody who has nothing but those. On SQLite and Postgres, by
// gale's engine and by net/http, one process each suffers the tests, one after
// another: most of them all four, dear ones SQLite by the engine and Postgres by
// net/http, and what ends before the database both servers. One of the four has the
// values of sessions in their cookies. See kit_test.go.
package attack
