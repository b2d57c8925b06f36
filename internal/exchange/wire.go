package exchange

import (
	"errors"
	"net"
	"os"
	"time"
)

// Wire is the connection as one exchange sees it. One goroutine at a time
// calls the methods for input (Buffered, Discard, Fill, Unfilled) and one at a
// time those for output; the two may be at work at once.
type Wire interface {
	// Buffered returns the bytes that came and were not taken. They are valid
	// until the next Discard or Fill.
	Buffered() []byte
	// Discard takes the first n of the buffered bytes.
	Discard(n int)
	// Fill waits for more bytes. Before it blocks it flushes the output. Its
	// errors are io.EOF, os.ErrDeadlineExceeded and those of the network.
	Fill() error
	// Unfilled is whether input may still come: false once Fill has failed.
	Unfilled() bool

	// Write takes p, and blocks only when the peer is slow.
	Write(p []byte) (int, error)
	// Flush sends what Write has taken.
	Flush() error
	// SendFile sends n bytes of f from where it stands, after what was written
	// before, and moves f on. It sends fewer only when f ends or with an
	// error: ErrNoSendFile where it cannot and has sent nothing.
	SendFile(f *os.File, n int64) (sent int64, err error)

	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
	// Hijack gives the connection away for good. The exchange has seen to the
	// bytes in Buffered.
	Hijack() (net.Conn, error)
	LocalAddr() net.Addr
}

// ErrNoSendFile is what SendFile returns where a file has to be copied.
var ErrNoSendFile = errors.New("exchange: the wire cannot send files")

// ErrFinished is what a response writer returns once its handler has.
var ErrFinished = errors.New("exchange: the handler has returned")
