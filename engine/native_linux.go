package engine

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/galeweb/gale/internal/connlimit"
	"github.com/galeweb/gale/internal/exchange"
	"github.com/galeweb/gale/internal/handshakes"
	"github.com/galeweb/gale/internal/loop"
	"github.com/galeweb/gale/internal/overload"
	"github.com/galeweb/gale/internal/predictor"
)

// native serves connections by event loops.
type native struct {
	s      *Server
	log    *slog.Logger
	set    *loop.Set
	config exchange.Config
	pool   bool   // see Pool
	labels string // before the number of a worker, in WorkerLabel

	date       dateLine
	turns      turns
	predictor  *predictor.Predictor
	allSlow    bool // every request leaves the loop before it is served
	overload   *overload.Shedder
	away       away
	handshakes *handshakes.Limit[*conn]

	accepted  atomic.Uint64
	handed    atomic.Uint64
	hijacked  atomic.Int64
	counts    []counts // one for each loop
	turnTimes turnTimes
	pauseTold atomic.Int64 // when a pause in accepting was logged last
	refused   tally        // by limit
	bad       tally        // by the parser's kind
	takeovers tally        // by route

	draining atomic.Bool

	mu        sync.Mutex
	listeners map[*listener]struct{}
	live      int           // connections that HTTP is spoken on, and Serve calls
	upgraded  int           // connections that are protocols'
	detached  int           // handlers that run on hijacked connections
	done      bool          // there is no more HTTP
	stopping  bool          // the loops end
	empty     chan struct{} // closed when done
	told      chan struct{} // closed when, besides, no upgraded connection is left
	stopped   chan struct{} // closed when the loops have ended
}

// listener is what the connections of one Serve call have in common.
type listener struct {
	n    *native
	from origin // of its connections, but where there is Server.ConnContext
	addr net.Addr
	tls  *tls.Config   // nil for plain
	quit chan struct{} // closed to end Serve

	mu     sync.Mutex
	closed bool
	stop   func()
}

func newNative(s *Server, mode Mode, labels context.Context) (*native, error) {
	n := &native{
		s: s, log: s.log(), pool: mode == Pool,
		listeners: map[*listener]struct{}{},
		empty:     make(chan struct{}), told: make(chan struct{}), stopped: make(chan struct{}),
	}
	n.predictor, n.allSlow = predictor.New(s.routeOf), mode == AlwaysSlow || mode == Pool
	n.handshakes = handshakes.New(s.maxHandshakes(), func(c *conn) {
		n.refused.add("handshakes")
		c.cut(errCutHandshake)
	})
	n.overload = overload.New(s.maxQueueing(), s.Unsheddable)
	n.config = exchange.Config{
		Handler: s.Handler, HTTP: s.http, Log: n.log, Date: n.date.get, Drain: s.drain,
		MaxBody: s.maxBody(), Limits: s.headLimits(),
		KeepAlive: func() bool { return !n.draining.Load() && !s.noAlive.Load() },
	}
	n.labels = rand.Text()[:6] + "-" // apart from other servers of the process
	n.date.set(time.Now())
	options := loop.Options{
		Labels: labels, Label: WorkerLabel, LabelPrefix: n.labels,
		OnTurn: n.turnTimes.add, OnWait: n.queued, OnTick: n.date.set,
	}
	if mode != Loop {
		options.Watch = -1
	}
	set, err := loop.New(options)
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	n.set = set
	n.counts = make([]counts, set.Loops())
	return n, nil
}

// queued is told how long news had to wait for a loop.
func (n *native) queued(d time.Duration) { n.overload.Waited(d, time.Now()) }

// canServe reports whether l's sockets may be taken past its Accept: any other
// type may have wrapped that for a reason.
func canServe(l net.Listener) bool {
	switch l.(type) {
	case *net.TCPListener, *net.UnixListener:
		return true
	}
	return false
}

// serve accepts from l until the server or the listener is closed.
func (n *native) serve(ctx context.Context, l net.Listener, config *tls.Config) error {
	defer func() { _ = l.Close() }()
	ln := &listener{n: n, addr: l.Addr(), tls: config, quit: make(chan struct{})}
	ln.from = origin{ln, context.WithValue(ctx, http.ServerContextKey, n.s.http)}
	if !n.enter(ln) {
		return http.ErrServerClosed
	}
	defer n.leave(ln)
	accepting, err := n.set.Listen(l.(syscall.Conn), ln.accepted, ln.paused)
	if err != nil {
		return err
	}
	ln.stopWith(func() { accepting.Close(); _ = l.Close() })
	defer ln.close()
	return ln.wait(l.(syscall.Conn))
}

// wait returns when the listener is to be closed, or was by its owner: that
// sends no event, so it has to look.
func (ln *listener) wait(l syscall.Conn) error {
	n := ln.n
	look := time.NewTicker(200 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-ln.quit:
			return http.ErrServerClosed
		case <-look.C:
		}
		raw, err := l.SyscallConn()
		if err == nil {
			err = raw.Control(func(uintptr) {})
		}
		if err != nil && !n.draining.Load() {
			return &net.OpError{Op: "accept", Net: ln.addr.Network(), Addr: ln.addr, Err: net.ErrClosed}
		}
	}
}

// stopWith says how to stop accepting; it is done at once when the listener is
// closed already.
func (ln *listener) stopWith(stop func()) {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if ln.closed {
		stop()
		return
	}
	ln.stop = stop
}

// close returns when no connection is accepted any more.
func (ln *listener) close() {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if ln.closed {
		return
	}
	ln.closed = true
	close(ln.quit)
	if ln.stop != nil {
		ln.stop()
	}
}

// paused is told of each pause in accepting, two a second for as long as there
// are no files.
func (ln *listener) paused(err error) {
	n := ln.n
	n.refused.add("files")
	now := n.set.Now()
	if told := n.pauseTold.Load(); told != 0 && now-told < int64(time.Minute) || !n.pauseTold.CompareAndSwap(told, now) {
		return
	}
	n.log.Error("engine: accepting pauses; connections wait in the listen queue", "err", err)
}

// accepted takes a new connection. It runs on a loop.
func (ln *listener) accepted(w *loop.Worker, fd int, peer unix.Sockaddr) {
	n := ln.n
	n.accepted.Add(1)
	remote := loop.Addr(peer)
	key := connlimit.Key(remote)
	if limit := n.s.limits.Take(key); limit != "" {
		n.refused.add(limit)
		_ = unix.Close(fd)
		return
	}
	c := ln.newConn()
	c.n, c.from, c.remote = n, &ln.from, remote.String()
	if !n.begin() {
		n.s.limits.Give(key)
		_ = unix.Close(fd)
		return
	}
	if err := n.set.Add(&c.Conn, fd, c); err != nil {
		n.log.Error("engine: a connection was lost", "err", err)
		n.s.limits.Give(key)
		n.end(&n.live)
		return
	}
	opened := false
	defer func() {
		if !opened { // a hook has ended the goroutine
			c.close()
		}
	}()
	c.open()
	opened = true
	if n.s.closed.Load() { // its sweep may have missed c
		c.cut(http.ErrServerClosed)
	}
	if n.draining.Load() || !c.Release(false) {
		w.Again(c)
	}
}

// begin counts a connection, unless the server is closed.
func (n *native) begin() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.done {
		return false
	}
	n.live++
	return true
}

// end counts a connection out of live or of upgraded; the last one out of a
// closed server stops the loops, which end after their present work.
func (n *native) end(count *int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	*count--
	n.stopIfDone()
}

// upgrade counts a connection as a protocol's.
func (n *native) upgrade() {
	n.hijacked.Add(1)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.live--
	n.upgraded++
	n.stopIfDone()
}

func (n *native) enter(ln *listener) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.draining.Load() {
		return false
	}
	n.live++
	n.listeners[ln] = struct{}{}
	return true
}

func (n *native) leave(ln *listener) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.live--
	delete(n.listeners, ln)
	n.stopIfDone()
}

// stopIfDone is called with the lock held.
func (n *native) stopIfDone() {
	if n.live > 0 || !n.draining.Load() {
		return
	}
	if !n.done {
		n.done = true
		close(n.empty)
	}
	if n.upgraded > 0 || n.stopping {
		return
	}
	n.stopping = true
	close(n.told)
	// Not on this goroutine: it may be one that Stop waits for.
	go func() {
		defer close(n.stopped)
		if err := n.set.Stop(); err != nil {
			n.log.Error("engine: the loops did not end well", "err", err)
		}
	}()
}

// detach counts the handlers that run on hijacked connections.
func (n *native) detach(by int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.detached += by
}

// quiesce closes the listeners and the connections that have nothing to do.
func (n *native) quiesce() {
	n.mu.Lock()
	n.draining.Store(true)
	listeners := slices.Collect(maps.Keys(n.listeners))
	n.stopIfDone()
	n.mu.Unlock()
	for _, ln := range listeners {
		ln.close()
	}
	n.dropIdle()
}

// dropIdle has every connection look whether it may stay.
func (n *native) dropIdle() {
	n.each(func(c *conn) {
		if !c.isUpgraded() {
			c.Kick()
		}
	})
}

// wait returns when there are no connections, and the loops have ended, or with
// the error of ctx. Upgraded connections are waited for only when they have been
// cut. Handlers that run on hijacked ones are not, though they, too, need the
// goroutines of the loops.
func (n *native) wait(ctx context.Context) error {
	until := n.empty
	if n.s.closed.Load() {
		until = n.told
	}
	select {
	case <-until:
	case <-ctx.Done():
		return ctx.Err()
	}
	n.mu.Lock()
	busy := n.detached > 0 || n.upgraded > 0
	n.mu.Unlock()
	if !busy {
		<-n.stopped
	}
	return nil
}

func (n *native) close() {
	n.quiesce()
	n.each(func(c *conn) { c.cut(http.ErrServerClosed) })
	select {
	case <-n.told:
		_ = n.wait(context.Background())
	default: // handlers or callbacks still run; the last one ends the loops
	}
}

func (n *native) each(f func(c *conn)) {
	n.set.Conns(func(lc *loop.Conn) {
		if c, ok := lc.Source().(*conn); ok {
			f(c)
		}
	})
}

// errPeerGone is the cause of the context of a request whose client has gone.
var errPeerGone = errors.New("engine: the client has gone")
