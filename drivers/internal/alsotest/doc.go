// Package alsotest makes every change of gale's SQL stores with a record that
// fails, and with one that is stored, on SQLite and Postgres: see db.Also.
package alsotest
