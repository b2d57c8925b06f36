//go:build linux

package loop

import (
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// probe finds out how long news waits until a loop comes to it: it makes news of
// its own. The kernel hands news out in the order in which it came.
type probe struct {
	fd   int          // an eventfd that is in the epoll instance
	sent atomic.Int64 // when there was news that was not found yet, on the set's clock; 0: all was
	word uint64       // of the loop when it was last looked at
}

func (p *probe) open(epfd int) error {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	p.fd = fd
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET&0xffffffff, Fd: int32(fd)}
	if err := unix.EpollCtl(epfd, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		p.close()
		return os.NewSyscallError("epoll_ctl", err)
	}
	return nil
}

func (p *probe) close() { _ = unix.Close(p.fd) }

// look is called every tick. It makes news, or says how long the last has been
// waiting. A loop that had nothing to do is left asleep.
func (l *Loop) look(now int64) {
	p, told := &l.probe, l.set.o.OnWait
	if told == nil {
		return
	}
	word := l.word.Load()
	idle := word == p.word && l.parked.Load()
	p.word = word
	switch sent := p.sent.Load(); {
	case sent != 0:
		told(time.Duration(now - sent))
	case idle:
		told(0)
	default:
		p.sent.Store(now)
		// It counts up to 2⁶⁴; nobody reads it.
		_, _ = unix.Write(p.fd, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
}

// found is called when the loop has come to the news.
func (l *Loop) found() {
	if sent := l.probe.sent.Swap(0); sent != 0 {
		l.set.o.OnWait(time.Duration(l.set.Now() - sent))
	}
}
