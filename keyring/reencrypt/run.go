package reencrypt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Batcher is a store whose values are moved to another key. [Table] is one.
type Batcher interface {
	// Cursor returns where the last job stopped, "" for the beginning.
	Cursor(ctx context.Context) (string, error)
	// Next returns up to limit rows after the cursor, with what is to change.
	Next(ctx context.Context, cursor string, limit int) (Batch, error)
	// Save makes the changes of which the old value still stands, stores the
	// cursor in the same step, or forgets it after the last batch, and returns
	// how many it made.
	Save(ctx context.Context, b Batch) (changed int, err error)
}

// Batch is some rows, one after the other.
type Batch struct {
	// Rows is how many rows were looked at.
	Rows int
	// Changes is what of them is not under the current key.
	Changes []Change
	// Failed is the keys of rows with a value that could not be decrypted.
	Failed []string
	// Cursor is the place after the last row.
	Cursor string
	// Last says that no rows follow.
	Last bool
}

// Change is a new form of one value.
type Change struct {
	// Key is that of the row.
	Key string
	// Column has the value; New is the same as Old when only the index changes.
	Column   string
	Old, New []byte
	// IndexColumn is the column of its blind index, or "".
	IndexColumn string
	Index       []byte
}

// Options configure [Run].
type Options struct {
	// Batch is how many rows are read and saved at once. Defaults to 100.
	Batch int
	// Pause is the time between batches, in which the application's own writes
	// go on. Defaults to 20 ms, which is at most 5,000 rows a second; negative
	// is none.
	Pause time.Duration
	// Job names the job in the log. Defaults to the Job of a [Table].
	Job string
	// Logger takes the end of the job, at the level Debug when nothing was to be
	// done. Defaults to [slog.Default].
	Logger *slog.Logger
}

// Progress is what a job did.
type Progress struct {
	Rows    int // looked at
	Changed int // values that are now under the current key
	Failed  int // rows with a value that could not be decrypted
}

// ErrFailed is in the error of [Run] when the job is over and has left values
// that it could not decrypt: they were damaged or moved, or their key is gone.
var ErrFailed = errors.New("have values that cannot be decrypted and were left as they are")

const maxNamed = 10 // rows that an error names

// Run goes through the store from where the last job stopped, until its end or
// that of ctx. It returns [ErrFailed] after the end when there were values that
// it could not decrypt.
func Run(ctx context.Context, b Batcher, o Options) (Progress, error) {
	if o.Batch < 0 {
		panic("reencrypt: Options.Batch is negative; leave it 0 for 100")
	}
	o.Batch = cmp.Or(o.Batch, 100)
	o.Pause = max(cmp.Or(o.Pause, 20*time.Millisecond), 0)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	if t, ok := b.(*Table); ok {
		o.Job = cmp.Or(o.Job, t.o.Job)
	}
	var (
		p     Progress
		named []string
	)
	cursor, err := b.Cursor(ctx)
	if err != nil {
		return p, fmt.Errorf("reencrypt: cursor: %w", err)
	}
	for {
		batch, err := b.Next(ctx, cursor, o.Batch)
		if err != nil {
			return p, fmt.Errorf("reencrypt: after %q: %w", cursor, err)
		}
		changed, err := b.Save(ctx, batch)
		if err != nil {
			return p, fmt.Errorf("reencrypt: save up to %q: %w", batch.Cursor, err)
		}
		p.Rows += batch.Rows
		p.Changed += changed
		p.Failed += len(batch.Failed)
		if room := maxNamed - len(named); room > 0 {
			named = append(named, batch.Failed[:min(room, len(batch.Failed))]...)
		}
		if batch.Last {
			break
		}
		cursor = batch.Cursor
		if err := wait(ctx, o.Pause); err != nil {
			return p, err
		}
	}
	level := slog.LevelInfo
	if p.Changed == 0 && p.Failed == 0 {
		level = slog.LevelDebug
	}
	o.Logger.Log(ctx, level, "reencrypt: done", "job", o.Job, "rows", p.Rows, "changed", p.Changed, "failed", p.Failed)
	if p.Failed > 0 {
		return p, fmt.Errorf("reencrypt: %d rows %w: %s", p.Failed, ErrFailed, strings.Join(named, ", "))
	}
	return p, nil
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return fmt.Errorf("reencrypt: stopped: %w", ctx.Err())
	case <-timer.C:
		return nil
	}
}
