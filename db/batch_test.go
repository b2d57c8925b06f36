package db_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/internal/assert"
)

var errBad = errors.New("bad item")

// batch runs a batcher over f whose function refuses negative items, panics at
// -100 and notes the batches it gets.
func batch(t *testing.T, f *fake, o db.BatchOptions) (b *db.Batcher[int, int], sizes func() []int) {
	t.Helper()
	d := openFake(t, f, db.Options{Logger: quiet})
	var mu sync.Mutex
	var got []int
	b = db.NewBatcher(d, o, func(_ context.Context, _ *db.Tx, items []int) ([]int, error) {
		mu.Lock()
		got = append(got, len(items))
		mu.Unlock()
		out := make([]int, len(items))
		for i, item := range items {
			if item == -100 {
				panic("hundred")
			}
			if item < 0 {
				return nil, errBad
			}
			out[i] = item * 10
		}
		return out, nil
	})
	return b, func() []int {
		mu.Lock()
		defer mu.Unlock()
		return got
	}
}

// start runs b until the test has ended it.
func start(t *testing.T, b *db.Batcher[int, int]) (stop func()) {
	done := make(chan error, 1)
	go func() { done <- b.Run(t.Context()) }()
	return func() {
		assert.NoError(t, b.Close(context.Background()))
		assert.NoError(t, <-done)
	}
}

// doAll calls Do for every item at once and returns the outcomes.
func doAll(ctx context.Context, b *db.Batcher[int, int], items ...int) (outs []int, errs []error) {
	outs, errs = make([]int, len(items)), make([]error, len(items))
	var wg sync.WaitGroup
	for i, item := range items {
		wg.Go(func() { outs[i], errs[i] = b.Do(ctx, item) })
	}
	wg.Wait()
	return outs, errs
}

// TestBatchGroups: what comes during a commit is the next batch.
func TestBatchGroups(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, sizes := batch(t, &fake{delay: time.Second}, db.BatchOptions{MaxWeight: 5})
		stop := start(t, b)
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = b.Do(t.Context(), 1) })
		synctest.Wait() // the first is alone on its way
		_, errs := doAll(t.Context(), b, 1, 2, 3, 4, 5, 6, 7)
		for _, err := range errs {
			assert.NoError(t, err)
		}
		wg.Wait()
		stop()
		assert.Equal(t, sizes(), []int{1, 5, 2})
	})
}

func TestBatchMaxWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, sizes := batch(t, &fake{}, db.BatchOptions{MaxWait: time.Second, MaxWeight: 3})
		stop := start(t, b)
		begin := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = b.Do(t.Context(), 1) })
		time.Sleep(900 * time.Millisecond)
		wg.Go(func() { _, _ = b.Do(t.Context(), 2) })
		wg.Wait()
		assert.Equal(t, time.Since(begin), time.Second)
		_, _ = doAll(t.Context(), b, 1, 2, 3) // full: no wait
		assert.Equal(t, time.Since(begin), time.Second)
		stop()
		assert.Equal(t, sizes(), []int{2, 3})
	})
}

// TestBatchBadItem: it fails alone, and so does one that panics, with one more
// commit for all the others.
func TestBatchBadItem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		b, sizes := batch(t, f, db.BatchOptions{MaxWait: time.Second})
		stop := start(t, b)
		outs, errs := doAll(t.Context(), b, 1, -1, 2, -100, 3)
		stop()
		assert.Equal(t, outs, []int{10, 0, 20, 0, 30})
		assert.ErrorIs(t, errs[1], errBad)
		assert.True(t, errs[3] != nil && strings.Contains(errs[3].Error(), "hundred"), "a panic is not the item's error")
		assert.Equal(t, errors.Join(errs[0], errs[2], errs[4]), nil)
		assert.Equal(t, sizes(), []int{5, 1, 1, 1, 1, 1})
		log := f.statements()
		assert.Equal(t, strings.Count(log, "COMMIT"), 1)
		assert.Equal(t, strings.Count(log, "RELEASE"), 5)
	})
}

// TestBatchUnavailable: a full disk or a lock fails the batch at once, not
// item by item, and the next one works.
func TestBatchUnavailable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		full := true
		f.exec = func(sql string, _ []any) error {
			if sql == "COMMIT" && full {
				return fmt.Errorf("%w: disk full", db.ErrUnavailable)
			}
			return nil
		}
		b, sizes := batch(t, f, db.BatchOptions{MaxWait: time.Second})
		stop := start(t, b)
		_, errs := doAll(t.Context(), b, 1, 2, 3)
		for _, err := range errs {
			assert.ErrorIs(t, err, db.ErrUnavailable)
		}
		assert.Equal(t, sizes(), []int{3})
		full = false
		out, err := b.Do(t.Context(), 4)
		assert.NoError(t, err)
		assert.Equal(t, out, 40)
		stop()
	})
}

func TestBatchOverload(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, _ := batch(t, &fake{delay: time.Second}, db.BatchOptions{MaxPending: 10})
		stop := start(t, b)
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := b.DoWeighted(t.Context(), 1, 500) // nothing waits: any weight is taken
			assert.NoError(t, err)
		})
		synctest.Wait()
		assert.Equal(t, b.Pending(), 500)
		_, err := b.Do(t.Context(), 2)
		assert.ErrorIs(t, err, db.ErrOverloaded)
		assert.ErrorIs(t, err, db.ErrUnavailable)
		wg.Wait()
		assert.Equal(t, b.Pending(), 0)
		_, err = b.Do(t.Context(), 2)
		assert.NoError(t, err)
		stop()
	})
}

func TestBatchWithdraw(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, sizes := batch(t, &fake{delay: time.Second}, db.BatchOptions{})
		stop := start(t, b)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			out, err := b.Do(ctx, 1) // begun: the outcome is awaited
			assert.NoError(t, err)
			assert.Equal(t, out, 10)
		})
		synctest.Wait()
		wg.Go(func() {
			_, err := b.Do(ctx, 2) // waits: withdrawn
			assert.ErrorIs(t, err, context.Canceled)
		})
		synctest.Wait()
		cancel()
		wg.Wait()
		_, err := b.Do(ctx, 3)
		assert.ErrorIs(t, err, context.Canceled)
		stop()
		assert.Equal(t, sizes(), []int{1})
		assert.Equal(t, b.Pending(), 0)
	})
}

func TestBatchClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, sizes := batch(t, &fake{delay: time.Second}, db.BatchOptions{MaxWeight: 2, MaxWait: time.Hour})
		done := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { done <- b.Run(ctx) }()
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() {
				_, err := b.Do(t.Context(), i)
				assert.NoError(t, err) // accepted, so stored
			})
		}
		synctest.Wait()
		cancel() // ends Run as Close does
		synctest.Wait()
		_, err := b.Do(t.Context(), 9)
		assert.ErrorIs(t, err, db.ErrClosed)
		short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		assert.ErrorIs(t, b.Close(short), context.DeadlineExceeded)
		assert.NoError(t, b.Close(t.Context()))
		assert.NoError(t, <-done)
		wg.Wait()
		assert.Equal(t, sizes(), []int{2, 2, 1})
	})
}

func TestBatchNeverRan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, _ := batch(t, &fake{}, db.BatchOptions{})
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := b.Do(t.Context(), 1)
			assert.ErrorIs(t, err, db.ErrClosed)
		})
		synctest.Wait()
		assert.NoError(t, b.Close(t.Context()))
		wg.Wait()
	})
}

func TestBatchWiring(t *testing.T) {
	t.Parallel()
	assert.Panics(t, func() { db.NewBatcher[int, int](nil, db.BatchOptions{}, nil) })
	synctest.Test(t, func(t *testing.T) {
		d := openFake(t, &fake{}, db.Options{})
		b := db.NewBatcher(d, db.BatchOptions{}, func(context.Context, *db.Tx, []int) ([]int, error) { return nil, nil })
		stop := start(t, b)
		_, err := b.Do(t.Context(), 1)
		assert.True(t, err != nil && strings.Contains(err.Error(), "0 results for 1 items"), "too few results were taken")
		// Within a transaction it would wait for itself.
		_ = d.Tx(t.Context(), func(ctx context.Context, _ *db.Tx) error {
			_, err := b.Do(ctx, 1)
			assert.ErrorIs(t, err, db.ErrNested)
			return nil
		})
		assert.Panics(t, func() { _ = b.Run(t.Context()) })
		stop()
	})
}
