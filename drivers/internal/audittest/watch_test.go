package audittest

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/galeweb/gale/auth/audit"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/internal/assert"
)

// tryWithAnyChange has a change that knows nothing of the log.
func tryWithAnyChange(k *kit) {
	k.raw(`CREATE TABLE things (name TEXT NOT NULL)`)
	seq := func(want int64) {
		k.Helper()
		assert.Equal(k, k.head().Seq, want)
		k.holds(k.head())
	}
	with := func(actions ...string) context.Context {
		var records []audit.Record
		for _, a := range actions {
			records = append(records, audit.Record{Action: a, Outcome: audit.OK})
		}
		return k.log.With(k.Context(), records...)
	}
	ctx := with("thing.added", "thing.counted")
	for range 2 { // the second has no record left
		_, err := k.db.Exec(ctx, `INSERT INTO things (name) VALUES ($1)`, "x")
		assert.NoError(k, err)
		seq(2)
	}
	undone := errors.New("undone")
	ctx = with("thing.removed")
	n, err := k.db.Exec(ctx, `DELETE FROM things WHERE name = $1`, "none")
	assert.NoError(k, err)
	assert.Equal(k, n, 0)
	assert.ErrorIs(k, k.db.Tx(ctx, func(context.Context, *db.Tx) error { return undone }), undone)
	seq(2)
	n, err = k.db.Exec(ctx, `DELETE FROM things`)
	assert.NoError(k, err)
	assert.Equal(k, n, 2)
	seq(3)
	// What cannot be written down is not done.
	_, err = k.db.Exec(with("Not An Action"), `INSERT INTO things (name) VALUES ($1)`, "y")
	assert.ErrorIs(k, err, audit.ErrRecord)
	left, err := db.Get[int64](k.Context(), k.db, `SELECT count(*) FROM things`)
	assert.NoError(k, err)
	assert.Equal(k, left, 0)
	seq(3)
}

// buffer is a log that is read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) has(what string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Contains(b.b.String(), what)
}

// tryWatched has a log that is verified by itself, every day.
func tryWatched(k *kit) {
	k.fill(3)
	var lines buffer
	metrics := prometheus.NewRegistry()
	log := audit.New(audit.Options{
		DB: k.db, Key: key, Clock: k.clock.Now, Metrics: metrics, VerifyLook: time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(&lines, nil)),
	})
	assert.True(k, log.Checked().At.IsZero(), "it was verified before anybody asked")
	ctx, stop := context.WithCancel(k.Context())
	var running sync.WaitGroup
	running.Go(func() { assert.NoError(k, log.Run(ctx)) })
	defer running.Wait()
	defer stop()
	found := func(is func(audit.Checked) bool) audit.Checked {
		k.Helper()
		deadline := time.Now().Add(10 * time.Second)
		for !is(log.Checked()) {
			if time.Now().After(deadline) {
				k.Fatal("waited 10 s in vain")
			}
			runtime.Gosched()
		}
		return log.Checked()
	}
	first := found(func(c audit.Checked) bool { return !c.At.IsZero() })
	assert.Equal(k, first.Head, k.head())
	assert.True(k, first.Broken == nil && first.Err == nil, "it is whole")
	assert.True(k, lines.has("head="+first.Head.Hash), "the head is in no line")

	k.unlock()
	k.raw(`UPDATE audit_log SET outcome = 'refused' WHERE seq = 2`)
	k.clock.Advance(24*time.Hour - time.Second)
	assert.Equal(k, log.Checked().At, first.At)
	k.clock.Advance(time.Second)
	broken := found(func(c audit.Checked) bool { return c.Broken != nil })
	assert.Equal(k, broken.Broken.Seq, 2)
	assert.True(k, lines.has("level=ERROR") && lines.has("seq=2"), "no ERROR names the place")
	assert.Equal(k, gauge(k.T, metrics, "gale_audit_broken"), 1)
	assert.Equal(k, gauge(k.T, metrics, "gale_audit_verified_timestamp_seconds"), float64(broken.At.Unix()))

	// A database that does not answer mends nothing.
	stop()
	running.Wait()
	gone, cancel := context.WithTimeout(k.Context(), -time.Second)
	defer cancel()
	assert.True(k, log.Check(gone).Err != nil, "it was verified without a database")
	assert.Equal(k, log.Checked(), broken)
	k.raw(`ALTER TABLE audit_state RENAME TO lost`)
	unread := log.Check(k.Context())
	assert.True(k, unread.Err != nil && unread.Broken != nil, "it is thought whole")
	k.raw(`ALTER TABLE lost RENAME TO audit_state`)
	k.raw(`UPDATE audit_log SET outcome = 'ok' WHERE seq = 2`)
	assert.True(k, log.Check(k.Context()).Broken == nil, "it is not seen to be whole again")
	assert.Equal(k, gauge(k.T, metrics, "gale_audit_broken"), 0)
}

// tryRolledBack puts an earlier log back, which verifies: only who has seen more
// of it knows.
func tryRolledBack(k *kit) {
	var lines buffer
	log := audit.New(audit.Options{DB: k.db, Key: key, Clock: k.clock.Now, Logger: slog.New(slog.NewTextHandler(&lines, nil))})
	check := func() audit.Checked {
		k.Helper()
		c := log.Check(k.Context())
		assert.NoError(k, c.Err)
		return c
	}
	assert.True(k, check().Broken == nil, "an empty log is broken")
	k.fill(2)
	k.raw(`CREATE TABLE earlier AS SELECT * FROM audit_state`)
	k.fill(2)
	assert.True(k, check().Broken == nil, "it is broken")
	last := k.head()

	k.unlock()
	k.raw(`CREATE TABLE later AS SELECT * FROM audit_state`)
	for _, state := range []string{
		`UPDATE audit_state SET seq = (SELECT seq FROM earlier), hash = (SELECT hash FROM earlier), mac = (SELECT mac FROM earlier)`,
		`UPDATE audit_state SET seq = 0, hash = '', mac = ''`,
	} {
		k.raw(`CREATE TABLE kept AS SELECT * FROM audit_log`)
		k.raw(state)
		k.raw(`DELETE FROM audit_log WHERE seq > (SELECT seq FROM audit_state)`)
		assert.NoError(k, log.Verify(k.Context(), 0, 0))
		for range 2 { // it stays so
			found := check()
			assert.True(k, found.Broken != nil, "what was cut off does not show: "+state)
			assert.Equal(k, found.Head, last)
		}
		assert.True(k, lines.has("level=ERROR"), "it is not an error")
		k.fill(9) // what follows hides nothing
		assert.True(k, check().Broken != nil, "it is whole with other records: "+state)
		k.raw(`DELETE FROM audit_log`)
		k.raw(`INSERT INTO audit_log SELECT * FROM kept`)
		k.raw(`DROP TABLE kept`)
		k.raw(`UPDATE audit_state SET seq = (SELECT seq FROM later), hash = (SELECT hash FROM later), mac = (SELECT mac FROM later)`)
		assert.True(k, check().Broken == nil, "it is not whole again")
	}
	// Retention may remove what was seen.
	k.clock.Advance(time.Hour)
	_, err := log.Retain(k.Context(), k.clock.Now())
	assert.NoError(k, err)
	k.fill(1)
	_, err = log.Retain(k.Context(), k.clock.Now().Add(time.Hour))
	assert.NoError(k, err)
	assert.True(k, check().Broken == nil, "retention breaks it")
}

func gauge(t *testing.T, r *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := r.Gather()
	assert.NoError(t, err)
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatal("no metric " + name)
	return 0
}
