package audittest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/auth/audit"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/drivers/galepgx"
	"github.com/galeweb/gale/drivers/galesqlite"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
)

func TestMain(m *testing.M) { galetest.Main(m) }

// TestLog runs on both databases: that the log keeps and finds records, that many
// writers make one chain, and that every way to tamper with the tables shows.
func TestLog(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(*kit){
		"RoundTrip":        tryRoundTrip,
		"Lists":            tryLists,
		"Export":           tryExport,
		"WithTheChange":    tryWithTheChange,
		"WithAnyChange":    tryWithAnyChange,
		"Watched":          tryWatched,
		"RolledBack":       tryRolledBack,
		"ClientHangsUp":    tryClientHangsUp,
		"OneChain":         tryOneChain,
		"AppendOnly":       tryAppendOnly,
		"ChangedColumns":   tryChangedColumns,
		"Removed":          tryRemoved,
		"Inserted":         tryInserted,
		"Swapped":          trySwapped,
		"CutTail":          tryCutTail,
		"OldHead":          tryOldHead,
		"ChangedHead":      tryChangedHead,
		"ComputedAnew":     tryComputedAnew,
		"Ranges":           tryRanges,
		"Retention":        tryRetention,
		"RetentionForged":  tryRetentionForged,
		"RetentionBatches": tryRetentionBatches,
	} {
		for _, driver := range []db.Driver{galesqlite.Driver(), galepgx.Driver()} {
			t.Run(name+"/"+driver.Schemes()[0], func(t *testing.T) {
				t.Parallel()
				test(newKit(t, galetest.DB(t, galetest.DBOptions{Driver: driver})))
			})
		}
	}
}

var (
	start = time.Date(2026, 11, 28, 12, 0, 0, 123_456_000, time.UTC)
	key   = []byte(strings.Repeat("k", 32))
)

type kit struct {
	*testing.T
	db    *db.DB
	clock *galetest.Clock
	log   *audit.Log
}

func newKit(t *testing.T, d *db.DB) *kit {
	t.Helper()
	schema := audit.SchemaSQLite
	if d.Dialect() == db.Postgres {
		schema = audit.SchemaPostgres
	}
	_, err := d.Exec(t.Context(), schema)
	assert.NoError(t, err)
	k := &kit{T: t, db: d, clock: galetest.NewClock(t, start)}
	k.log = k.with(key)
	return k
}

// with returns another log on the same tables, as another process has it.
func (k *kit) with(secret []byte) *audit.Log {
	return audit.New(audit.Options{
		DB: k.db, Key: secret, Clock: k.clock.Now, Timeout: time.Minute,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
}

func (k *kit) append(r audit.Record) audit.Entry {
	k.Helper()
	e, err := k.log.Append(k.Context(), r)
	assert.NoError(k, err)
	return e
}

// fill appends n records, a second apart.
func (k *kit) fill(n int) {
	k.Helper()
	for i := range n {
		k.append(audit.Record{
			Actor: audit.Actor{ID: fmt.Sprint("u", i), Name: "Ann"}, Action: "signin.password", Target: "t", Outcome: audit.OK,
			UserAgent: "curl", RequestID: "r", Detail: map[string]string{"n": fmt.Sprint(i)},
		})
		k.clock.Advance(time.Second)
	}
}

func (k *kit) head() audit.Head {
	k.Helper()
	h, err := k.log.Head(k.Context())
	assert.NoError(k, err)
	return h
}

// holds checks that the log verifies, and against a head if one is given.
func (k *kit) holds(heads ...audit.Head) {
	k.Helper()
	assert.NoError(k, k.log.Verify(k.Context(), 0, 0))
	for _, h := range heads {
		assert.NoError(k, k.log.VerifyHead(k.Context(), h))
	}
}

// broken checks that err names the record.
func (k *kit) broken(err error, seq int64, what string) {
	k.Helper()
	b, ok := errors.AsType[*audit.BrokenError](err)
	if !ok || b.Seq != seq {
		k.Errorf("%s: got %v, want it broken at record %d", what, err, seq)
	}
}

// unlock drops the triggers, as the owner of the database can.
func (k *kit) unlock() {
	k.Helper()
	names := map[string]string{"audit_log_no_update": "audit_log", "audit_log_no_delete": "", "audit_state_no_delete": "audit_state"}
	if k.db.Dialect() == db.Postgres {
		names["audit_log_no_truncate"] = "audit_log"
	}
	for name, table := range names {
		sql := "DROP TRIGGER " + name
		if k.db.Dialect() == db.Postgres {
			if table == "" {
				continue
			}
			sql += " ON " + table
		}
		k.raw(sql)
	}
}

func (k *kit) raw(sql string, args ...any) {
	k.Helper()
	_, err := k.db.Exec(k.Context(), sql, args...)
	assert.NoError(k, err)
}

func tryRoundTrip(k *kit) {
	k.holds(k.head())
	assert.Equal(k, k.head(), audit.Head{})
	full := audit.Record{
		Actor: audit.Actor{ID: "7", Name: "Ann ж"}, Action: "role.granted", Target: "user 8", Outcome: audit.Refused,
		UserAgent: "Mozilla/5.0 'q' \"d\" \\", RequestID: "ABC", Detail: map[string]string{"b": "<&>", "a": "é\n\x00\xff"},
	}
	e := k.append(full)
	assert.Equal(k, e.Seq, 1)
	assert.Equal(k, e.At, start)
	assert.Equal(k, e.Detail, map[string]string{"b": "<&>", "a": "é\ufffd\ufffd\ufffd"})
	bare := k.append(audit.Record{Action: "a", Outcome: audit.Error})
	assert.Equal(k, bare.Seq, 2)
	page, err := k.log.List(k.Context(), audit.Filter{})
	assert.NoError(k, err)
	assert.Equal(k, page.Items, []audit.Entry{bare, e})
	assert.Equal(k, page.Next, "")
	assert.Equal(k, k.head(), audit.Head{Seq: 2, Hash: bare.Hash})
	k.holds(k.head(), audit.Head{Seq: 1, Hash: e.Hash}, audit.Head{})
}

func tryLists(k *kit) {
	for i, r := range []audit.Record{
		{Actor: audit.Actor{ID: "ann"}, Action: "signin", Outcome: audit.OK},
		{Actor: audit.Actor{ID: "bob"}, Action: "signin.totp", Outcome: audit.Refused},
		{Actor: audit.Actor{ID: "ann"}, Action: "signing", Target: "x", Outcome: audit.OK},
		{Actor: audit.Actor{ID: "ann"}, Action: "signin.totp", Target: "ann", Outcome: audit.Error},
		{Actor: audit.Actor{ID: "a%"}, Action: "sign_n", Target: "ann", RequestID: "r1", Outcome: audit.OK},
	} {
		assert.Equal(k, k.append(r).Seq, int64(i+1))
		k.clock.Advance(time.Minute)
	}
	for name, c := range map[string]struct {
		filter audit.Filter
		want   string
	}{
		"all":     {audit.Filter{}, "5 4 3 2 1"},
		"actor":   {audit.Filter{Actor: "ann"}, "4 3 1"},
		"percent": {audit.Filter{Actor: "a%"}, "5"},
		"prefix":  {audit.Filter{Action: "signin"}, "4 2 1"},
		"whole":   {audit.Filter{Action: "signin.totp"}, "4 2"},
		"none":    {audit.Filter{Action: "sign"}, ""},
		"under":   {audit.Filter{Action: "sign_n"}, "5"},
		"of":      {audit.Filter{Of: "ann"}, "5 4 3 1"},
		"about":   {audit.Filter{Of: "x"}, "3"},
		"of both": {audit.Filter{Of: "ann", Action: "signin", Outcome: audit.OK, To: start.Add(time.Hour)}, "1"},
		"of none": {audit.Filter{Of: "ann' --"}, ""},
		"request": {audit.Filter{RequestID: "r1"}, "5"},
		"target":  {audit.Filter{Target: "x"}, "3"},
		"outcome": {audit.Filter{Outcome: audit.OK}, "5 3 1"},
		"from":    {audit.Filter{From: start.Add(2 * time.Minute)}, "5 4 3"},
		"to":      {audit.Filter{To: start.Add(2 * time.Minute)}, "2 1"},
		"both":    {audit.Filter{Actor: "ann", Action: "signin", From: start, To: start.Add(time.Hour)}, "4 1"},
		"sql":     {audit.Filter{Actor: "' OR 1=1 --", Action: "' OR 1=1 --", Target: "\x00", Outcome: "\xff"}, ""},
	} {
		for _, limit := range []int{0, 1, 2, 3} {
			f := c.filter
			f.Limit = limit
			var got []string
			for {
				page, err := k.log.List(k.Context(), f)
				assert.NoError(k, err)
				assert.True(k, limit == 0 || len(page.Items) <= limit, "the page is too long")
				for _, e := range page.Items {
					got = append(got, fmt.Sprint(e.Seq))
				}
				if page.Next == "" {
					break
				}
				f.Before = page.Next
			}
			assert.Equal(k, name+": "+strings.Join(got, " "), name+": "+c.want)
			var lines strings.Builder
			assert.NoError(k, k.log.Export(k.Context(), &lines, c.filter))
			assert.Equal(k, strings.Count(lines.String(), "\n"), len(got))
		}
	}
	_, err := k.log.List(k.Context(), audit.Filter{Before: "x"})
	assert.ErrorIs(k, err, db.ErrBadCursor)
}

func tryExport(k *kit) {
	const n = 1203 // two full batches and some
	assert.NoError(k, k.db.Tx(k.Context(), func(ctx context.Context, tx *db.Tx) error {
		for i := range n {
			if _, err := k.log.AppendTx(ctx, tx, audit.Record{Actor: audit.Actor{ID: fmt.Sprint(i % 2)}, Action: "a", Outcome: audit.OK, Detail: map[string]string{"z": "<", "é": "\""}}); err != nil {
				return err
			}
		}
		return nil
	}))
	k.holds(k.head())
	var all strings.Builder
	assert.NoError(k, k.log.Export(k.Context(), &all, audit.Filter{}))
	assert.Equal(k, strings.Count(all.String(), "\n"), n)
	head, err := audit.Check(strings.NewReader(all.String()), key)
	assert.NoError(k, err)
	assert.Equal(k, head, k.head())

	_, rest, _ := strings.Cut(all.String(), "\n")
	head, err = audit.Check(strings.NewReader(rest), key) // as after retention
	assert.NoError(k, err)
	assert.Equal(k, head, k.head())

	var some strings.Builder
	assert.NoError(k, k.log.Export(k.Context(), &some, audit.Filter{Actor: "1"}))
	assert.Equal(k, strings.Count(some.String(), "\n"), n/2)
	full := errors.New("full")
	assert.ErrorIs(k, k.log.Export(k.Context(), failingWriter{full}, audit.Filter{}), full)
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func tryWithTheChange(k *kit) {
	k.raw(`CREATE TABLE things (name TEXT NOT NULL)`)
	change := func(end error) error {
		return k.db.Tx(k.Context(), func(ctx context.Context, tx *db.Tx) error {
			if _, err := tx.Exec(ctx, `INSERT INTO things (name) VALUES ($1)`, "x"); err != nil {
				return err
			}
			if _, err := k.log.AppendTx(ctx, tx, audit.Record{Action: "thing.added", Outcome: audit.OK}); err != nil {
				return err
			}
			return end
		})
	}
	undone := errors.New("undone")
	assert.NoError(k, change(nil))
	assert.ErrorIs(k, change(undone), undone)
	assert.NoError(k, change(nil))
	n, err := db.Get[int64](k.Context(), k.db, `SELECT count(*) FROM things`)
	assert.NoError(k, err)
	assert.Equal(k, n, 2)
	assert.Equal(k, k.head().Seq, 2)
	k.holds(k.head())

	_, err = k.log.Append(k.Context(), audit.Record{Action: "Not An Action", Outcome: audit.OK})
	assert.ErrorIs(k, err, audit.ErrRecord)
	assert.Equal(k, k.head().Seq, 2)
}

// tryClientHangsUp is one who closes the connection before his failure is
// written down.
func tryClientHangsUp(k *kit) {
	ctx, cancel := context.WithCancel(k.Context())
	cancel()
	_, err := k.log.Append(ctx, audit.Record{Action: "signin", Outcome: audit.Refused})
	assert.NoError(k, err)
	assert.Equal(k, k.head().Seq, 1)
}

// tryOneChain has eight writers of two logs, while another verifies.
func tryOneChain(k *kit) {
	const each = 12
	logs := []*audit.Log{k.log, k.with(key)}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range each {
				r := audit.Record{Actor: audit.Actor{ID: fmt.Sprint(w)}, Action: "a", Outcome: audit.OK, Target: fmt.Sprint(i)}
				_, err := logs[w%2].Append(k.Context(), r)
				assert.NoError(k, err)
			}
		})
	}
	wg.Go(func() {
		for range 5 {
			assert.NoError(k, k.log.Verify(k.Context(), 0, 0))
		}
	})
	wg.Wait()
	assert.Equal(k, k.head().Seq, 8*each)
	k.holds(k.head())
}

func tryAppendOnly(k *kit) {
	k.fill(3)
	head := k.head()
	attacks := []string{
		`UPDATE audit_log SET outcome = 'ok' WHERE seq = 2`, `DELETE FROM audit_log WHERE seq = 2`,
		`DELETE FROM audit_log`, `DELETE FROM audit_state`,
	}
	if k.db.Dialect() == db.Postgres {
		attacks = append(attacks, `TRUNCATE audit_log`, `TRUNCATE audit_state`)
	}
	for _, sql := range attacks {
		_, err := k.db.Exec(k.Context(), sql)
		assert.True(k, err != nil && strings.Contains(err.Error(), "append-only") || err != nil && strings.Contains(err.Error(), "must keep"), fmt.Sprint(sql, ": ", err))
	}
	k.holds(head)
}

func tryChangedColumns(k *kit) {
	k.fill(4)
	k.unlock()
	for column, value := range map[string]any{
		"at": int64(1), "actor_id": "mallory", "actor_name": "", "action": "signin.totp", "target": "t2", "outcome": "refused",
		"addr": "192.0.2.1", "user_agent": "curl ", "request_id": "R", "detail": `{"n":"2" }`, "hash": strings.Repeat("0", 64),
	} {
		stored := fmt.Sprintf("(SELECT %s FROM audit_log_copy)", column)
		k.raw(`CREATE TABLE audit_log_copy AS SELECT * FROM audit_log WHERE seq = 2`)
		k.raw(`UPDATE audit_log SET `+column+` = $1 WHERE seq = 2`, value)
		k.broken(k.log.Verify(k.Context(), 0, 0), 2, column)
		k.raw(`UPDATE audit_log SET ` + column + ` = ` + stored + ` WHERE seq = 2`)
		k.raw(`DROP TABLE audit_log_copy`)
		k.holds()
	}
	// Text moved from one field into the next.
	k.raw(`UPDATE audit_log SET actor_id = 'u1A', actor_name = 'nn' WHERE seq = 2`)
	k.broken(k.log.Verify(k.Context(), 0, 0), 2, "moved text")
}

func tryRemoved(k *kit) {
	k.fill(4)
	head := k.head()
	k.unlock()
	k.raw(`DELETE FROM audit_log WHERE seq = 2`)
	k.broken(k.log.Verify(k.Context(), 0, 0), 2, "one removed")
	k.broken(k.log.VerifyHead(k.Context(), head), 2, "one removed, by the head")
	// The gap closed by renumbering.
	k.raw(`UPDATE audit_log SET seq = 2 WHERE seq = 3`)
	k.raw(`UPDATE audit_log SET seq = 3 WHERE seq = 4`)
	k.broken(k.log.Verify(k.Context(), 0, 0), 2, "renumbered")
	k.raw(`DELETE FROM audit_log`)
	k.broken(k.log.Verify(k.Context(), 0, 0), 1, "all removed")
	k.raw(`DELETE FROM audit_state`)
	k.broken(k.log.Verify(k.Context(), 0, 0), 1, "all removed with the state")
	_, err := k.log.Append(k.Context(), audit.Record{Action: "a", Outcome: audit.OK})
	assert.True(k, err != nil, "a log without its state goes on")
}

func tryInserted(k *kit) {
	k.fill(3)
	k.unlock()
	insert := func(seq string) {
		k.raw(`INSERT INTO audit_log SELECT ` + seq + `, at, actor_id, actor_name, action, target, outcome, addr, user_agent, request_id, detail, hash FROM audit_log WHERE seq = 3`)
	}
	insert("4")
	k.broken(k.log.Verify(k.Context(), 0, 0), 4, "behind the head")
	k.raw(`DELETE FROM audit_log WHERE seq = 4`)
	insert("0")
	k.broken(k.log.Verify(k.Context(), 0, 0), 0, "before the first")
	k.raw(`DELETE FROM audit_log WHERE seq = 0`)
	k.holds()
	k.raw(`UPDATE audit_log SET seq = 4 WHERE seq = 3`)
	k.raw(`INSERT INTO audit_log SELECT 3, at, 'mallory', actor_name, action, target, outcome, addr, user_agent, request_id, detail, hash FROM audit_log WHERE seq = 2`)
	k.broken(k.log.Verify(k.Context(), 0, 0), 3, "between two")
}

func trySwapped(k *kit) {
	k.fill(4)
	k.unlock()
	k.raw(`UPDATE audit_log SET seq = 9 WHERE seq = 2`)
	k.raw(`UPDATE audit_log SET seq = 2 WHERE seq = 3`)
	k.raw(`UPDATE audit_log SET seq = 3 WHERE seq = 9`)
	k.broken(k.log.Verify(k.Context(), 0, 0), 2, "swapped")
}

func tryCutTail(k *kit) {
	k.fill(4)
	head := k.head()
	k.unlock()
	k.raw(`DELETE FROM audit_log WHERE seq > 2`)
	k.broken(k.log.Verify(k.Context(), 0, 0), 3, "cut tail")
	// Whoever also turns the state back, without the key.
	k.raw(`UPDATE audit_state SET seq = 2, hash = (SELECT hash FROM audit_log WHERE seq = 2)`)
	k.broken(k.log.Verify(k.Context(), 0, 0), 2, "cut tail and state")
	k.broken(k.log.VerifyHead(k.Context(), head), 2, "cut tail and state, by the head")
	_, err := k.log.Head(k.Context())
	k.broken(err, 2, "head")
	// Appending must not make it good.
	k.append(audit.Record{Action: "a", Outcome: audit.OK})
	k.broken(k.log.Verify(k.Context(), 0, 0), 3, "appended after it")
}

// tryOldHead is a whole older copy put back, which only a kept head shows.
func tryOldHead(k *kit) {
	k.fill(2)
	k.raw(`CREATE TABLE state_copy AS SELECT * FROM audit_state`)
	k.fill(1)
	k.raw(`CREATE TABLE other_past AS SELECT * FROM audit_state`)
	k.fill(1)
	head := k.head()
	k.unlock()
	k.raw(`DELETE FROM audit_log WHERE seq > 2`)
	k.raw(`DELETE FROM audit_state`)
	k.raw(`INSERT INTO audit_state SELECT * FROM state_copy`)
	k.holds()
	k.broken(k.log.VerifyHead(k.Context(), head), 3, "an older copy")
	k.fill(2)
	k.broken(k.log.VerifyHead(k.Context(), head), 4, "an older copy that went on")
	k.raw(`DELETE FROM audit_log WHERE seq > 3`)
	// The state of one past with the records of another, both genuine.
	k.raw(`DELETE FROM audit_state`)
	k.raw(`INSERT INTO audit_state SELECT * FROM other_past`)
	k.broken(k.log.Verify(k.Context(), 0, 0), 3, "the state of another past")
}

func tryChangedHead(k *kit) {
	k.fill(2)
	for _, sql := range []string{
		`UPDATE audit_state SET seq = 1`, `UPDATE audit_state SET hash = ''`, `UPDATE audit_state SET cut_seq = 1`,
		`UPDATE audit_state SET cut_hash = 'x'`, `UPDATE audit_state SET mac = ''`,
		`UPDATE audit_state SET seq = 0, hash = '', mac = ''`,
	} {
		k.raw(`CREATE TABLE state_copy AS SELECT * FROM audit_state`)
		k.raw(sql)
		err := k.log.Verify(k.Context(), 0, 0)
		_, ok := errors.AsType[*audit.BrokenError](err)
		assert.True(k, ok, sql+": "+fmt.Sprint(err))
		for _, column := range []string{"seq", "hash", "cut_seq", "cut_hash", "mac"} {
			k.raw(`UPDATE audit_state SET ` + column + ` = (SELECT ` + column + ` FROM state_copy)`)
		}
		k.raw(`DROP TABLE state_copy`)
		k.holds()
	}
}

// tryComputedAnew is the owner of the database, who computes a chain without
// the key: it verifies nowhere but with his.
func tryComputedAnew(k *kit) {
	k.fill(2)
	head := k.head()
	k.unlock()
	k.raw(`DELETE FROM audit_log`)
	k.raw(`UPDATE audit_state SET seq = 0, hash = '', cut_seq = 0, cut_hash = '', mac = ''`)
	for _, forger := range []*audit.Log{k.with(nil), k.with([]byte(strings.Repeat("f", 32)))} {
		_, err := forger.Append(k.Context(), audit.Record{Action: "a", Outcome: audit.OK})
		assert.NoError(k, err)
		err = k.log.Verify(k.Context(), 0, 0)
		_, ok := errors.AsType[*audit.BrokenError](err)
		assert.True(k, ok, fmt.Sprint("a forged chain verifies: ", err))
		k.raw(`DELETE FROM audit_log`)
		k.raw(`UPDATE audit_state SET seq = 0, hash = '', cut_seq = 0, cut_hash = '', mac = ''`)
	}
	// Without a key he can, and the kept head is what shows it.
	open := k.with(nil)
	for range 3 {
		_, err := open.Append(k.Context(), audit.Record{Action: "a", Outcome: audit.OK})
		assert.NoError(k, err)
	}
	assert.NoError(k, open.Verify(k.Context(), 0, 0))
	k.broken(open.VerifyHead(k.Context(), head), 2, "computed anew")
}

func tryRanges(k *kit) {
	k.fill(6)
	for _, r := range [][2]int64{{0, 0}, {1, 6}, {2, 0}, {3, 4}, {6, 6}, {7, 0}, {0, 3}} {
		assert.NoError(k, k.log.Verify(k.Context(), r[0], r[1]))
	}
	k.broken(k.log.Verify(k.Context(), 0, 8), 7, "beyond the end")
	k.broken(k.log.Verify(k.Context(), 9, 0), 8, "from beyond the end")
	k.unlock()
	k.raw(`UPDATE audit_log SET target = 'x' WHERE seq = 4`)
	assert.NoError(k, k.log.Verify(k.Context(), 1, 3))
	assert.NoError(k, k.log.Verify(k.Context(), 5, 0))
	k.broken(k.log.Verify(k.Context(), 2, 4), 4, "within the range")
	k.broken(k.log.Verify(k.Context(), 4, 4), 4, "the range itself")
}

func tryRetention(k *kit) {
	k.fill(6)
	early, late := audit.Head{Seq: 2}, k.head()
	n, err := k.log.Retain(k.Context(), start)
	assert.NoError(k, err)
	assert.Equal(k, n, 0) // nothing is older, and no record says so
	assert.Equal(k, k.head(), late)

	n, err = k.log.Retain(k.Context(), start.Add(4*time.Second))
	assert.NoError(k, err)
	assert.Equal(k, n, 4)
	k.holds(late, k.head())
	assert.ErrorIs(k, k.log.VerifyHead(k.Context(), early), audit.ErrRetained)
	page, err := k.log.List(k.Context(), audit.Filter{})
	assert.NoError(k, err)
	assert.Equal(k, len(page.Items), 3)
	assert.Equal(k, page.Items[0].Action, "audit.retained")
	assert.Equal(k, page.Items[0].Detail, map[string]string{"removed": "4", "up_to": "4"})
	assert.Equal(k, page.Items[2].Seq, 5)

	k.clock.Advance(time.Hour)
	n, err = k.log.Retain(k.Context(), k.clock.Now())
	assert.NoError(k, err)
	assert.Equal(k, n, 3)
	k.fill(2)
	k.holds(k.head())
	assert.Equal(k, k.head().Seq, 10)
}

// tryRetentionForged cuts the oldest by hand and sets the state to it.
func tryRetentionForged(k *kit) {
	k.fill(4)
	k.raw(`UPDATE audit_state SET cut_seq = 2, cut_hash = (SELECT hash FROM audit_log WHERE seq = 2)`)
	k.raw(`DELETE FROM audit_log WHERE seq <= 2`) // the trigger believes the state
	k.broken(k.log.Verify(k.Context(), 0, 0), 4, "a forged cut")
	_, err := k.log.Retain(k.Context(), k.clock.Now())
	k.broken(err, 4, "retention after it")
}

func tryRetentionBatches(k *kit) {
	const n = 2100
	assert.NoError(k, k.db.Tx(k.Context(), func(ctx context.Context, tx *db.Tx) error {
		for range n {
			if _, err := k.log.AppendTx(ctx, tx, audit.Record{Action: "a", Outcome: audit.OK}); err != nil {
				return err
			}
		}
		return nil
	}))
	k.clock.Advance(time.Second)
	k.fill(1)
	removed, err := k.log.Retain(k.Context(), k.clock.Now().Add(-time.Second))
	assert.NoError(k, err)
	assert.Equal(k, removed, n)
	k.holds(k.head())
}
