package engine

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"unique"

	"golang.org/x/sys/unix"

	"github.com/galeweb/gale/internal/exchange"
	"github.com/galeweb/gale/internal/loop"
	"github.com/galeweb/gale/internal/upgrade"
)

// readsATurn is how often an upgraded connection may be read before others have
// their turn.
const readsATurn = 16

// errEndedGoroutine is what a protocol is told whose method has done that.
var errEndedGoroutine = errors.New("engine: the protocol has ended its goroutine")

// asked is what an upgraded connection is known by.
type asked struct{ method, path, route string }

// askedFor returns what the request of x asked for. Connections of one route
// share it: they are the many.
func (n *native) askedFor(x *exchange.Exchange) unique.Handle[asked] {
	method, path := x.Asked()
	route := n.s.routeOf(x.Request())
	if i := strings.IndexByte(route, '/'); i >= 0 {
		path = route[i:]
	}
	return unique.Make(asked{method, path, route})
}

// socket is an upgraded connection as its protocol sees it.
type socket struct{ c *conn }

func (s socket) Wake()                { s.c.Kick() }
func (s socket) Abort(cause error)    { s.c.cut(cause) }
func (s socket) Now() int64           { return s.c.n.set.Now() }
func (s socket) LocalAddr() net.Addr  { return s.c.LocalAddr() }
func (s socket) RemoteAddr() net.Addr { return s.c.peer() }

func (s socket) Step() (leads bool) {
	if s.c.turn.w.Step() {
		return true
	}
	if s.c.n.away.again(s.c) {
		s.c.countTakeover()
	}
	return false
}

func (s socket) GiveUp() {
	s.c.turn.w.GiveUp()
	s.c.n.away.add(s.c, nil, false)
}

// Upgrade implements exchange.Upgrader.
func (c *conn) Upgrade(p upgrade.Protocol) upgrade.Socket {
	c.protocol = p
	return socket{c}
}

// leaveHTTP makes c its protocol's, once the handler of x is done. Nothing of x
// stays.
func (c *conn) leaveHTTP(x *exchange.Exchange) {
	c.asked = c.n.askedFor(x)
	c.from = &c.from.ln.from
	if c.tls != nil {
		c.tls.facts = nil
	}
	c.clearDeadlines()
	c.headBy = 0
	c.outMu.Lock() // from here on TakenOver does not touch the output
	c.phase.Store(phaseUpgraded)
	c.outMu.Unlock()
	c.Batch()
	c.n.upgrade()
	c.tell(http.StateHijacked)
}

// talk serves an upgraded connection. When it returns, c has been given up and
// must not be touched.
func (c *conn) talk() {
	t := c.turn
	c.worker.Store(t.w.ID)
	if came := t.input(); len(came) > 0 && !c.cutOff.Load() { // right behind the request
		t.r, t.e = 0, 0
		c.hear(came)
	}
	for reads := 0; ; {
		if over, cause := c.tend(); over {
			c.over(cause)
			return
		}
		if t.drained {
			given, input := c.putBack()
			if given {
				return
			}
			c.retake(t)
			t.drained = !input
			continue
		}
		if reads == readsATurn {
			w := t.w
			c.setAside()
			c.detach()
			w.Again(c)
			return
		}
		reads++
		in := t.whole // all output has been sent, or set aside
		n, err := c.recv(in)
		switch {
		case n > 0:
			c.hear(in[:n])
		case err == errWouldBlock:
			t.drained = true
		default:
			c.over(err)
			return
		}
	}
}

// Woken implements loop.Batcher: no method of the protocol is called that may
// call the application.
func (c *conn) Woken(w *loop.Worker) { c.guard(w, true) }

// wake is talk without input.
func (c *conn) wake() {
	t := c.turn
	for {
		over, cause := c.tend()
		if over {
			if cause != nil {
				c.cut(cause) // Serve finds it
			}
			c.setAside()
			c.detach()
			c.handToWorker()
			return
		}
		switch given, input := c.putBack(); {
		case given:
			return
		case input:
			c.handToWorker()
			return
		}
		c.retake(t)
	}
}

// handToWorker has a worker serve c. Who gives many away lets the same few
// workers serve them.
func (c *conn) handToWorker() {
	c.n.set.Serve(c)
	runtime.Gosched()
}

// hear gives p to the protocol.
func (c *conn) hear(p []byte) {
	w := c.turn.w
	led := c.call(w)
	c.protocol.Receive(p)
	c.phase.Store(phaseUpgraded)
	if !led || !w.Step() {
		c.calledAway()
	}
}

// call notes that the protocol is about to call the application, and reports
// whether w, which serves it, leads a loop.
func (c *conn) call(w *loop.Worker) (led bool) {
	c.phase.Store(phaseCalled)
	if led = w.Leads(); !led {
		c.n.away.add(c, nil, false)
	}
	return led
}

// calledAway notes that a call has ended that may have been away from the loop.
func (c *conn) calledAway() {
	if _, taken := c.n.away.remove(c); taken {
		c.countTakeover()
	}
}

func (c *conn) countTakeover() { c.n.takeovers.add(c.asked.Value().route) }

// tend sends what the protocol has to say, and looks after its time and its end.
// It reports whether the connection is over, and why.
func (c *conn) tend() (over bool, cause error) {
	c.Heed()
	if c.cutOff.Load() {
		return true, *c.cause.Load()
	}
	for first := true; ; first = false {
		some, err := c.speak()
		if err != nil {
			return true, err
		}
		if !some && !first {
			break
		}
		c.SetDeadline(c.protocol.Due(c.n.set.Now()))
		if c.owesOutput() {
			break
		}
		// Due may have had something to say.
	}
	how := c.protocol.Ending()
	if how != upgrade.Open {
		// Another goroutine may have said something, and decided on the end, since
		// Output was asked.
		if _, err := c.speak(); err != nil {
			return true, err
		}
	}
	switch how {
	case upgrade.EndClose:
		return !c.owesOutput() && c.saidBye(), nil
	case upgrade.EndLinger:
		if !c.halfShut && !c.owesOutput() && c.saidBye() {
			c.halfShut = true
			c.Shutdown(unix.SHUT_WR)
		}
	}
	return false, nil
}

// saidBye says that nothing more comes, and reports whether the socket has taken
// that.
func (c *conn) saidBye() bool {
	if !c.halfShut {
		c.bye()
	}
	return c.tls == nil || !c.tls.owes()
}

// speak sends what the protocol has to say, until that is nothing or the socket
// takes no more. It reports whether there was something.
func (c *conn) speak() (some bool, err error) {
	t := c.turn
	for !c.halfShut {
		if full, err := c.sendAside(); full || err != nil {
			return some, err
		}
		own := t.out
		out := c.protocol.Output(t.whole[:0]) // all input has been heard
		if len(out) == 0 && (c.tls == nil || !c.tls.owes()) {
			break
		}
		some = true
		c.outMu.Lock()
		t.out = out
		err := c.sendSome()
		c.outMu.Unlock()
		if err == errWouldBlock {
			c.setAside()
		}
		t.out = own
		if err != nil && err != errWouldBlock {
			return some, err
		}
	}
	return some, nil
}

// owesOutput reports whether there is output that the socket has not taken.
func (c *conn) owesOutput() bool { return c.kept != nil }

// setAside keeps what the socket has not taken until it has room.
func (c *conn) setAside() {
	c.outMu.Lock()
	defer c.outMu.Unlock()
	for p := c.unsent(); len(p) > 0; p = c.unsent() {
		k := c.keep()
		if len(k.owed) > mostRecords {
			c.cut(errTooManyRecords)
		}
		if k.owed == nil {
			k.owed = make([]byte, 0, len(p))
		}
		k.owed = append(k.owed, p...)
		c.took(len(p))
	}
	c.turn.sent, c.turn.out = 0, c.turn.out[:0]
}

// sendAside sends what was set aside, and reports whether the socket is full.
func (c *conn) sendAside() (full bool, err error) {
	if c.kept == nil {
		return false, nil
	}
	for len(c.kept.owed) > 0 {
		if !c.HasRoom() {
			return true, nil
		}
		n, errno := c.Conn.Write(c.kept.owed)
		c.kept.owed = c.kept.owed[n:]
		c.wrote(n)
		if errno == unix.EAGAIN {
			return true, nil
		}
		if errno != 0 {
			return false, c.writeError(errno)
		}
	}
	c.kept = nil
	return false, nil
}

// putBack gives c back to its loop, without its turn, until there is news. It
// reports whether it did, and if not, whether there is input.
func (c *conn) putBack() (given, input bool) {
	c.setAside()
	c.detach()
	return c.GiveBack(c.owesOutput())
}

// over closes an upgraded connection and tells its protocol why, unless it was
// cut for another reason. Only the owner may call it.
func (c *conn) over(cause error) {
	if first := c.cause.Load(); first != nil {
		cause = *first
	}
	n, w, p := c.n, c.turn.w, c.protocol
	c.protocol = nil
	c.outMu.Lock()
	c.Conn.Close()
	c.endTurn()
	c.outMu.Unlock()
	c.kept = nil
	c.calledAway()
	c.giveBack()
	n.hijacked.Add(-1)
	defer func() {
		if v := recover(); v != nil {
			c.complain(v)
		}
		c.phase.Store(phaseGone)
		c.calledAway()
		n.end(&n.upgraded)
	}()
	c.call(w)
	p.Ended(cause)
}

// fell ends an upgraded connection of which a method has panicked with v, or,
// with nil, has ended its goroutine.
func (c *conn) fell(v any, woken bool) {
	cause := errEndedGoroutine
	if v != nil {
		cause = fmt.Errorf("engine: the protocol has panicked: %v", v)
	}
	if v == nil {
		c.n.log.Error(cause.Error(), "addr", c.remote)
	}
	if !woken {
		c.over(cause)
		return
	}
	c.cut(cause)
	c.n.set.Serve(c)
}

// complain logs a panic.
func (c *conn) complain(v any) {
	c.n.log.Error(fmt.Sprintf("engine: panic serving %s: %v\n%s", c.remote, v, debug.Stack()))
}
