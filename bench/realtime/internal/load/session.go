package load

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/galeweb/gale/bench/internal/loopback"
	"golang.org/x/sys/unix"
)

// stalled is how long nothing may come from a server.
const stalled = 10 * time.Second

// inputSize holds a joined write; a read that fills less has drained the socket.
const inputSize = 64 << 10

// Session is connections to one server, and the loads on it. One goroutine may
// use it at a time.
type Session struct {
	epoll    int
	protocol Protocol
	conns    []*conn
	byFD     []*conn // nil where there is none
	input    []byte
	inflater inflater
	begin    time.Time

	sent *sent // of the current load
	tally
	// taken is called for each frame of an echo, in place of the rest.
	taken    func(c *conn, payload []byte) error
	mustPack bool // all messages must come compressed
	lossy    bool // messages may be lost and connections closed
}

// tally is what a load has counted.
type tally struct {
	latencies  *histogram // of the messages that count
	deliveries int
	bytes      int // of frames
	reads      int
	closed     int
	complete   int // messages that all connections have
	pending    int // deliveries of messages that count which may still come
}

type conn struct {
	fd      int32
	next    int // the number of the message that comes next
	checked bool
	closed  bool
	begun   []byte // frames of a message that has not all come
	packed  bool   // its first one was compressed
	part    []byte // of a frame that has not all come
	at      time.Duration
}

// NewSession returns a session without connections. Close it.
func NewSession() (*Session, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("load: epoll: %w", err)
	}
	return &Session{epoll: epoll, input: make([]byte, inputSize), begin: time.Now()}, nil
}

// Close resets all connections.
func (s *Session) Close() {
	for _, c := range s.conns {
		s.drop(c)
	}
	_ = unix.Close(s.epoll)
}

func (s *Session) drop(c *conn) {
	if !c.closed {
		c.closed = true
		s.byFD[c.fd] = nil
		_ = unix.Close(int(c.fd))
	}
}

// Open is connections to make.
type Open struct {
	Addr        string // host:port
	Path        string
	Protocol    Protocol
	Deflate     bool // negotiates permessage-deflate without context takeover
	Connections int
	PID         int // the server's process, whose CPU time is read; 0: none
}

// together is how many connections are opened at the same time.
const together = 64

// Open makes connections and uses each once: its message was echoed, or its
// subscription confirmed, when Open returns. These are the deliveries of its
// result.
func (s *Session) Open(o Open) (Result, error) {
	if o.PID == 0 {
		return Result{}, s.open(o)
	}
	s.tally = tally{latencies: new(histogram)}
	m, err := s.mark(o.PID)
	if err != nil {
		return Result{}, err
	}
	if err := s.open(o); err != nil {
		return Result{}, err
	}
	r, err := s.since(m, o.PID)
	r.Deliveries = o.Connections
	return r, err
}

func (s *Session) open(o Open) error {
	hello, err := o.Protocol.hello()
	if err != nil {
		return err
	}
	s.protocol, s.mustPack = o.Protocol, o.Deflate
	first := masked(opText, hello)
	for made := 0; made < o.Connections; made += together {
		batch := make([]*conn, min(together, o.Connections-made))
		for i := range batch {
			if batch[i], err = s.dial(o.Addr); err != nil {
				return err
			}
			if err := batch[i].write([]byte(handshake(o))); err != nil {
				return err
			}
		}
		for _, c := range batch {
			if err := errors.Join(c.upgraded(o.Deflate), c.write(first)); err != nil {
				return fmt.Errorf("load: connection %d: %w", len(s.conns), err)
			}
		}
		for _, c := range batch {
			if err := s.welcome(c); err != nil {
				return fmt.Errorf("load: connection %d: %w", len(s.conns), err)
			}
			if err := s.watch(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// dial makes a blocking connection that waits for its peer no longer than stalled.
func (s *Session) dial(addr string) (*conn, error) {
	fd, err := loopback.Dial(addr, len(s.conns))
	if err != nil {
		return nil, err
	}
	c := &conn{fd: int32(fd)}
	s.conns = append(s.conns, c)
	for len(s.byFD) <= fd {
		s.byFD = append(s.byFD, nil)
	}
	s.byFD[fd] = c
	wait := unix.NsecToTimeval(stalled.Nanoseconds())
	return c, errors.Join(
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &wait),
	)
}

// watch begins to wait for the connection in the epoll.
func (s *Session) watch(c *conn) error {
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET, Fd: c.fd}
	if err := errors.Join(unix.SetNonblock(int(c.fd), true), unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, int(c.fd), &event)); err != nil {
		return fmt.Errorf("load: register a connection: %w", err)
	}
	return nil
}

// write writes all of b, which fits into an empty socket buffer.
func (c *conn) write(b []byte) error {
	n, err := unix.Write(int(c.fd), b)
	if err != nil {
		return fmt.Errorf("load: write: %w", err)
	}
	if n < len(b) {
		return errors.New("load: the server does not read")
	}
	return nil
}

func handshake(o Open) string {
	extensions := ""
	if o.Deflate {
		extensions = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"
	}
	return "GET " + o.Path + " HTTP/1.1\r\nHost: bench.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + extensions + "\r\n"
}

// accept answers the key of handshake, as RFC 6455 section 1.3 computes it.
const accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

// upgraded reads the answer to the handshake; what follows it stays in part.
func (c *conn) upgraded(deflate bool) error {
	var got []byte
	buf := make([]byte, 2048)
	for {
		n, err := unix.Read(int(c.fd), buf)
		if err != nil || n == 0 {
			return fmt.Errorf("load: handshake: closed or %w after %.200q", err, got)
		}
		got = append(got, buf[:n]...)
		head, after, whole := bytes.Cut(got, []byte("\r\n\r\n"))
		if !whole {
			continue
		}
		if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) || !bytes.Contains(head, []byte(accept)) {
			return fmt.Errorf("load: handshake: %.300q", head)
		}
		if deflate && !bytes.Contains(head, []byte("permessage-deflate")) {
			return errors.New("load: the server declines permessage-deflate")
		}
		c.part = bytes.Clone(after)
		return nil
	}
}

// welcome reads until hello was answered, and leaves what follows in part.
func (s *Session) welcome(c *conn) error {
	buf := make([]byte, 4096)
	done := false
	s.taken = func(_ *conn, payload []byte) error {
		ok, err := s.protocol.welcomed(payload)
		done = done || ok
		return err
	}
	defer func() { s.taken = nil }()
	for {
		if err := s.take(c, nil); err != nil || done {
			return err
		}
		n, err := unix.Read(int(c.fd), buf)
		if err != nil || n == 0 {
			return fmt.Errorf("load: first answer: closed or %w", err)
		}
		c.part = append(c.part, buf[:n]...)
	}
}

// round takes what has come within wait milliseconds.
func (s *Session) round(wait int) (int, error) {
	var events [512]unix.EpollEvent
	n, err := unix.EpollWait(s.epoll, events[:], wait)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return 0, fmt.Errorf("load: epoll_wait: %w", err)
	}
	for _, e := range events[:max(n, 0)] {
		c := s.byFD[e.Fd]
		if c == nil {
			continue
		}
		if err := s.receive(c, e.Events); err != nil {
			if !s.lossy || !errors.Is(err, errClosed) {
				return 0, err
			}
			s.closed++
			s.skip(c, s.sent.next)
			s.drop(c)
		}
	}
	return n, nil
}

// skip gives up what a connection did not get of the messages before a number.
func (s *Session) skip(c *conn, before int) {
	s.pending -= max(0, before-max(c.next, s.sent.counting))
}

var errClosed = errors.New("load: the server closed a connection")

// receive reads until the socket is drained. Only one event tells of the end
// that comes with the last bytes, so then it reads on.
func (s *Session) receive(c *conn, events uint32) error {
	ended := events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0
	for {
		n, err := unix.Read(int(c.fd), s.input)
		if errors.Is(err, unix.EAGAIN) {
			return nil
		}
		if err != nil || n == 0 {
			return fmt.Errorf("%w: %w", errClosed, err)
		}
		s.reads++
		if err := s.take(c, s.input[:n]); err != nil {
			return err
		}
		if n < len(s.input) && !ended {
			return nil
		}
	}
}

// onThread runs f where the kernel's scheduler sees one thread all the time.
func onThread(f func() (Result, error)) (Result, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return f()
}
