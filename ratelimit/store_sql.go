package ratelimit

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/obs"
)

// Schema is the table of an [SQLStore], for a migration of the application. It
// is the same on SQLite and Postgres.
const Schema = `CREATE TABLE rate_limits (
	bucket     TEXT   PRIMARY KEY, -- name of the limit, colon, key
	drained_at BIGINT NOT NULL,    -- Unix microseconds
	capacity   BIGINT NOT NULL     -- microseconds
);
CREATE INDEX rate_limits_drained_at ON rate_limits (drained_at);
`

// SQLStore keeps buckets in the table that [Schema] makes, by the clock of the
// database. Its counts survive a restart and, on Postgres, hold for all
// instances together. Refusing is one read; allowing is a read and a commit,
// for which SQLite waits for its disk: use it for sign-ins and their like, not
// for every request. The table has a row for each key whose bucket has not
// drained, which nothing else bounds. Inside of a transaction of the same
// database it fails.
type SQLStore struct {
	db      *db.DB
	written atomic.Int64 // buckets since the last sweep
}

// NewSQLStore returns a store on d, which stays the caller's to close.
func NewSQLStore(d *db.DB) *SQLStore {
	if d == nil {
		panic("ratelimit: NewSQLStore without a database; open one with db.Open")
	}
	return &SQLStore{db: d}
}

// errRaced says that somebody else took what there was at the time of reading.
var errRaced = errors.New("ratelimit: too many writers of one bucket")

// maxRaces bounds the attempts of one call. Each that fails means that another
// call has succeeded in between.
const maxRaces = 20

// Charge implements [Store].
func (s *SQLStore) Charge(ctx context.Context, charges []Charge) (bool, error) {
	if len(charges) == 0 {
		return true, nil
	}
	order := make([]*Charge, len(charges))
	adds := false
	for i := range charges {
		order[i] = &charges[i]
		adds = adds || charges[i].Cost != 0
	}
	// Rows are locked in one order by everybody, or two calls could each wait
	// for the other.
	slices.SortFunc(order, func(a, b *Charge) int {
		return cmp.Or(strings.Compare(a.Limit, b.Limit), strings.Compare(a.Key, b.Key))
	})
	for range maxRaces {
		now, err := s.read(ctx, order)
		if err != nil {
			return false, err
		}
		if i := slices.IndexFunc(order, func(c *Charge) bool { return !c.fits() }); i >= 0 {
			return false, nil
		}
		if !adds {
			return true, nil
		}
		if err = s.write(ctx, order, now); err == nil {
			s.sweep(ctx, now, len(charges))
			return true, nil
		}
		if !errors.Is(err, errRaced) {
			return false, err
		}
	}
	return false, errRaced
}

type bucketRow struct {
	Bucket    string
	DrainedAt int64
}

// read sets the levels and returns the time, in microseconds.
func (s *SQLStore) read(ctx context.Context, charges []*Charge) (now int64, err error) {
	clock := `CAST(unixepoch('subsec') * 1000000 AS BIGINT)`
	if s.db.Dialect() == db.Postgres {
		clock = `CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)`
	}
	var sql strings.Builder
	sql.WriteString(`SELECT '' AS bucket, ` + clock + ` AS drained_at UNION ALL SELECT bucket, drained_at FROM rate_limits WHERE bucket IN (`)
	args := make([]any, len(charges))
	for i, c := range charges {
		placeholder(&sql, i, 1)
		args[i] = c.id()
	}
	sql.WriteByte(')')
	rows, err := db.All[bucketRow](ctx, s.db, sql.String(), args...)
	if err != nil {
		return 0, err
	}
	drained := make(map[string]int64, len(rows))
	for _, r := range rows {
		drained[r.Bucket] = r.DrainedAt
	}
	now = drained[""]
	for _, c := range charges {
		c.Level = min(max(0, micro(drained[c.id()]-now)), c.Capacity)
	}
	return now, nil
}

// write adds the charges in one statement that leaves out those which do not
// fit any more, and undoes it when there are such.
func (s *SQLStore) write(ctx context.Context, charges []*Charge, now int64) error {
	var sql strings.Builder
	sql.WriteString(`INSERT INTO rate_limits (bucket, drained_at, capacity) VALUES `)
	args := []any{now}
	for i, c := range charges {
		placeholder(&sql, i, 3)
		args = append(args, c.id(), now+c.Cost.Microseconds(), c.Capacity.Microseconds())
	}
	// excluded.drained_at - $1 is the cost; level is what is in the bucket.
	const level = `CASE WHEN rate_limits.drained_at <= $1 THEN 0
		WHEN rate_limits.drained_at - $1 > excluded.capacity THEN excluded.capacity ELSE rate_limits.drained_at - $1 END`
	sql.WriteString(` ON CONFLICT (bucket) DO UPDATE SET drained_at = excluded.drained_at + ` + level + `, capacity = excluded.capacity
		WHERE excluded.drained_at <= $1 OR excluded.drained_at - $1 + ` + level + ` <= excluded.capacity
		RETURNING bucket, drained_at`)
	if len(charges) == 1 { // a statement is a transaction
		return s.apply(ctx, s.db.Writer(), sql.String(), args, charges, now)
	}
	return s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		return s.apply(ctx, tx, sql.String(), args, charges, now)
	})
}

func (s *SQLStore) apply(ctx context.Context, q db.Querier, sql string, args []any, charges []*Charge, now int64) error {
	rows, err := db.All[bucketRow](ctx, q, sql, args...)
	if err != nil {
		return err
	}
	if len(rows) < len(charges) {
		return errRaced
	}
	for _, r := range rows {
		for _, c := range charges {
			if c.id() == r.Bucket {
				c.Level = max(0, micro(r.DrainedAt-now))
			}
		}
	}
	return nil
}

func micro(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

// placeholder writes what stands for the i-th value, or for the i-th row of
// several values after $1.
func placeholder(sql *strings.Builder, i, columns int) {
	if i > 0 {
		sql.WriteString(", ")
	}
	if columns == 1 {
		sql.WriteString("$" + strconv.Itoa(i+1))
		return
	}
	for c := range columns {
		sql.WriteString([]string{"($", ", $"}[min(c, 1)] + strconv.Itoa(2+i*columns+c))
	}
	sql.WriteByte(')')
}

const (
	sweepEvery = 500
	sweepMost  = 1000
)

// sweep removes drained buckets, twice as fast as new ones can come.
func (s *SQLStore) sweep(ctx context.Context, now int64, written int) {
	if s.written.Add(int64(written)) < sweepEvery {
		return
	}
	s.written.Store(0)
	// Rows that another transaction holds are left for the next time: they
	// are not drained for long, and waiting for them could be a deadlock.
	locked := ""
	if s.db.Dialect() == db.Postgres {
		locked = " FOR UPDATE SKIP LOCKED"
	}
	_, err := s.db.Exec(ctx, `
		DELETE FROM rate_limits WHERE bucket IN (
			SELECT bucket FROM rate_limits WHERE drained_at <= $1 ORDER BY drained_at LIMIT $2`+locked+`)`, now, sweepMost)
	if err != nil {
		obs.Logger(ctx).WarnContext(ctx, "ratelimit: drained buckets were not removed", "error", err)
	}
}
