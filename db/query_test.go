package db_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/obs"
)

func TestOpenDefaults(t *testing.T) {
	t.Parallel()
	f := &fake{}
	openFake(t, f, db.Options{})
	assert.Equal(t, f.options.AcquireTimeout, 5*time.Second)
	assert.Panics(t, func() { _, _ = db.Open(t.Context(), "fake:", db.Options{}) })
	_, err := db.Open(t.Context(), "postgres://u:sesame@h/d", db.Options{Drivers: []db.Driver{f}})
	assert.Equal(t, err.Error(), `db: open: unknown scheme "postgres"; known are fake`)
}

// TestSlowQuery: statement, time, rows and route are logged, arguments never.
func TestSlowQuery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		// The handler of obs does this with the request's facts.
		withRoute := routeHandler{slog.NewTextHandler(&out, nil)}
		f := &fake{delay: 200 * time.Millisecond, columns: []string{"id"}, rows: [][]any{{int64(1)}, {int64(2)}}}
		d := openFake(t, f, db.Options{Logger: slog.New(withRoute)})
		r := obs.NewRequest("req1", "")
		r.SetRoute("GET /boats")
		ctx := obs.WithRequest(t.Context(), r)
		for _, err := range db.Each[int](ctx, d, "SELECT id\n\t FROM   boats WHERE name = $1", "sesame") {
			assert.NoError(t, err)
			time.Sleep(time.Hour) // the caller's own time is not the query's
		}
		for _, want := range []string{`msg="slow query"`, `sql="SELECT id FROM boats WHERE name = $1"`, "duration=200ms", "rows=2", `route="GET /boats"`} {
			assert.Contains(t, out.String(), want)
		}
		assert.True(t, !strings.Contains(out.String(), "sesame"), "an argument was logged")

		out.Reset()
		_, err := d.Exec(ctx, "UPDATE x SET y = '"+strings.Repeat("ä", 10_000)+"'")
		assert.NoError(t, err)
		assert.True(t, out.Len() < 1500 && strings.Contains(out.String(), " …"), "a long statement was logged whole")

		out.Reset()
		f.delay = 199 * time.Millisecond
		_, err = d.Exec(ctx, "UPDATE x SET y = 1")
		assert.NoError(t, err)
		assert.Equal(t, out.String(), "")

		off := openFake(t, &fake{delay: time.Hour}, db.Options{Logger: slog.New(withRoute), SlowQuery: -1})
		_, err = off.Exec(ctx, "UPDATE x SET y = 1")
		assert.NoError(t, err)
		assert.Equal(t, out.String(), "")
	})
}

type routeHandler struct{ slog.Handler }

func (h routeHandler) Handle(ctx context.Context, r slog.Record) error {
	r.AddAttrs(obs.RequestFrom(ctx).Attrs()...)
	return h.Handler.Handle(ctx, r)
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	f := &fake{}
	d := openFake(t, f, db.Options{Metrics: registry, Name: "main", Logger: quiet})
	for _, err := range []error{nil, context.Canceled, db.ErrUnavailable, &db.ConstraintError{}, errors.New("other"), nil} {
		f.exec = func(string, []any) error { return err }
		_, _ = d.Exec(t.Context(), "UPDATE x SET y = 1")
	}
	const want = `
# HELP gale_db_pool_wait_seconds_total Time spent waiting for a connection.
# TYPE gale_db_pool_wait_seconds_total counter
gale_db_pool_wait_seconds_total{db="main",pool="writer"} 1.5
# HELP gale_db_pool_idle Open connections that nobody uses.
# TYPE gale_db_pool_idle gauge
gale_db_pool_idle{db="main",pool="writer"} 1
# HELP gale_db_queries_total Statements run, by outcome.
# TYPE gale_db_queries_total counter
gale_db_queries_total{db="main",outcome="canceled"} 1
gale_db_queries_total{db="main",outcome="constraint"} 1
gale_db_queries_total{db="main",outcome="error"} 1
gale_db_queries_total{db="main",outcome="ok"} 2
gale_db_queries_total{db="main",outcome="unavailable"} 1
`
	assert.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(want), "gale_db_pool_wait_seconds_total", "gale_db_pool_idle", "gale_db_queries_total"))
	problems, err := testutil.GatherAndLint(registry)
	assert.NoError(t, err)
	assert.Equal(t, len(problems), 0)
	_, err = db.Open(t.Context(), "fake:", db.Options{Drivers: []db.Driver{f}, Metrics: registry, Name: "main"})
	assert.True(t, err != nil, "two databases of one name share a metric")
	assert.NoError(t, d.Close())
	openFake(t, f, db.Options{Metrics: registry, Name: "main"})
}

type state string

func (s state) Error() string    { return "state " + string(s) }
func (s state) SQLState() string { return string(s) }

func TestTxRetries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			retries, fails int
			err            error
			runs           int
			ok             bool
		}{
			{0, 1, state("40001"), 1, false},
			{3, 2, state("40001"), 3, true},
			{3, 2, fmt.Errorf("wrapped: %w", state("40P01")), 3, true},
			{3, 9, state("40001"), 4, false},
			{3, 1, state("23505"), 1, false},
			{3, 1, errors.New("other"), 1, false},
		} {
			f := &fake{}
			d := openFake(t, f, db.Options{Retries: test.retries})
			runs := 0
			err := d.Tx(t.Context(), func(context.Context, *db.Tx) error {
				if runs++; runs <= test.fails {
					return test.err
				}
				return nil
			})
			assert.Equal(t, runs, test.runs)
			assert.Equal(t, err == nil, test.ok)
		}
	})
}

// TestTxEnd: what reaches the connection, and that it is always given back.
func TestTxEnd(t *testing.T) {
	t.Parallel()
	f := &fake{}
	d := openFake(t, f, db.Options{Logger: quiet})
	ok := func(ctx context.Context, tx *db.Tx) error { _, err := tx.Exec(ctx, "UPDATE x"); return err }
	assert.NoError(t, d.Tx(t.Context(), ok))
	assert.Equal(t, f.statements(), "BEGIN; UPDATE x; COMMIT")
	f.exec = func(sql string, _ []any) error {
		if sql == "COMMIT" {
			return db.ErrUnavailable
		}
		return nil
	}
	assert.ErrorIs(t, d.Tx(t.Context(), ok), db.ErrUnavailable)
	assert.Equal(t, f.statements(), "BEGIN; UPDATE x; COMMIT")
	ctx, cancel := context.WithCancel(t.Context())
	err := d.Tx(ctx, func(context.Context, *db.Tx) error { cancel(); return nil })
	assert.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, f.statements(), "BEGIN; ROLLBACK")
	// A savepoint that cannot be undone takes the transaction with it.
	f.exec = func(sql string, _ []any) error {
		if strings.HasPrefix(sql, "ROLLBACK TO") {
			return db.ErrUnavailable
		}
		return nil
	}
	err = d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		_ = tx.Tx(ctx, func(context.Context, *db.Tx) error { return errBad })
		return nil
	})
	assert.ErrorIs(t, err, db.ErrAborted)
}

func TestBind(t *testing.T) {
	t.Parallel()
	f := &fake{}
	d := openFake(t, f, db.Options{})
	type name string
	n := 7
	var none *int
	args := []any{n, &n, none, name("x"), uint8(3), float32(0.5), true, []byte(nil), time.Unix(1, 1999).In(time.FixedZone("", 3600)), []string{"array"}}
	before := append([]any(nil), args...)
	_, err := d.Exec(t.Context(), "UPDATE", args...)
	assert.NoError(t, err)
	assert.Equal(t, f.args, []any{int64(7), int64(7), nil, "x", int64(3), 0.5, true, nil, time.Unix(1, 1000).UTC(), []string{"array"}})
	assert.Equal(t, args, before)
}

// TestRowsShareNothing: every row is scanned into the same variable.
func TestRowsShareNothing(t *testing.T) {
	t.Parallel()
	type row struct {
		Data []byte
		Note *string
	}
	f := &fake{columns: []string{"data", "NOTE"}, rows: [][]any{{[]byte("one"), "a"}, {[]byte("two"), "b"}, {nil, nil}}}
	d := openFake(t, f, db.Options{})
	all, err := db.All[row](t.Context(), d, "SELECT")
	assert.NoError(t, err)
	assert.Equal(t, len(all), 3)
	assert.Equal(t, string(all[0].Data)+string(all[1].Data), "onetwo")
	assert.Equal(t, *all[0].Note+*all[1].Note, "ab")
	assert.Equal(t, all[2], row{})
}

func TestColumnNames(t *testing.T) {
	t.Parallel()
	type inner struct{ CreatedAt, UserID int64 }
	type row struct {
		inner
		HTTPPort, Line2, ID int64
		A                   int64 `db:"Other"`
		hidden              int64
	}
	f := &fake{columns: []string{"created_at", "user_id", "http_port", "line2", "id", "other"}, rows: [][]any{{int64(1), int64(2), int64(3), int64(4), int64(5), int64(6)}}}
	got, err := db.Get[row](t.Context(), openFake(t, f, db.Options{}), "SELECT")
	assert.NoError(t, err)
	assert.Equal(t, got, row{inner{1, 2}, 3, 4, 5, 6, 0})

	type twice struct {
		ID  int64
		Own int64 `db:"id"`
	}
	_, err = db.Get[twice](t.Context(), openFake(t, f, db.Options{}), "SELECT")
	assert.True(t, err != nil && strings.Contains(err.Error(), "both stand for column"), "two fields share a column")
	type pointer struct{ *inner }
	_, err = db.Get[pointer](t.Context(), openFake(t, f, db.Options{}), "SELECT")
	assert.True(t, err != nil && strings.Contains(err.Error(), "embed the struct itself"), "an embedded pointer was taken")
}

func FuzzWrites(f *testing.F) {
	f.Add("SELECT 1")
	f.Add("/* x */ -- y\n insert into t values (1)")
	f.Add("/*")
	f.Add("--")
	fake := &fake{columns: []string{"n"}}
	d := openFake(f, fake, db.Options{})
	f.Fuzz(func(t *testing.T, sql string) {
		_, err := db.Get[int](t.Context(), d, sql)
		if errors.Is(err, db.ErrReadOnly) {
			upper := strings.ToUpper(sql)
			for _, word := range []string{"INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "CREATE", "ALTER", "DROP", "TRUNCATE"} {
				if strings.Contains(upper, word) {
					return
				}
			}
			t.Errorf("%q was refused", sql)
		}
	})
}
