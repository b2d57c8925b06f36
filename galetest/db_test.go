package galetest_test

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
)

// fakeDriver notes what it is asked to do. The real ones are in another module,
// whose tests use galetest.DB on them.
type fakeDriver struct {
	scheme string
	fail   string // the beginning of a statement that fails

	mu  sync.Mutex
	log []string
}

func (f *fakeDriver) note(s string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, s)
}

func (f *fakeDriver) Schemes() []string { return []string{f.scheme} }

func (f *fakeDriver) Open(_ context.Context, url string, _ db.DriverOptions) (db.Backend, error) {
	f.note("open " + url)
	return &fakeBackend{f, url}, nil
}

type fakeBackend struct {
	*fakeDriver
	url string
}

func (b *fakeBackend) Dialect() string                                   { return b.scheme }
func (b *fakeBackend) Acquire(context.Context, db.Role) (db.Conn, error) { return b, nil }
func (b *fakeBackend) Stats() []db.PoolStats                             { return nil }
func (b *fakeBackend) Close() error                                      { b.note("close " + b.url); return nil }
func (b *fakeBackend) Begin(context.Context, bool) error                 { return nil }
func (b *fakeBackend) End(context.Context, bool) error                   { return nil }
func (b *fakeBackend) Release()                                          {}
func (b *fakeBackend) Query(context.Context, string, ...any) (db.Rows, error) {
	return nil, errors.New("no queries")
}

func (b *fakeBackend) Schema(context.Context, func(context.Context, *sql.DB) error) error {
	return errors.New("no migrations")
}

func (b *fakeBackend) Exec(_ context.Context, statement string, _ ...any) (int64, error) {
	b.note(statement)
	if b.fail != "" && strings.HasPrefix(statement, b.fail) {
		return 0, errors.New("refused")
	}
	return 0, nil
}

func TestDBMakesAndDropsASchema(t *testing.T) {
	t.Parallel()
	const address = "postgres://db.example/test?sslmode=disable"
	f := &fakeDriver{scheme: "postgres"}
	try(t, func(tb testing.TB) {
		_, err := galetest.DB(tb, galetest.DBOptions{Driver: f, URL: address}).Exec(t.Context(), "INSERT INTO boats")
		assert.NoError(t, err)
	}).failedWith(t, "")
	assert.Equal(t, len(f.log), 7)
	name := strings.TrimPrefix(f.log[1], "CREATE SCHEMA ")
	u, err := url.Parse(strings.TrimPrefix(f.log[2], "open "))
	assert.NoError(t, err)
	assert.Equal(t, u.Query().Get("search_path"), name)
	assert.Equal(t, u.Query().Get("sslmode"), "disable")
	assert.Equal(t, u.Query().Get("synchronous_commit"), "off")
	const admin = address + "&synchronous_commit=off"
	assert.Equal(t, f.log, []string{
		"open " + admin, "CREATE SCHEMA " + name, "open " + u.String(), "INSERT INTO boats",
		"close " + u.String(), "DROP SCHEMA " + name + " CASCADE", "close " + admin,
	})
}

func TestDBIsAFileOfTheTest(t *testing.T) {
	t.Parallel()
	f := &fakeDriver{scheme: "sqlite"}
	try(t, func(tb testing.TB) {
		galetest.DB(tb, galetest.DBOptions{Driver: f})
		galetest.DB(tb, galetest.DBOptions{Driver: f})
	}).failedWith(t, "")
	assert.Equal(t, len(f.log), 4)
	assert.Equal(t, filepath.Base(f.log[0]), "test.db")
	assert.True(t, f.log[0] != f.log[1], "two databases of a test are one file")
}

func TestDBFailures(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{"migrations/00001_boats.sql": {Data: []byte("-- +goose Up\nCREATE TABLE boats (id BIGINT);\n")}}
	try(t, func(tb testing.TB) { galetest.DB(tb, galetest.DBOptions{}) }).failedWith(t, "DBOptions has no Driver")
	try(t, func(tb testing.TB) {
		galetest.DB(tb, galetest.DBOptions{Driver: &fakeDriver{scheme: "sqlite"}, Migrations: files})
	}).failedWith(t, "no migrations")
	try(t, func(tb testing.TB) {
		galetest.DB(tb, galetest.DBOptions{Driver: &fakeDriver{scheme: "postgres", fail: "DROP"}, URL: "postgres://db.example/test"})
	}).failedWith(t, "CASCADE: refused")
}
