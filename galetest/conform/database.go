package conform

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/internal/assert"
)

// Database is the suite that every [db.Driver] passes. open returns an empty
// database, a new one in each call, and closes it when the test ends.
func Database(t *testing.T, open func(t *testing.T) *db.DB) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(t *testing.T, d *db.DB)
	}{
		{"Get", databaseGet},
		{"All", databaseAll},
		{"Each", databaseEach},
		{"EachBreak", databaseEachBreak},
		{"EachPanic", databaseEachPanic},
		{"Exec", databaseExec},
		{"Script", databaseScript},
		{"Returning", databaseReturning},
		{"Types", databaseTypes},
		{"Nulls", databaseNulls},
		{"TimeOrder", databaseTimeOrder},
		{"Columns", databaseColumns},
		{"Unique", databaseUnique},
		{"ForeignKey", databaseForeignKey},
		{"CheckAndNotNull", databaseCheck},
		{"Placeholders", databasePlaceholders},
		{"Injection", databaseInjection},
		{"Commit", databaseCommit},
		{"Rollback", databaseRollback},
		{"PanicRollsBack", databasePanic},
		{"CancelRollsBack", databaseCancel},
		{"FailedStatementAborts", databaseAborted},
		{"Savepoint", databaseSavepoint},
		{"NestedUse", databaseNestedUse},
		{"OpenRows", databaseOpenRows},
		{"ReadTx", databaseReadTx},
		{"Canceled", databaseCanceled},
		{"CanceledRows", databaseCanceledRows},
		{"ForgottenRows", databaseForgottenRows},
		{"Batcher", databaseBatcher},
		{"Page", databasePage},
		{"Closed", databaseClosed},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, open(t))
		})
	}
}

// mustExec runs a statement that only prepares the test.
func mustExec(t *testing.T, q db.Querier, sql string, args ...any) {
	t.Helper()
	_, err := q.Exec(t.Context(), sql, args...)
	assert.NoError(t, err)
}

// boats makes a table with n rows, numbered from 1.
func boats(t *testing.T, d *db.DB, n int) {
	t.Helper()
	mustExec(t, d, "CREATE TABLE boats (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)")
	err := d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		for i := range n {
			if _, err := tx.Exec(ctx, "INSERT INTO boats (id, name) VALUES ($1, $2)", i+1, boatName(i+1)); err != nil {
				return err
			}
		}
		return nil
	})
	assert.NoError(t, err)
}

func boatName(i int) string { return "boat " + string(rune('a'+i%26)) + strings.Repeat("x", i/26) }

type boat struct {
	ID   int64
	Name string
}

func count(t *testing.T, q db.Querier) int {
	t.Helper()
	n, err := db.Get[int](t.Context(), q, "SELECT count(*) FROM boats")
	assert.NoError(t, err)
	return n
}

func databaseGet(t *testing.T, d *db.DB) {
	boats(t, d, 3)
	b, err := db.Get[boat](t.Context(), d, "SELECT id, name FROM boats WHERE id = $1", 2)
	assert.NoError(t, err)
	assert.Equal(t, b, boat{2, "boat c"})
	name, err := db.Get[string](t.Context(), d, "SELECT name FROM boats ORDER BY id")
	assert.NoError(t, err)
	assert.Equal(t, name, "boat b")
	_, err = db.Get[boat](t.Context(), d, "SELECT id, name FROM boats WHERE id = $1", 9)
	assert.ErrorIs(t, err, db.ErrNotFound)
	_, err = db.Get[boat](t.Context(), d, "SELECT id, nmae FROM boats")
	assert.True(t, err != nil && strings.Contains(err.Error(), "nmae"), "a wrong column is not named by the error")
}

func databaseAll(t *testing.T, d *db.DB) {
	boats(t, d, 3)
	all, err := db.All[boat](t.Context(), d, "SELECT * FROM boats ORDER BY id DESC")
	assert.NoError(t, err)
	assert.Equal(t, all, []boat{{3, "boat d"}, {2, "boat c"}, {1, "boat b"}})
	none, err := db.All[boat](t.Context(), d, "SELECT * FROM boats WHERE id > $1", 5)
	assert.NoError(t, err)
	assert.Equal(t, none, nil)
}

func databaseEach(t *testing.T, d *db.DB) {
	boats(t, d, 200)
	var sum int64
	for b, err := range db.Each[boat](t.Context(), d, "SELECT id, name FROM boats") {
		assert.NoError(t, err)
		sum += b.ID
	}
	assert.Equal(t, sum, 200*201/2)
	n := 0
	for _, err := range db.Each[boat](t.Context(), d, "SELECT nothing FROM nowhere") {
		assert.True(t, err != nil, "no error from a query that cannot run")
		n++
	}
	assert.Equal(t, n, 1)
}

func databaseEachBreak(t *testing.T, d *db.DB) {
	boats(t, d, 50)
	// More often than any pool is large: a connection that leaks is found.
	for range 40 {
		for b, err := range db.Each[boat](t.Context(), d, "SELECT id, name FROM boats ORDER BY id") {
			assert.NoError(t, err)
			assert.Equal(t, b.ID, 1)
			break
		}
	}
	for _, s := range d.Stats() {
		assert.Equal(t, s.InUse, 0)
	}
}

func databaseEachPanic(t *testing.T, d *db.DB) {
	boats(t, d, 5)
	assert.Panics(t, func() {
		for range db.Each[boat](t.Context(), d, "SELECT id, name FROM boats") {
			panic("in the loop")
		}
	})
	for _, s := range d.Stats() {
		assert.Equal(t, s.InUse, 0)
	}
}

func databaseExec(t *testing.T, d *db.DB) {
	boats(t, d, 5)
	n, err := d.Exec(t.Context(), "UPDATE boats SET name = name || $1 WHERE id > $2", "!", 2)
	assert.NoError(t, err)
	assert.Equal(t, n, 3)
	n, err = d.Exec(t.Context(), "CREATE TABLE other (id INTEGER)")
	assert.NoError(t, err)
	assert.Equal(t, n, 0)
	n, err = d.Exec(t.Context(), "DELETE FROM boats WHERE id = $1", 99)
	assert.NoError(t, err)
	assert.Equal(t, n, 0)
}

func databaseScript(t *testing.T, d *db.DB) {
	mustExec(t, d, "CREATE TABLE boats (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO boats VALUES (1, 'a;b'); INSERT INTO boats VALUES (2, 'c');")
	assert.Equal(t, count(t, d), 2)
}

func databaseReturning(t *testing.T, d *db.DB) {
	boats(t, d, 0)
	const insert = "INSERT INTO boats (id, name) VALUES ($1, $2) RETURNING id, name"
	b, err := db.Get[boat](t.Context(), d.Writer(), insert, 7, "seven")
	assert.NoError(t, err)
	assert.Equal(t, b, boat{7, "seven"})
	// Committed: a reader sees it.
	assert.Equal(t, count(t, d), 1)
	_, err = db.Get[boat](t.Context(), d, " -- a comment\n/* and one */ "+insert, 8, "eight")
	assert.ErrorIs(t, err, db.ErrReadOnly)
	assert.Equal(t, count(t, d), 1)
}

type colour int

const (
	red colour = iota + 1
	green
)

// MarshalText makes colour be stored by its name.
func (c colour) MarshalText() ([]byte, error) {
	return []byte(map[colour]string{red: "red", green: "green"}[c]), nil
}

// UnmarshalText is the way back.
func (c *colour) UnmarshalText(b []byte) error {
	*c = map[string]colour{"red": red, "green": green}[string(b)]
	if *c == 0 {
		return errors.New("no such colour")
	}
	return nil
}

type (
	role  string
	level int32
)

type stamps struct {
	At      time.Time
	Ended   *time.Time
	Checked sql.Null[time.Time]
}

type everything struct {
	ID     int64
	Text   string
	Data   []byte
	Flag   bool
	Ratio  float64
	Doc    json.RawMessage
	Role   role
	Level  level
	Colour colour
	Addr   netip.Addr
	stamps // embedded: its fields are the row's
	Note   *string
	Count  sql.Null[int64]
	Named  string `db:"given_name"`
	Left   string `db:"-"`
}

const everythingTable = `CREATE TABLE everything (
	id BIGINT PRIMARY KEY, text TEXT NOT NULL, data %BYTES%, flag BOOLEAN NOT NULL, ratio DOUBLE PRECISION NOT NULL,
	doc %JSON%, role TEXT NOT NULL, level INTEGER NOT NULL, colour TEXT NOT NULL, addr TEXT NOT NULL,
	at %TIME% NOT NULL, ended %TIME%, checked %TIME%, note TEXT, count BIGINT, given_name TEXT NOT NULL)`

func createEverything(t *testing.T, d *db.DB) {
	t.Helper()
	r := strings.NewReplacer("%BYTES%", "BLOB", "%JSON%", "TEXT", "%TIME%", "TIMESTAMP")
	if d.Dialect() == db.Postgres {
		r = strings.NewReplacer("%BYTES%", "BYTEA", "%JSON%", "JSONB", "%TIME%", "TIMESTAMPTZ")
	}
	mustExec(t, d, r.Replace(everythingTable))
}

const insertEverything = `INSERT INTO everything VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`

func (e everything) args() []any {
	return []any{e.ID, e.Text, e.Data, e.Flag, e.Ratio, e.Doc, e.Role, e.Level, e.Colour, e.Addr, e.At, e.Ended, e.Checked, e.Note, e.Count, e.Named}
}

func databaseTypes(t *testing.T, d *db.DB) {
	createEverything(t, d)
	// Nanoseconds and a zone: neither database keeps them, so neither returns them.
	at := time.Date(2026, 3, 4, 5, 6, 7, 123456789, time.FixedZone("", 3600))
	kept := time.Date(2026, 3, 4, 4, 6, 7, 123456000, time.UTC)
	early := time.Date(1901, 1, 2, 3, 4, 5, 6000, time.UTC)
	note := "näive 🌬"
	want := everything{
		ID: math.MaxInt64, Text: "it's; -- \"text\"\n", Data: []byte{0, 1, 255}, Flag: true, Ratio: math.Pi,
		Doc: json.RawMessage(`{"wind": [1, null]}`), Role: "admin", Level: -7, Colour: green, Addr: netip.MustParseAddr("2001:db8::1"),
		stamps: stamps{At: at, Ended: &early, Checked: sql.Null[time.Time]{V: at, Valid: true}},
		Note:   &note, Count: sql.Null[int64]{V: 3, Valid: true}, Named: "gale",
	}
	mustExec(t, d, insertEverything, want.args()...)
	want.At, want.Checked.V = kept, kept
	for range 2 { // the second time from the caches
		got, err := db.Get[everything](t.Context(), d, "SELECT * FROM everything WHERE at = $1 AND role = $2 AND flag = $3", at, want.Role, true)
		assert.NoError(t, err)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(everything{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		assert.Equal(t, got.At.Location(), time.UTC)
	}
	// An expression has no declared type on SQLite; a scalar has no struct.
	last, err := db.Get[time.Time](t.Context(), d, "SELECT max(at) FROM everything")
	assert.NoError(t, err)
	assert.Equal(t, last, kept)
	maybe, err := db.Get[sql.Null[time.Time]](t.Context(), d, "SELECT max(ended) FROM everything")
	assert.NoError(t, err)
	assert.Equal(t, maybe, sql.Null[time.Time]{V: early, Valid: true})
	for _, c := range []struct {
		column string
		get    func(sql string) (any, error)
		want   any
	}{
		{"flag", func(s string) (any, error) { return db.Get[bool](t.Context(), d, s) }, true},
		{"ratio", func(s string) (any, error) { return db.Get[float32](t.Context(), d, s) }, float32(math.Pi)},
		{"level", func(s string) (any, error) { return db.Get[int8](t.Context(), d, s) }, int8(-7)},
		{"count", func(s string) (any, error) { return db.Get[uint16](t.Context(), d, s) }, uint16(3)},
		{"role", func(s string) (any, error) { return db.Get[role](t.Context(), d, s) }, role("admin")},
		{"colour", func(s string) (any, error) { return db.Get[colour](t.Context(), d, s) }, green},
		{"colour", func(s string) (any, error) { return db.Get[*colour](t.Context(), d, s) }, new(green)},
		{"data", func(s string) (any, error) { return db.Get[[]byte](t.Context(), d, s) }, []byte{0, 1, 255}},
		{"note", func(s string) (any, error) { return db.Get[sql.NullString](t.Context(), d, s) }, sql.NullString{String: note, Valid: true}},
		{"addr", func(s string) (any, error) { return db.Get[netip.Addr](t.Context(), d, s) }, want.Addr},
	} {
		got, err := c.get("SELECT " + c.column + " FROM everything")
		assert.NoError(t, err)
		assert.Equal(t, got, c.want)
	}
	_, err = db.Get[int8](t.Context(), d, "SELECT id FROM everything")
	assert.True(t, err != nil, "a number that does not fit was taken")
	_, err = d.Exec(t.Context(), "UPDATE everything SET id = $1", uint64(math.MaxUint64))
	assert.True(t, err != nil, "an argument that does not fit was taken")
}

func databaseNulls(t *testing.T, d *db.DB) {
	createEverything(t, d)
	want := everything{ID: 1, Colour: red, Addr: netip.MustParseAddr("::1"), stamps: stamps{At: time.Unix(0, 0).UTC()}}
	mustExec(t, d, insertEverything, want.args()...)
	got, err := db.Get[everything](t.Context(), d, "SELECT * FROM everything WHERE note IS NULL AND data IS NULL AND doc IS NULL AND ended IS NULL AND checked IS NULL AND count IS NULL")
	assert.NoError(t, err)
	assert.Equal(t, got, want)
	_, err = db.Get[string](t.Context(), d, "SELECT note FROM everything")
	assert.True(t, err != nil && strings.Contains(err.Error(), "NULL"), "NULL into a string is not an error")
	_, err = db.Get[time.Time](t.Context(), d, "SELECT ended FROM everything")
	assert.True(t, err != nil, "NULL into a time is not an error")
	// Empty is not NULL.
	mustExec(t, d, "UPDATE everything SET data = $1, note = $2", []byte{}, "")
	data, err := db.Get[[]byte](t.Context(), d, "SELECT data FROM everything WHERE data IS NOT NULL")
	assert.NoError(t, err)
	assert.True(t, data != nil && len(data) == 0, "an empty value came back as NULL")
}

func databaseTimeOrder(t *testing.T, d *db.DB) {
	createEverything(t, d)
	base := time.Date(1969, 12, 31, 23, 59, 59, 999998000, time.UTC)
	for i := range 4 {
		e := everything{ID: int64(i), Colour: red, Addr: netip.MustParseAddr("::1"), stamps: stamps{At: base.Add(time.Duration(i) * time.Microsecond)}}
		mustExec(t, d, insertEverything, e.args()...)
	}
	ids, err := db.All[int64](t.Context(), d, "SELECT id FROM everything WHERE at > $1 AND at <= $2 ORDER BY at DESC", base, base.Add(2*time.Microsecond))
	assert.NoError(t, err)
	assert.Equal(t, ids, []int64{2, 1})
}
