package database_test

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/auth/audit"
	"github.com/galeweb/gale/auth/oauth"
	"github.com/galeweb/gale/auth/passkey"
	"github.com/galeweb/gale/auth/recovery"
	"github.com/galeweb/gale/auth/roles"
	"github.com/galeweb/gale/auth/totp"
	"github.com/galeweb/gale/cmd/gale/reference/database"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/db/migrate"
	"github.com/galeweb/gale/drivers/galeoidc"
	"github.com/galeweb/gale/drivers/galepgx"
	"github.com/galeweb/gale/drivers/galesqlite"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/ratelimit"
	"github.com/galeweb/gale/session"
)

func TestMain(m *testing.M) { galetest.Main(m) }

// onEach runs a test on SQLite and on Postgres, each with an empty database of
// its own.
func onEach(t *testing.T, migrations fs.FS, body func(t *testing.T, d *db.DB)) {
	t.Parallel()
	for name, driver := range map[string]db.Driver{"sqlite": galesqlite.Driver(), "postgres": galepgx.Driver()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body(t, galetest.DB(t, galetest.DBOptions{Driver: driver, Migrations: migrations}))
		})
	}
}

// storeTest is a test of the store on both databases.
func storeTest(t *testing.T, body func(t *testing.T, s *database.Store)) {
	onEach(t, database.Migrations(), func(t *testing.T, d *db.DB) { body(t, database.New(d, newKeys(t).ring)) })
}

// start is the present of these tests; microseconds are what is kept.
var start = time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)

// newUser stores a user, by a link unless it is the first, who is an admin.
func newUser(t testing.TB, s *database.Store, name string) models.User {
	t.Helper()
	u, err := create(t, s, models.User{ID: "id-" + name, Name: name, Email: name + "@example.com", PasswordHash: "hash of " + name})
	assert.NoError(t, err)
	return u
}

func create(t testing.TB, s *database.Store, u models.User) (models.User, error) {
	t.Helper()
	u.Role, u.CreatedAt = models.Viewer, start
	created, err := s.CreateUser(t.Context(), u, nil)
	if !errors.Is(err, services.ErrNotFirst) {
		return created, err
	}
	l := link(models.SignUpLink, "", u.Email, "link of "+u.ID+" "+u.Name)
	assert.NoError(t, s.AddLinks(t.Context(), l))
	return s.CreateUser(t.Context(), u, l.Hash)
}

// link returns a link that works for an hour.
func link(p models.Purpose, user, email, hash string) models.Link {
	return models.Link{Hash: []byte(hash), Purpose: p, UserID: user, Email: email, CreatedAt: start, ExpiresAt: start.Add(time.Hour)}
}

// tables returns the names of the application's tables and indexes.
func tables(t *testing.T, d *db.DB) []string {
	t.Helper()
	query := "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' AND name NOT LIKE 'goose_%'"
	if d.Dialect() == db.Postgres {
		query = "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'i') " +
			"AND relname NOT LIKE 'goose_%' AND relname NOT LIKE '%_pkey' AND relname NOT LIKE '%_key'"
	}
	names, err := db.All[string](t.Context(), d, query)
	assert.NoError(t, err)
	slices.Sort(names)
	return names
}

func TestMigrationsLeadUpAndBack(t *testing.T) {
	onEach(t, nil, func(t *testing.T, d *db.DB) {
		m, err := migrate.New(d, database.Migrations(), migrate.Options{})
		assert.NoError(t, err)
		applied, err := m.Up(t.Context())
		assert.NoError(t, err)
		assert.Equal(t, len(applied), 16)
		first := tables(t, d)
		for range applied {
			_, err := m.Down(t.Context())
			assert.NoError(t, err)
		}
		assert.Equal(t, tables(t, d), nil)
		assert.NoError(t, database.Migrate(t.Context(), d))
		assert.NoError(t, database.Migrate(t.Context(), d)) // nothing left to do
		assert.Equal(t, tables(t, d), first)
		assert.Equal(t, newUser(t, database.New(d, newKeys(t).ring), "ada").Role, models.Admin)
	})
}

// TestSessionTable holds the copy of session.Schema in the migrations to it.
func TestSessionTable(t *testing.T) {
	onEach(t, nil, func(t *testing.T, d *db.DB) {
		text, err := fs.ReadFile(database.Migrations(), "00017_session_stamps.sql")
		assert.NoError(t, err)
		if !strings.Contains(string(text), session.Schema) {
			t.Error("00017_session_stamps.sql does not have session.Schema word for word; copy it, in a new migration if this one was released")
		}
		assert.NoError(t, database.Migrate(t.Context(), d))
		store := session.NewSQLStore(d)
		r := session.Record{Hash: session.Hash{1}, ID: "a", User: "u", Created: start.Truncate(time.Millisecond), Seen: start.Truncate(time.Millisecond), Expires: start.Add(time.Hour).Truncate(time.Millisecond)}
		assert.NoError(t, store.Save(t.Context(), r.Hash, r))
		got, err := store.Load(t.Context(), r.Hash)
		assert.NoError(t, err)
		assert.Equal(t, got.User, "u")
	})
}

// TestLimitsTable does so for ratelimit.Schema.
func TestLimitsTable(t *testing.T) {
	onEach(t, nil, func(t *testing.T, d *db.DB) {
		text, err := fs.ReadFile(database.Migrations(), "00004_links.sql")
		assert.NoError(t, err)
		if !strings.Contains(string(text), ratelimit.Schema) {
			t.Error("00004_links.sql does not have ratelimit.Schema word for word; copy it, in a new migration if this one was released")
		}
		assert.NoError(t, database.Migrate(t.Context(), d))
		limits := ratelimit.New(ratelimit.Options{Store: ratelimit.NewSQLStore(d), OnFailure: ratelimit.FailClosed})
		res, err := limits.Allow(t.Context(), ratelimit.Limit{Name: "test", Rate: 1, Per: time.Hour}, "key")
		assert.NoError(t, err)
		assert.Equal(t, res.Allowed, true)
	})
}

// TestFactorTables does so for the tables of second factors, of the audit log, of
// accounts elsewhere, of roles and of the OAuth server.
func TestFactorTables(t *testing.T) {
	t.Parallel()
	for file, schemas := range map[string][]string{
		"00005_factors.sql":        {totp.Schema, recovery.Schema, passkey.Schema},
		"00008_providers.sql":      {oauth.Schema},
		"00009_roles.sql":          {roles.Schema},
		"00010_oauth_server.sql":   {strings.TrimSuffix(galeoidc.Schema, galeoidc.SchemaDisabled)},
		"sqlite/00012_apps.sql":    {galeoidc.SchemaDisabled},
		"postgres/00012_apps.sql":  {galeoidc.SchemaDisabled},
		"sqlite/00007_audit.sql":   {strings.TrimSuffix(audit.SchemaSQLite, audit.SchemaTarget)},
		"postgres/00007_audit.sql": {strings.TrimSuffix(audit.SchemaPostgres, audit.SchemaTarget)},
		"00016_audit_target.sql":   {audit.SchemaTarget},
	} {
		text, err := fs.ReadFile(database.Migrations(), file)
		assert.NoError(t, err)
		plain := strings.NewReplacer("-- +goose StatementBegin\n", "", "-- +goose StatementEnd\n", "").Replace(string(text))
		for _, schema := range schemas {
			if !strings.Contains(plain, schema) {
				t.Errorf("%s does not have a package's Schema word for word; copy it, in a new migration if this one was released", file)
			}
		}
	}
}
