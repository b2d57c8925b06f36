//go:build linux

package loop

import (
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// batch is how many events one poll takes.
const batch = 128

// Loop is one epoll instance and what its leader knows. All fields without a
// comment of their own belong to the leader; leadership changes hands by word.
type Loop struct {
	set   *Set
	index int
	epfd  int
	file  *os.File // the epoll instance, with which a leader waits in the runtime's poller
	raw   syscall.RawConn
	wheel wheel
	probe probe
	kicks kicks

	// word is sequence<<1 | working. The leader counts it up when it begins and
	// ends a piece of work; who changes it instead of the leader leads from
	// there on.
	word   atomic.Uint64
	parked atomic.Bool // the leader waits for events

	events  [batch]unix.EpollEvent
	next, n int
	poll    func(fd uintptr) bool

	now   Source   // what is served
	again []Source // those that have had their share of this turn
	due   []Source // those that had theirs of the last, in reverse
	began time.Time
}

func newLoop(s *Set, index int) (*Loop, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	// Without this the runtime would not poll the instance, but block a thread.
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	l := &Loop{set: s, index: index, epfd: fd, file: os.NewFile(uintptr(fd), "epoll")}
	l.wheel.last = s.Now() / int64(tick)
	l.kicks.set = s
	if err := l.probe.open(fd); err != nil {
		_ = l.file.Close()
		return nil, err
	}
	l.raw, err = l.file.SyscallConn()
	if err != nil {
		l.probe.close()
		_ = l.file.Close()
		return nil, err
	}
	l.poll = func(fd uintptr) bool {
		n, e := pollNow(int(fd), l.events[:])
		if e != 0 {
			return true
		}
		l.next, l.n = 0, n
		return n > 0 || len(l.due) > 0 || s.stopped.Load()
	}
	return l, nil
}

// lead serves the loop for as long as w leads it.
func (l *Loop) lead(w *Worker) {
	for w.loop == l {
		switch {
		case l.next < l.n:
			ev := &l.events[l.next]
			l.next++
			l.dispatch(w, ev)
		case len(l.due) > 0:
			last := len(l.due) - 1
			src := l.due[last]
			l.due[last] = nil
			l.due = l.due[:last]
			w.work(src)
		default:
			if !l.wait(w) {
				return
			}
		}
	}
}

// wait ends a turn and returns when there is work for the next.
func (l *Loop) wait(w *Worker) bool {
	s := l.set
	if s.o.OnTurn != nil && !l.began.IsZero() {
		s.o.OnTurn(time.Since(l.began))
		l.began = time.Time{}
	}
	if s.pool.away.Load() > 0 {
		// Handlers on other goroutines may wait for this P; a leader that is kept
		// busy would let go of it only when preempted, after 10 ms.
		runtime.Gosched()
	}
	l.due, l.again = l.again, l.due
	slices.Reverse(l.due)
	l.parked.Store(true)
	err := l.raw.Read(l.poll)
	l.parked.Store(false)
	if s.stopped.Load() || err != nil {
		w.loop = nil
		return false
	}
	s.watch.wake()
	if s.o.OnTurn != nil {
		l.began = time.Now()
	}
	return true
}

func (l *Loop) dispatch(w *Worker, ev *unix.EpollEvent) {
	if int(ev.Fd) == l.probe.fd {
		l.found()
		return
	}
	c := l.set.table.get(ev.Fd, uint32(ev.Pad))
	if c == nil {
		return
	}
	var news uint32
	if ev.Events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		news |= readable
	}
	if ev.Events&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		news |= writable
	}
	if ev.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		news |= hungUp
	}
	if ev.Events&unix.EPOLLERR != 0 {
		news |= broken
	}
	if c.post(news) {
		w.work(c.src)
	}
}

// wake has a waiting leader look around.
func (l *Loop) wake() { _ = l.file.SetReadDeadline(time.Unix(1, 0)) }
