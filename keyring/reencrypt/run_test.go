package reencrypt_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/keyring/reencrypt"
)

// rows is a Batcher of numbered rows; those in broken cannot be decrypted.
type rows struct {
	n       int
	broken  map[int]bool
	done    []string
	cursor  string
	saveErr error
	onSave  func()
}

func (r *rows) Cursor(context.Context) (string, error) { return r.cursor, nil }

func (r *rows) Next(_ context.Context, cursor string, limit int) (reencrypt.Batch, error) {
	at, _ := strconv.Atoi(cursor)
	b := reencrypt.Batch{Cursor: cursor}
	for at < r.n && b.Rows < limit {
		at++
		b.Rows++
		b.Cursor = strconv.Itoa(at)
		if r.broken[at] {
			b.Failed = append(b.Failed, b.Cursor)
		} else {
			b.Changes = append(b.Changes, reencrypt.Change{Key: b.Cursor})
		}
	}
	b.Last = b.Rows < limit
	return b, nil
}

func (r *rows) Save(_ context.Context, b reencrypt.Batch) (int, error) {
	if r.saveErr != nil {
		return 0, r.saveErr
	}
	for _, c := range b.Changes {
		r.done = append(r.done, c.Key)
	}
	r.cursor = b.Cursor
	if b.Last {
		r.cursor = ""
	}
	if r.onSave != nil {
		r.onSave()
	}
	return len(b.Changes), nil
}

func TestRunGoesThroughAllRows(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 9, 10, 11, 25} {
		var log bytes.Buffer
		r := &rows{n: n}
		p, err := reencrypt.Run(t.Context(), r, reencrypt.Options{
			Batch: 10, Pause: -1, Job: "numbers",
			Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		})
		assert.NoError(t, err)
		assert.Equal(t, p, reencrypt.Progress{Rows: n, Changed: n})
		assert.Equal(t, len(r.done), n)
		assert.Equal(t, r.cursor, "")
		level := slog.LevelInfo
		if n == 0 { // each start of a program would say so
			level = slog.LevelDebug
		}
		assert.Contains(t, log.String(), fmt.Sprintf("level=%v msg=\"reencrypt: done\" job=numbers rows=%d changed=%d failed=0", level, n, n))
	}
}

// A deployment in the middle of the job costs no row and does none twice.
func TestRunGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := &rows{n: 25}
		r.onSave = func() {
			if r.cursor == "20" {
				cancel()
			}
		}
		began := time.Now()
		p, err := reencrypt.Run(ctx, r, reencrypt.Options{Batch: 10})
		assert.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, p, reencrypt.Progress{Rows: 20, Changed: 20})
		assert.Equal(t, time.Since(began), 20*time.Millisecond) // one pause
		p, err = reencrypt.Run(t.Context(), r, reencrypt.Options{Batch: 10})
		assert.NoError(t, err)
		assert.Equal(t, p, reencrypt.Progress{Rows: 5, Changed: 5})
		assert.Equal(t, len(r.done), 25)
	})
}

func TestRunLeavesWhatItCannotDecryptAndNamesSome(t *testing.T) {
	t.Parallel()
	r := &rows{n: 30, broken: map[int]bool{}}
	for i := 5; i < 20; i++ {
		r.broken[i] = true
	}
	p, err := reencrypt.Run(t.Context(), r, reencrypt.Options{Batch: 4, Pause: -1})
	assert.Equal(t, p, reencrypt.Progress{Rows: 30, Changed: 15, Failed: 15})
	assert.ErrorIs(t, err, reencrypt.ErrFailed)
	assert.Equal(t, err.Error(), "reencrypt: 15 rows have values that cannot be decrypted and were left as they are: 5, 6, 7, 8, 9, 10, 11, 12, 13, 14")
}

func TestRunStopsAtAnError(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	r := &rows{n: 30, saveErr: full}
	_, err := reencrypt.Run(t.Context(), r, reencrypt.Options{Pause: -1})
	assert.ErrorIs(t, err, full)
	assert.Equal(t, len(r.done), 0)
	assert.Panics(t, func() { _, _ = reencrypt.Run(t.Context(), r, reencrypt.Options{Batch: -1}) })
}
