// Package attack has no code, only tests: relay's program, built and started as
// a user would, on a real port with default settings, and attacked over its
// sockets by somebody who has nothing but those. Each test runs on SQLite and
// Postgres, by gale's engine and by net/http, and on each of these one process
// suffers all tests, one after another. See kit_test.go.
package attack
