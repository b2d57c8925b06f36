//go:build linux

package loop

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// acceptsATurn keeps a storm of connections from starving those that are there.
	acceptsATurn = 64
	// acceptPause is how long nothing is accepted when the process has no
	// descriptor or memory left.
	acceptPause = 500 * time.Millisecond
	// keepAlive is in seconds, as package net sets it.
	keepAlive = 15
	// mostUnsent is how many bytes may wait in the kernel that it has not sent. It
	// tells of room as soon as half of them are gone; without it, only when a third
	// of a buffer of megabytes is free, and a peer that reads steadily but slowly
	// looks like one that does not read.
	mostUnsent = 16 << 10
)

// Listener accepts connections in a set.
type Listener struct {
	conn     Conn
	set      *Set
	accepted func(w *Worker, fd int, peer unix.Sockaddr)
	failed   func(error)
	pausing  int64 // until when, on the set's clock; the owner's
	closing  atomic.Bool
	end      chan struct{}
	endOnce  sync.Once
}

// Listen accepts connections from l's socket, of which it makes its own copy,
// until the Listener is closed. accepted gets each non-blocking descriptor and
// owns it; it runs on a loop. failed is told when accepting has to pause, with
// the reason.
func (s *Set) Listen(l syscall.Conn, accepted func(w *Worker, fd int, peer unix.Sockaddr), failed func(error)) (*Listener, error) {
	raw, err := l.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	control := raw.Control(func(orig uintptr) {
		fd, err = unix.FcntlInt(orig, unix.F_DUPFD_CLOEXEC, 0)
	})
	if control != nil || err != nil {
		return nil, net.ErrClosed
	}
	// Accepted sockets inherit what is set here, which saves two calls for each.
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, keepAlive)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, keepAlive)
	a := &Listener{set: s, accepted: accepted, failed: failed, end: make(chan struct{})}
	if err := s.Add(&a.conn, fd, a); err != nil {
		return nil, err
	}
	if !a.conn.Release(false) {
		s.Serve(a)
	}
	return a, nil
}

// Close ends accepting and returns when no accepted call runs any more.
func (a *Listener) Close() {
	if !a.closing.Swap(true) {
		a.conn.Kick()
	}
	<-a.end
}

// HungUp implements [Source].
func (a *Listener) HungUp() {}

// TakenOver implements [Source].
func (a *Listener) TakenOver() {}

// Serve implements [Source].
func (a *Listener) Serve(w *Worker) {
	ended := false
	defer func() {
		if !ended { // by runtime.Goexit in accepted
			a.set.Serve(a)
		}
	}()
	a.serve(w)
	ended = true
}

func (a *Listener) serve(w *Worker) {
	for range acceptsATurn {
		if a.closing.Load() {
			a.endOnce.Do(func() { a.conn.Close(); close(a.end) })
			return
		}
		if a.pausing > a.set.Now() {
			// Each new connection is news; the end of the pause finds them all.
			if a.conn.Release(false) {
				return
			}
			continue
		}
		fd, peer, err := unix.Accept4(int(a.conn.fd), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch err {
		case nil:
			if fd >= maxFDs {
				_ = unix.Close(fd)
				continue
			}
			// Not inherited from a listener of MPTCP, as package net makes them.
			if _, local := peer.(*unix.SockaddrUnix); !local {
				_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, mostUnsent)
			}
			a.accepted(w, fd, peer)
			w.Step()
		case unix.EAGAIN:
			if a.conn.Release(false) {
				return
			}
		case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM, unix.EINVAL:
			a.pause(err) // EINVAL: somebody has shut the listening socket down
			return
		default:
			// The connection is gone already; the next may be well.
		}
	}
	w.Again(a)
}

func (a *Listener) pause(err error) {
	a.failed(err)
	a.pausing = a.set.Now() + int64(acceptPause)
	time.AfterFunc(acceptPause, a.conn.Kick)
	for !a.conn.Release(false) { // the kick will look for what came meanwhile
	}
}

// Addr turns a socket address into that of package net; it returns nil for a
// family it does not know.
func Addr(sa unix.Sockaddr) net.Addr {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port)))
	case *unix.SockaddrInet6:
		ip := netip.AddrFrom16(sa.Addr)
		if sa.ZoneId != 0 {
			if ifi, err := net.InterfaceByIndex(int(sa.ZoneId)); err == nil {
				ip = ip.WithZone(ifi.Name)
			}
		}
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip.Unmap(), uint16(sa.Port)))
	case *unix.SockaddrUnix:
		return &net.UnixAddr{Name: sa.Name, Net: "unix"}
	}
	return nil
}
