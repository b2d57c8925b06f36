package roster

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// Sync keeps what nodes say of one name in step: this node says what has
// changed, at most every Every, says it again before TTL is over, and hears the
// others when they say that something has, and from time to time. Set the
// fields, then call [Sync.Start]. Its methods may be called from any goroutine,
// and do not block.
type Sync struct {
	Every, TTL time.Duration
	// Timeout bounds one exchange.
	Timeout time.Duration
	// Spawn runs the exchanges; false when there are to be no more.
	Spawn func(func(ctx context.Context)) bool
	// Listen has [Sync.Noticed] called when others say that something changed.
	Listen func(ctx context.Context) (stop func(), err error)
	// Say says who is here, and tells others when that has changed. Nothing to
	// refresh when nobody is here is up to Say.
	Say func(ctx context.Context, changed bool) error
	// Hear reads what others say.
	Hear func(ctx context.Context) error
	// End reports whether nobody needs the Sync any more; it asks settled first,
	// under the lock by which others would get at it.
	End func(settled func() bool) bool

	mu    sync.Mutex
	dirty bool // this node has something to say
	stale bool // others have
	busy  bool
	said  time.Time // when this node spoke last
	due   time.Time // when the timer is set to
	timer *time.Timer
	stop  func() // of Listen
}

// Start begins the first exchange.
func (s *Sync) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer = time.AfterFunc(s.TTL, func() { s.Spawn(s.exchange) })
	s.stale = true
	s.schedule(0)
}

// Changed is called when this node has something to say.
func (s *Sync) Changed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dirty = true
	s.schedule(max(s.Every-time.Since(s.said), 0))
}

// Noticed is called when another node has.
func (s *Sync) Noticed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale = true
	s.schedule(rand.N(s.Every / 10)) // not all nodes at the same instant
}

// Stop ends it; no exchange may run or begin.
func (s *Sync) Stop() {
	s.mu.Lock()
	s.timer.Stop()
	s.busy = true // for good
	stop := s.stop
	s.mu.Unlock()
	if stop != nil {
		stop()
	}
}

// schedule has an exchange after d, if there is none sooner.
func (s *Sync) schedule(d time.Duration) {
	at := time.Now().Add(d)
	if s.busy || !s.due.IsZero() && !s.due.After(at) {
		return
	}
	s.due = at
	s.timer.Reset(d)
}

func (s *Sync) exchange(ctx context.Context) {
	s.mu.Lock()
	if s.busy {
		s.mu.Unlock()
		return
	}
	s.busy, s.due = true, time.Time{}
	refresh := time.Since(s.said) >= s.TTL/3
	dirty, stale := s.dirty, s.stale || refresh
	s.dirty, s.stale = false, false
	s.mu.Unlock()
	err := s.run(ctx, dirty, refresh, stale)

	s.mu.Lock()
	s.busy = false
	switch {
	case err != nil:
		s.dirty, s.stale = s.dirty || dirty, true
		s.schedule(time.Second + rand.N(time.Second))
	case s.dirty:
		s.schedule(s.Every)
	case s.stale:
		s.schedule(s.Every / 10)
	default:
		s.schedule(s.TTL/3 - rand.N(s.TTL/30))
	}
	s.mu.Unlock()
	if err == nil && s.End(s.settled) {
		s.Stop()
	}
}

// run does the I/O. It listens before it hears, so that no change is missed.
func (s *Sync) run(ctx context.Context, changed, refresh, stale bool) error {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	if s.stop == nil {
		stop, err := s.Listen(ctx)
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.stop = stop
		s.mu.Unlock()
	}
	if changed || refresh {
		if err := s.Say(ctx, changed); err != nil {
			return err
		}
		s.mu.Lock()
		s.said = time.Now()
		s.mu.Unlock()
	}
	if stale {
		return s.Hear(ctx)
	}
	return nil
}

func (s *Sync) settled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.dirty
}
