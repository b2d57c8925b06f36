//go:build linux

package loop

import (
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/galeweb/gale/internal/assert"
)

// pair adds one end of a pair of sockets to s, owned by the caller, and returns
// it with the other end.
func pair(t *testing.T, s *Set, c *Conn, src Source) (peer int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	assert.NoError(t, err)
	assert.NoError(t, s.Add(c, fds[0], src))
	return fds[1]
}

// A poke or a kick that comes just before the owner sleeps must not be lost, and
// both that may sleep see it.
func TestPokeBeforeSleep(t *testing.T) {
	t.Parallel()
	s := newSet(t, Options{Loops: 1})
	var c Conn
	peer := pair(t, s, &c, work(nil))
	defer func() { _ = unix.Close(peer) }()
	defer c.Close()
	late := time.Now().Add(20 * time.Second)
	assert.NoError(t, c.WaitOut(late)) // the first room
	for _, wake := range []func(){c.Poke, c.Kick} {
		wake()
		assert.NoError(t, c.WaitIn(late))
		assert.NoError(t, c.WaitOut(late))
		assert.ErrorIs(t, c.WaitIn(time.Now()), os.ErrDeadlineExceeded)
		assert.ErrorIs(t, c.WaitOut(time.Now()), os.ErrDeadlineExceeded)
	}
	assert.True(t, !c.Release(false), "the kick was not seen")
}

func TestSleepersAreWoken(t *testing.T) {
	t.Parallel()
	s := newSet(t, Options{Loops: 1})
	var c Conn
	peer := pair(t, s, &c, work(nil))
	defer c.Close()
	assert.NoError(t, c.WaitOut(time.Time{}))
	for _, wake := range []func(){
		c.Poke,
		c.Kick,
		func() { c.post(readable | writable) },
		func() { _ = unix.Close(peer) },
	} {
		woken := make(chan error)
		go func() { woken <- c.WaitIn(time.Time{}) }()
		go func() { woken <- c.WaitOut(time.Now().Add(20 * time.Second)) }()
		for c.state.Load()&(waitsIn|waitsOut) != waitsIn|waitsOut {
			runtime.Gosched()
		}
		wake()
		assert.NoError(t, <-woken)
		assert.NoError(t, <-woken)
	}
}
