package galepgx_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/drivers/galepgx"
	"github.com/galeweb/gale/internal/assert"
)

func fails(t *testing.T, url string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	d, err := db.Open(ctx, url, db.Options{Drivers: []db.Driver{galepgx.Driver()}})
	if err == nil {
		_ = d.Close()
		t.Fatalf("%s was opened", url)
	}
	assert.True(t, !strings.Contains(err.Error(), "sesame"), "the error shows the password: "+err.Error())
	return err
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"postgres://app:sesame@127.0.0.1:99999/x":                    "",
		"postgres://app:sesame@[/x":                                  "does not parse",
		"postgres://app:ses%ame:sesame@host/x":                       "does not parse",
		"postgres:host=x password=sesame":                            "does not parse",
		"postgres://app:sesame@127.0.0.1/x?sslmode=wrong":            "sslmode",
		"postgres://app:sesame@127.0.0.1/x?pool_max_conns=sesame":    "",
		"postgres://app:sesame@127.0.0.1/x?sslrootcert=/no/such.pem": "",
	} {
		assert.Contains(t, fails(t, url).Error(), want)
	}
}

// TestRefused: nobody listens at the port.
func TestRefused(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	addr := l.Addr().String()
	assert.NoError(t, l.Close())
	assert.ErrorIs(t, fails(t, "postgres://app:sesame@"+addr+"/x"), db.ErrUnavailable)
}

// TestLost: the connection ends under the DB; the next statement has another.
func TestLost(t *testing.T) {
	t.Parallel()
	u := schema(t).String()
	d := open(t, u, db.Options{MaxConns: 1})
	admin := open(t, u, db.Options{MaxConns: 1})
	err := d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		pid, err := db.Get[int](ctx, tx, "SELECT pg_backend_pid()")
		assert.NoError(t, err)
		_, err = db.Get[bool](t.Context(), admin, "SELECT pg_terminate_backend($1, 5000)", pid)
		assert.NoError(t, err)
		_, err = tx.Exec(ctx, "CREATE TABLE lost (id INTEGER)")
		return err
	})
	assert.ErrorIs(t, err, db.ErrUnavailable)
	assert.NoError(t, d.Ping(t.Context()))
	n, err := db.Get[int](t.Context(), d, "SELECT count(*) FROM pg_tables WHERE tablename = 'lost' AND schemaname = current_schema()")
	assert.NoError(t, err)
	assert.Equal(t, n, 0)
}

// TestPoolTaken: all connections are in use.
func TestPoolTaken(t *testing.T) {
	t.Parallel()
	d := open(t, schema(t).String(), db.Options{MaxConns: 1, AcquireTimeout: time.Second})
	for _, err := range db.Each[int](t.Context(), d, "SELECT * FROM generate_series(1, 3)") {
		assert.NoError(t, err)
		_, err = db.Get[int](t.Context(), d, "SELECT 1")
		assert.ErrorIs(t, err, db.ErrUnavailable)
		break
	}
	assert.NoError(t, d.Ping(t.Context()))
	assert.Equal(t, d.Stats()[0].Max, 1)
}

func TestStatementTimeout(t *testing.T) {
	t.Parallel()
	u := schema(t)
	q := u.Query()
	q.Set("statement_timeout", "20ms")
	u.RawQuery = q.Encode()
	d := open(t, u.String(), db.Options{})
	_, err := db.Get[string](t.Context(), d, "SELECT pg_sleep(10)::text")
	assert.ErrorIs(t, err, db.ErrUnavailable)
	assert.NoError(t, d.Ping(t.Context()))
}

// TestDeadline: the caller's own deadline stays what it is.
func TestDeadline(t *testing.T) {
	t.Parallel()
	d := open(t, schema(t).String(), db.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := db.Get[string](ctx, d, "SELECT pg_sleep(10)::text")
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.NoError(t, d.Ping(t.Context()))
}

// TestSerialization: two transactions that cannot both be right.
func TestSerialization(t *testing.T) {
	t.Parallel()
	u := schema(t)
	q := u.Query()
	q.Set("default_transaction_isolation", "serializable")
	u.RawQuery = q.Encode()
	d := open(t, u.String(), db.Options{Retries: 3})
	_, err := d.Exec(t.Context(), "CREATE TABLE n (v INTEGER); INSERT INTO n VALUES (0)")
	assert.NoError(t, err)
	runs := 0
	err = d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		v, err := db.Get[int](ctx, tx, "SELECT v FROM n")
		if err != nil {
			return err
		}
		if runs++; runs == 1 {
			// Another one comes between the reading and the writing.
			_, err := d.Exec(t.Context(), "UPDATE n SET v = v + 10")
			assert.NoError(t, err)
		}
		_, err = tx.Exec(ctx, "UPDATE n SET v = $1", v+1)
		return err
	})
	assert.NoError(t, err)
	assert.Equal(t, runs, 2)
	v, err := db.Get[int](t.Context(), d, "SELECT v FROM n")
	assert.NoError(t, err)
	assert.Equal(t, v, 11)
}

// TestArray: what only Postgres has goes through as it is.
func TestArray(t *testing.T) {
	t.Parallel()
	d := open(t, schema(t).String(), db.Options{})
	n, err := db.Get[int](t.Context(), d, "SELECT count(*) FROM generate_series(1, 9) AS g (i) WHERE i = ANY($1)", []int{1, 5, 77})
	assert.NoError(t, err)
	assert.Equal(t, n, 2)
	sum, err := db.Get[int64](t.Context(), d, "SELECT sum(i) FROM generate_series(1::bigint, 9) AS g (i)") // numeric
	assert.NoError(t, err)
	assert.Equal(t, sum, 45)
}
