//go:build linux

package loop

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Options configures a Set.
type Options struct {
	// Loops is how many epoll instances there are. Defaults to one for each P.
	Loops int
	// Watch is how long work may hold a loop before another goroutine takes the
	// loop over. Defaults to 1 ms, which is the granularity of Go's timers;
	// negative: never, so that work that blocks stalls its loop.
	Watch time.Duration
	// Labels is the context whose runtime/pprof labels every goroutine of the
	// set has. Defaults to context.Background().
	Labels context.Context
	// Label is the name of one more label, whose value, LabelPrefix and a number,
	// tells the workers apart.
	Label, LabelPrefix string
	// OnTurn, if set, is told how long each turn of a loop took: the time
	// between two polls in which there was work. It must be quick and may be
	// called by several goroutines at once.
	OnTurn func(time.Duration)
	// OnTick, if set, is called four times a second. It must be quick.
	OnTick func(now time.Time)
	// OnWait, if set, is told about four times a second, and for each loop, how
	// long news had to wait for the loop, or has been waiting. It must be quick
	// and may be called by several goroutines at once.
	OnWait func(time.Duration)
}

// Set is a number of loops with the goroutines that serve them. All methods are
// safe for concurrent use.
type Set struct {
	o     Options
	start time.Time
	loops []*Loop
	table table
	pool  pool
	turn  atomic.Uint32 // the loop for the next connection
	gen   atomic.Uint32
	open  atomic.Int64 // connections, listeners too

	takeovers atomic.Uint64

	watch    watch
	stopped  atomic.Bool
	stop     chan struct{}
	stopOnce sync.Once
	running  sync.WaitGroup // leaders, workers, watch and ticker
}

// New starts the loops. The caller ends them by [Set.Stop].
func New(o Options) (*Set, error) {
	if o.Loops <= 0 {
		o.Loops = runtime.GOMAXPROCS(0)
	}
	if o.Watch == 0 {
		o.Watch = time.Millisecond
	}
	if o.Labels == nil {
		o.Labels = context.Background()
	}
	s := &Set{o: o, start: time.Now(), stop: make(chan struct{})}
	s.pool.set = s
	s.watch.poke = make(chan struct{}, 1)
	for i := range o.Loops {
		l, err := newLoop(s, i)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("loop: %w", err), s.Stop())
		}
		s.loops = append(s.loops, l)
	}
	for _, l := range s.loops {
		s.pool.do(job{loop: l})
	}
	s.running.Go(s.ticker)
	if o.Watch > 0 {
		s.running.Go(s.watchLoops)
	}
	return s, nil
}

// Now returns the time on the set's clock, in nanoseconds since it started,
// plus one hour so that no time in use is 0 or before it.
func (s *Set) Now() int64 { return int64(time.Since(s.start) + time.Hour) }

// Serve has a worker serve src. The caller gives src up.
func (s *Set) Serve(src Source) { s.pool.serve(src) }

// Open returns the number of connections and listeners.
func (s *Set) Open() int { return int(s.open.Load()) }

// Loops returns the number of loops.
func (s *Set) Loops() int { return len(s.loops) }

// Takeovers returns how often a loop was taken from work that held it too long.
func (s *Set) Takeovers() uint64 { return s.takeovers.Load() }

// Conns calls yield for each connection and listener; those that come and go
// meanwhile may be missed.
func (s *Set) Conns(yield func(*Conn)) { s.table.all(yield) }

// Stop ends the loops and waits for their goroutines. Every connection must
// have been closed, and nothing may be served any more.
func (s *Set) Stop() error {
	s.stopOnce.Do(func() {
		s.stopped.Store(true)
		close(s.stop)
		for _, l := range s.loops {
			l.wake()
		}
		s.pool.close()
	})
	s.running.Wait()
	var errs []error
	for _, l := range s.loops {
		errs = append(errs, l.file.Close())
		l.probe.close()
	}
	return errors.Join(errs...)
}

// ticker looks at deadlines, and lets idle workers go.
func (s *Set) ticker() {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-s.stop:
			return
		case at := <-t.C:
			if s.o.OnTick != nil {
				s.o.OnTick(at)
			}
		}
		now := s.Now()
		for _, l := range s.loops {
			for _, c := range l.wheel.advance(now) {
				c.Kick()
			}
			l.look(now)
		}
		s.pool.trim(now)
	}
}
