package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/galeweb/gale/internal/exchange"
	"github.com/galeweb/gale/internal/http1"
	"github.com/galeweb/gale/internal/loop"
)

// native serves connections by event loops.
type native struct {
	s      *Server
	set    *loop.Set
	config exchange.Config
	limits http1.Limits

	predictor predictor
	overload  overload
	away      away
	counts    []counts // one for each loop, so that loops do not share cache lines
	turns     turnTimes
	refused   tally // by limit
	bad       tally // by the parser's kind
	takeovers tally // by route
	handed    atomic.Uint64
	hijacked  atomic.Int64
	accepted  atomic.Uint64

	handshakes chan struct{} // holds a token for each handshake under way
	h2         *handover

	mu        sync.Mutex
	listeners map[*listener]struct{}
	draining  atomic.Bool
	drain     chan struct{} // closed when draining
	live      int64         // connections and Serve calls, guarded by mu
	stopping  bool
	stopped   chan struct{} // closed when the loops have ended
}

// listener is what the connections of one Serve call have in common.
type listener struct {
	n    *native
	ctx  context.Context
	addr net.Addr
	tls  *tls.Config // nil for plain
	loop *loop.Listener
	quit chan struct{} // closed to end Serve
	once sync.Once
}

func newNative(s *Server, mode Mode) (*native, error) {
	n := &native{
		s: s, limits: s.headLimits(),
		listeners: map[*listener]struct{}{}, drain: make(chan struct{}), stopped: make(chan struct{}),
	}
	n.predictor.init(mode)
	n.overload.init(s)
	if most := s.limit(s.MaxHandshakes, defaultHandshakes); most > 0 {
		n.handshakes = make(chan struct{}, most)
	}
	n.config = exchange.Config{
		Handler: s.Handler, HTTP: s.http, Log: s.log(), Date: new(dateLine).get,
		MaxBody:   int64(s.limit(int(s.MaxBodyBytes), defaultBody)),
		KeepAlive: s.keepsAlive, Drain: n.drain, Limits: n.limits,
	}
	options := loop.Options{Label: WorkerLabel, OnTurn: n.turn}
	if mode == AlwaysInline || mode == Pool || mode == AlwaysSlow {
		options.Watch = -1
	}
	if s.Labels != nil {
		options.Labels = s.Labels
	}
	set, err := loop.New(options)
	if err != nil {
		return nil, err
	}
	n.set = set
	n.counts = make([]counts, set.Loops())
	return n, nil
}

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
func (n *native) serve(l net.Listener, config *tls.Config) error {
	defer func() { _ = l.Close() }()
	ln := &listener{n: n, addr: l.Addr(), tls: config, quit: make(chan struct{})}
	ln.ctx = context.WithValue(n.s.baseContext(l), http.ServerContextKey, n.s.http)
	if !n.enter(ln) {
		return http.ErrServerClosed
	}
	defer n.leave(ln)
	var err error
	ln.loop, err = n.set.Listen(l.(syscall.Conn), ln.accepted, func(err error) {
		n.refused.add("files")
		n.config.Log.Error("engine: accepting pauses", "err", err)
	})
	if err != nil {
		return err
	}
	defer ln.loop.Close()
	return ln.wait(l.(syscall.Conn))
}

// wait returns when the listener is to be closed, or was by its owner: that
// sends no event, so it has to look.
func (ln *listener) wait(l syscall.Conn) error {
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
		if err != nil {
			return &net.OpError{Op: "accept", Net: ln.addr.Network(), Addr: ln.addr, Err: net.ErrClosed}
		}
	}
}

func (ln *listener) close() { ln.once.Do(func() { close(ln.quit) }) }

// accepted takes a new connection. It runs on a loop.
func (ln *listener) accepted(_ *loop.Worker, fd int, peer unix.Sockaddr) {
	n := ln.n
	n.accepted.Add(1)
	remote := loop.Addr(peer)
	key := addrKey(remote)
	if !n.s.limits.take(key) {
		n.refused.add(n.s.limits.which(key))
		_ = unix.Close(fd)
		return
	}
	c := &conn{n: n, ln: ln, ctx: ln.ctx, remote: remote.String()}
	if !n.begin() {
		n.s.limits.give(key)
		_ = unix.Close(fd)
		return
	}
	c.open()
	if err := n.set.Add(&c.Conn, fd, c); err != nil {
		n.config.Log.Error("engine: a connection was lost", "err", err)
		c.gone()
	}
}

// begin counts a connection, unless the server is closed.
func (n *native) begin() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopping {
		return false
	}
	n.live++
	return true
}

// end counts a connection out; the last one out of a closed server stops the
// loops, which end after their present work.
func (n *native) end() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.live--
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
	if n.live > 0 || n.stopping || !n.draining.Load() {
		return
	}
	n.stopping = true
	// Not on this goroutine: it may be one that Stop waits for.
	go func() {
		defer close(n.stopped)
		if err := n.set.Stop(); err != nil {
			n.config.Log.Error("engine: closing the loops", "err", err)
		}
	}()
}

// quiesce closes the listeners and the connections that have nothing to do.
func (n *native) quiesce() {
	n.mu.Lock()
	first := !n.draining.Swap(true)
	if first {
		close(n.drain)
	}
	for ln := range n.listeners {
		ln.close()
	}
	n.stopIfDone()
	n.mu.Unlock()
	n.each(func(c *conn) { c.Kick() })
}

func (n *native) shutdown(ctx context.Context) error {
	n.quiesce()
	select {
	case <-n.stopped:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (n *native) close() {
	n.quiesce()
	n.each(func(c *conn) { c.cut(http.ErrServerClosed) })
	n.mu.Lock()
	idle := n.stopping
	n.mu.Unlock()
	if idle {
		<-n.stopped
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
