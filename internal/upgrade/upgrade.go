// Package upgrade is what a server and a protocol on an upgraded connection say
// to each other, so that such a connection needs no goroutine and no buffer
// while nothing happens on it.
//
// A response writer that is an [Upgrader] gives its connection to a [Protocol].
// The server owns the socket: it reads, and hands on what came; it asks for
// output whenever the socket takes some; it looks after the time. The protocol
// owns what the bytes mean. Neither knows the other by more than this package.
package upgrade

import (
	"errors"
	"net"
)

// ErrNoUpgrade is returned by an [Upgrader] that cannot upgrade this connection.
var ErrNoUpgrade = errors.New("upgrade: this connection must be hijacked")

// Upgrader is a response writer that can keep an upgraded connection.
type Upgrader interface {
	// Upgrade sends the head that was written with status 101, and gives the
	// connection to p from when the handler has returned. Like Hijack, it ends
	// the use of the response writer; after an error nothing was sent and the
	// writer can be used. ErrNoUpgrade says that Hijack is the way here.
	Upgrade(p Protocol) (Socket, error)
}

// Protocol is what happens on an upgraded connection. The server calls all of
// its methods from one goroutine at a time, which serves other connections
// besides: none may wait for long, except where it calls the application, which
// the server copes with as with any handler.
type Protocol interface {
	// Receive takes bytes that came. p is the server's; what is to be kept must
	// be copied. Between pieces of work, such as the messages in p, it calls
	// Socket.Step, and before one that is known to be slow Socket.GiveUp.
	Receive(p []byte)

	// Output appends what is to be sent next to dst, no more than fits its
	// capacity, and returns it; nothing new says that nothing waits. A frame may
	// be cut anywhere. The next call comes when the socket has taken all of it.
	Output(dst []byte) []byte

	// Due looks after the time: now and the result, which is when to call again,
	// are on the clock of Socket.Now, 0 for never. It is called after anything
	// else was, and some time, up to half a second, after the time it returned.
	Due(now int64) (next int64)

	// Ending says what becomes of the connection once Output has nothing more.
	// It is asked after anything else was called. When it is not Open, Output is
	// asked once more before anything is done about it, so that what was said
	// before the end, by whichever goroutine, is sent before it.
	Ending() Ending

	// Ended is called last: the connection is closed. cause is why: io.EOF when
	// the peer has closed it, that of Abort, or nil after EndClose.
	Ended(cause error)
}

// Ending is how a connection goes on.
type Ending uint8

const (
	// Open: it stays.
	Open Ending = iota
	// EndClose: it is closed once the output is flushed.
	EndClose
	// EndLinger: only our half is, and input goes on, until the peer closes or
	// the protocol decides for EndClose.
	EndLinger
)

// Socket is a connection as its Protocol sees it.
type Socket interface {
	// Wake has the server look at Output, Due and Ending soon. It may be called
	// by any goroutine, under the protocol's locks, never blocks, and costs
	// little when it was called before. Within the Protocol's methods it is not
	// needed. After the end it does nothing.
	Wake()
	// Abort has the connection closed at once, whatever waits. It may be called
	// by any goroutine, under the protocol's locks. The first cause counts.
	Abort(cause error)
	// Now is the time in nanoseconds on a clock that never goes back; it is
	// always positive.
	Now() int64

	// Step says, within Receive, that one piece of work is done and another may
	// begin. It reports whether the goroutine leads a loop: if not, the piece was
	// slow enough for the loop to be taken away, or began away from it.
	Step() (leads bool)
	// GiveUp says, within Receive, that what comes may take its time: others
	// serve the loop from here on.
	GiveUp()

	// LocalAddr and RemoteAddr are those of the connection. They may be called by
	// any goroutine, also after the end.
	LocalAddr() net.Addr
	RemoteAddr() net.Addr
}
