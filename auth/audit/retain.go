package audit

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/galeweb/gale/db"
)

// cutAtOnce bounds a transaction of Retain, during which appends wait.
const cutAtOnce = 1000

// Retain removes the oldest records, up to the first that is not older than
// before, and returns how many they were. What is left still verifies: the
// number and the hash of the last one that was removed stay in audit_state, and
// a record "audit.retained" says what was done. Export the records before, and
// verify them, since nothing can afterwards. It works in batches; after an error
// call it again.
func (l *Log) Retain(ctx context.Context, before time.Time) (removed int64, err error) {
	kept, err := db.All[int64](ctx, l.o.DB, `SELECT seq FROM audit_log WHERE at >= $1 ORDER BY seq LIMIT 1`, before.UnixMicro())
	if err != nil {
		return 0, fmt.Errorf("audit: retain: %w", err)
	}
	head, err := l.Head(ctx)
	if err != nil {
		return 0, err
	}
	upTo := head.Seq
	if len(kept) > 0 {
		upTo = kept[0] - 1
	}
	for {
		var n int64
		err := l.o.DB.Tx(ctx, func(ctx context.Context, tx *db.Tx) (err error) {
			n, err = l.cut(ctx, tx, upTo)
			return err
		})
		if err != nil {
			return removed, fmt.Errorf("audit: retain: %w", err)
		}
		if n == 0 {
			break
		}
		removed += n
	}
	if removed > 0 {
		_, err = l.Append(ctx, Record{Action: "audit.retained", Outcome: OK, Detail: map[string]string{
			"removed": strconv.FormatInt(removed, 10), "up_to": strconv.FormatInt(upTo, 10),
		}})
	}
	return removed, err
}

// cut removes some records. The state goes first: the trigger lets what is at or
// before the cut be deleted, and nothing else.
func (l *Log) cut(ctx context.Context, tx *db.Tx, upTo int64) (int64, error) {
	// The lock; see append.
	if _, err := tx.Exec(ctx, `UPDATE audit_state SET seq = seq WHERE id = 1`); err != nil {
		return 0, err
	}
	s, err := l.state(ctx, tx)
	if err != nil {
		return 0, err
	}
	upTo = min(upTo, s.CutSeq+cutAtOnce)
	if upTo <= s.CutSeq {
		return 0, nil
	}
	hash, err := db.Get[string](ctx, tx, `SELECT hash FROM audit_log WHERE seq = $1`, upTo)
	if err != nil {
		return 0, err
	}
	s.CutSeq, s.CutHash = upTo, hash
	if err := l.setState(ctx, tx, s); err != nil {
		return 0, err
	}
	return tx.Exec(ctx, `DELETE FROM audit_log WHERE seq <= $1`, upTo)
}
