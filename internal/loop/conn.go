//go:build linux

package loop

import (
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// Source is what owns the bytes of a connection.
type Source interface {
	// Serve does what there is to do and ends by giving the connection back
	// ([Conn.Release]), closing it, or arranging for another Serve. The caller
	// owns the connection.
	Serve(w *Worker)
	// HungUp says that the peer of a connection that is being served has gone or
	// sends nothing more. It must be quick and may run beside Serve.
	HungUp()
	// TakenOver says that the watch has taken the loop from Serve. It must be
	// quick, and runs beside Serve or even after it.
	TakenOver()
}

// Conn is a non-blocking socket in a loop. It is meant to be embedded in what
// its Source keeps for each connection, and must not be copied.
type Conn struct {
	src  Source
	loop *Loop

	// The wheel's list, guarded by its mutex.
	prev, next *Conn
	deadline   atomic.Int64 // on the set's clock; 0: none
	due        atomic.Int64 // when the wheel looks at the deadline again

	sleepers *sleepers

	mu    sync.Mutex // guards closing the descriptor against those who do not own it
	fd    int32
	gen   uint32
	state atomic.Uint32
}

// Add registers fd, which must be non-blocking, and whose news src will serve.
// The set owns fd from then on, also when Add fails. The caller owns the
// connection, and gives it up by [Conn.Release], [Worker.Again] or [Set.Serve].
func (s *Set) Add(c *Conn, fd int, src Source) error {
	l := s.loops[s.turn.Add(1)%uint32(len(s.loops))]
	return l.add(c, fd, src)
}

func (l *Loop) add(c *Conn, fd int, src Source) error {
	c.src, c.loop, c.fd, c.gen = src, l, int32(fd), l.set.gen.Add(1)
	// Owned from the start: whoever finds it in the table may kick it, and it
	// must not be served, and perhaps closed, before it is registered.
	c.state.Store(isOpen | busy)
	l.set.table.put(c)
	l.wheel.add(c, l.set.Now())
	ev := unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET&0xffffffff,
		Fd:     c.fd, Pad: int32(c.gen),
	}
	l.set.open.Add(1)
	if err := unix.EpollCtl(l.epfd, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		c.Close()
		return os.NewSyscallError("epoll_ctl", err)
	}
	return nil
}

// Read reads what is there. Only the owner may call it. syscall.EAGAIN says
// that there is nothing; n < len(p) that there is nothing more.
func (c *Conn) Read(p []byte) (int, syscall.Errno) { return read(int(c.fd), p) }

// Write writes what there is room for, at least a byte or an error. Only the
// owner, or who writes for it, may call it.
func (c *Conn) Write(p []byte) (int, syscall.Errno) {
	c.state.And(^writable) // news that comes from here on is of after this try
	return write(int(c.fd), p)
}

// SendFile is Write with up to n bytes from the current position of f.
func (c *Conn) SendFile(f syscall.RawConn, n int) (sent int, err error) {
	c.state.And(^writable)
	control := f.Control(func(fd uintptr) {
		for {
			sent, err = syscall.Sendfile(int(c.fd), int(fd), nil, n)
			if err != syscall.EINTR {
				return
			}
		}
	})
	if control != nil {
		return 0, control
	}
	return max(sent, 0), err
}

// Shutdown has the kernel end one or both directions (unix.SHUT_RD …). It may
// be called by any goroutine, and does nothing unless the connection is open.
func (c *Conn) Shutdown(how int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state.Load()&isOpen != 0 {
		_ = unix.Shutdown(int(c.fd), how)
	}
}

// Unread returns how many bytes have come that nobody has read. It may be called
// by any goroutine.
func (c *Conn) Unread() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state.Load()&isOpen == 0 {
		return 0
	}
	n, err := unix.IoctlGetInt(int(c.fd), unix.SIOCINQ)
	if err != nil {
		return 0
	}
	return n
}

// LocalAddr asks the kernel for the local address, and returns nil unless
// the connection is open. It may be called by any goroutine.
func (c *Conn) LocalAddr() net.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state.Load()&isOpen == 0 {
		return nil
	}
	sa, err := unix.Getsockname(int(c.fd))
	if err != nil {
		return nil
	}
	return Addr(sa)
}

// Unacked returns how many bytes were written that the peer has not acknowledged,
// or 0 where the kernel does not tell. Only the owner, or who writes for it, may
// call it.
func (c *Conn) Unacked() int {
	n, err := unix.IoctlGetInt(int(c.fd), unix.TIOCOUTQ)
	if err != nil {
		return 0
	}
	return n
}

// ID is the identity of the connection in its set, which is never used again
// soon.
func (c *Conn) ID() uint32 { return c.gen }

// Close closes the descriptor. Only the owner may call it; a second call does
// nothing.
func (c *Conn) Close() { c.leave(func(fd int) { _ = unix.Close(fd) }) }

// Detach takes the socket out of the loop and returns it as a connection of the
// runtime's own poller; the Conn is closed then. Only the owner may call it.
// After an error, such as that there are no descriptors left, nothing has changed.
func (c *Conn) Detach() (net.Conn, error) {
	if c.state.Load()&isOpen == 0 {
		return nil, net.ErrClosed
	}
	dup, err := unix.FcntlInt(uintptr(c.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	f := os.NewFile(uintptr(dup), "")
	defer func() { _ = f.Close() }()
	conn, err := net.FileConn(f) // which makes a copy once more
	if err != nil {
		return nil, err
	}
	c.leave(func(fd int) {
		// The socket lives on, and would stay registered without this.
		_ = unix.EpollCtl(c.loop.epfd, unix.EPOLL_CTL_DEL, fd, nil)
		_ = unix.Close(fd)
	})
	return conn, nil
}

func (c *Conn) leave(end func(fd int)) {
	c.loop.wheel.remove(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state.And(^isOpen)&isOpen == 0 {
		return
	}
	// Out of the table first: once closed, the number may come back at once.
	c.loop.set.table.remove(c)
	end(int(c.fd))
	c.loop.set.open.Add(-1)
}

// Loop returns the index of the loop that c belongs to.
func (c *Conn) Loop() int { return c.loop.index }

// Owned reports whether the connection is being served, for statistics.
func (c *Conn) Owned() bool { return c.state.Load()&busy != 0 }

// Source returns what serves the connection.
func (c *Conn) Source() Source { return c.src }
