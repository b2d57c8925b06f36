package db

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// ErrOverloaded is returned by [Batcher.Do] when too much waits already. It is
// an [ErrUnavailable].
var ErrOverloaded = fmt.Errorf("%w: too many writes are waiting", ErrUnavailable)

// BatchOptions configure a [Batcher].
type BatchOptions struct {
	// MaxWeight bounds the weight of one batch; an item that is heavier alone
	// is a batch alone. Defaults to 1,000.
	MaxWeight int
	// MaxWait is how long a batch that is not full waits for more. Defaults
	// to 0: a batch is what came while the one before was being committed,
	// which groups by itself under load and delays nobody without.
	MaxWait time.Duration
	// MaxPending bounds the weight that waits or is being committed, and so
	// memory and the delay of the last in the queue. Defaults to 10,000.
	MaxPending int
	// Timeout bounds one batch. Defaults to 30 s.
	Timeout time.Duration
}

// Batcher lets many goroutines share a transaction, and so the wait for the
// disk that makes it durable: group commit. It is safe for concurrent use.
type Batcher[In, Out any] struct {
	db *DB
	o  BatchOptions
	fn func(context.Context, *Tx, []In) ([]Out, error)

	wake chan struct{} // holds a token when the queue or closed has changed
	done chan struct{} // closed when Run has returned

	mu      sync.Mutex
	queue   []*batchCall[In, Out]
	queued  int // weight of the queue
	pending int // weight of the queue and the batch being committed
	running bool
	closed  bool
}

type batchCall[In, Out any] struct {
	in     In
	weight int
	taken  bool // under Batcher.mu: too late to withdraw
	done   chan struct{}
	out    Out
	err    error
}

// NewBatcher returns a Batcher that stores items with fn, which gets at least
// one and returns one result for each, in their order. When fn fails, what it
// did is undone and it is called again for every item alone, so that one bad
// item fails alone; fn must have no effect outside of the transaction. (A
// constraint that is checked at the commit fails all items of its batch.)
func NewBatcher[In, Out any](d *DB, o BatchOptions, fn func(context.Context, *Tx, []In) ([]Out, error)) *Batcher[In, Out] {
	if d == nil || fn == nil {
		panic("db: NewBatcher without a DB or a function; pass both")
	}
	if o.MaxWeight <= 0 {
		o.MaxWeight = 1000
	}
	if o.MaxPending <= 0 {
		o.MaxPending = 10_000
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	return &Batcher[In, Out]{db: d, o: o, fn: fn, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// Do stores item and returns its result once it is committed. When ctx ends
// while the item waits, it is withdrawn and the context's error returned; once
// its batch has begun, Do waits for the outcome, at most
// [BatchOptions.Timeout]. Before Run is called, Do waits for it.
func (b *Batcher[In, Out]) Do(ctx context.Context, item In) (Out, error) {
	return b.DoWeighted(ctx, item, 1)
}

// DoWeighted is Do for an item that is as much work as weight others, for
// example a request that brings that many rows.
func (b *Batcher[In, Out]) DoWeighted(ctx context.Context, item In, weight int) (Out, error) {
	c := &batchCall[In, Out]{in: item, weight: max(1, weight), done: make(chan struct{})}
	if err := b.enqueue(ctx, c); err != nil {
		return c.out, err
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		if b.withdraw(c) {
			return c.out, ctx.Err()
		}
		<-c.done
	}
	return c.out, c.err
}

func (b *Batcher[In, Out]) enqueue(ctx context.Context, c *batchCall[In, Out]) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := b.db.usable(ctx); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return ErrClosed
	}
	if b.pending > 0 && b.pending+c.weight > b.o.MaxPending {
		return ErrOverloaded
	}
	b.queue = append(b.queue, c)
	b.queued += c.weight
	b.pending += c.weight
	b.signal()
	return nil
}

func (b *Batcher[In, Out]) withdraw(c *batchCall[In, Out]) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.taken {
		return false
	}
	for i, q := range b.queue {
		if q == c {
			b.queue = append(b.queue[:i], b.queue[i+1:]...)
			b.queued -= c.weight
			b.pending -= c.weight
			return true
		}
	}
	return false
}

func (b *Batcher[In, Out]) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Pending returns the weight that waits or is being committed.
func (b *Batcher[In, Out]) Pending() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pending
}

// Run commits batches until ctx ends or Close is called, and then what still
// waits. It returns nil. A Batcher runs once.
func (b *Batcher[In, Out]) Run(ctx context.Context) error {
	b.mu.Lock()
	if b.running {
		b.mu.Unlock()
		panic("db: Batcher.Run called twice; call it once")
	}
	b.running = true
	b.mu.Unlock()
	defer close(b.done)
	stop := context.AfterFunc(ctx, b.close)
	defer stop()
	ctx = context.WithoutCancel(ctx) // what was accepted is stored
	for {
		batch := b.next()
		if batch == nil {
			return nil
		}
		b.commit(ctx, batch)
	}
}

func (b *Batcher[In, Out]) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.signal()
}

// Close refuses new items with [ErrClosed] and waits until those accepted are
// stored, or ctx ends. The items of a Batcher that never ran get ErrClosed.
func (b *Batcher[In, Out]) Close(ctx context.Context) error {
	b.close()
	b.mu.Lock()
	if !b.running {
		for _, c := range b.queue {
			c.taken, c.err = true, ErrClosed
			close(c.done)
		}
		b.queue, b.queued, b.pending = nil, 0, 0
		b.mu.Unlock()
		return nil
	}
	b.mu.Unlock()
	select {
	case <-b.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// next waits for a batch and takes it; nil means closed and empty.
func (b *Batcher[In, Out]) next() []*batchCall[In, Out] {
	var timer <-chan time.Time
	for {
		b.mu.Lock()
		switch {
		case len(b.queue) == 0 && b.closed:
			b.mu.Unlock()
			return nil
		case len(b.queue) == 0:
			timer = nil // all were withdrawn
		case b.o.MaxWait <= 0 || b.closed || b.queued >= b.o.MaxWeight:
			defer b.mu.Unlock()
			return b.take()
		case timer == nil:
			timer = time.After(b.o.MaxWait)
		}
		b.mu.Unlock()
		select {
		case <-b.wake:
		case <-timer:
			b.mu.Lock()
			if len(b.queue) > 0 {
				defer b.mu.Unlock()
				return b.take()
			}
			timer = nil
			b.mu.Unlock()
		}
	}
}

// take removes the first items of the queue, up to MaxWeight; b.mu is held.
func (b *Batcher[In, Out]) take() []*batchCall[In, Out] {
	n, weight := 0, 0
	for _, c := range b.queue {
		if n > 0 && weight+c.weight > b.o.MaxWeight {
			break
		}
		c.taken = true
		weight += c.weight
		n++
	}
	batch := make([]*batchCall[In, Out], n)
	copy(batch, b.queue)
	rest := copy(b.queue, b.queue[n:])
	clear(b.queue[rest:])
	b.queue = b.queue[:rest]
	b.queued -= weight
	return batch
}

// commit stores a batch and tells its callers.
func (b *Batcher[In, Out]) commit(ctx context.Context, batch []*batchCall[In, Out]) {
	ctx, cancel := context.WithTimeout(ctx, b.o.Timeout)
	defer cancel()
	err := b.together(ctx, batch)
	if err != nil && len(batch) > 1 && !hopeless(err) {
		err = b.apart(ctx, batch)
	}
	b.mu.Lock()
	for _, c := range batch {
		b.pending -= c.weight
	}
	b.mu.Unlock()
	for _, c := range batch {
		if err != nil {
			var zero Out
			c.out, c.err = zero, err
		}
		close(c.done)
	}
}

// hopeless reports whether the items would fail alone as well, each after a
// wait of its own.
func hopeless(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.Is(err, ErrClosed) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// together stores the whole batch with one call of fn.
func (b *Batcher[In, Out]) together(ctx context.Context, batch []*batchCall[In, Out]) error {
	return b.db.Tx(ctx, func(ctx context.Context, tx *Tx) error { return b.call(ctx, tx, batch) })
}

// apart stores each item in a savepoint, still with one commit: were it one
// for each, whoever sends a bad item with every batch would make all others
// pay for it.
func (b *Batcher[In, Out]) apart(ctx context.Context, batch []*batchCall[In, Out]) error {
	return b.db.Tx(ctx, func(ctx context.Context, tx *Tx) error {
		for i, c := range batch {
			c.err = tx.Tx(ctx, func(ctx context.Context, tx *Tx) error { return b.call(ctx, tx, batch[i:i+1]) })
			if c.err != nil && hopeless(c.err) {
				return c.err
			}
		}
		return nil
	})
}

// call calls fn and keeps its results. A panic is an error of the batch: it
// must not end the goroutine on which everybody's writes depend.
func (b *Batcher[In, Out]) call(ctx context.Context, tx *Tx, batch []*batchCall[In, Out]) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("db: panic in a batch: %v\n%s", v, debug.Stack())
		}
	}()
	items := make([]In, len(batch))
	for i, c := range batch {
		items[i] = c.in
	}
	out, err := b.fn(ctx, tx, items)
	if err != nil {
		return err
	}
	if len(out) != len(batch) {
		return fmt.Errorf("db: the function of the batch returned %d results for %d items", len(out), len(batch))
	}
	for i, c := range batch {
		c.out = out[i]
	}
	return nil
}
