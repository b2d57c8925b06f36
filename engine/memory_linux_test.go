package engine

import (
	"bytes"
	"net"
	"net/http"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/upgrade"
)

// mute is a protocol that costs nothing.
type mute struct{}

func (mute) Receive([]byte)             {}
func (mute) Output(dst []byte) []byte   { return dst }
func (mute) Due(now int64) (next int64) { return now + 3600e9 }
func (mute) Ending() upgrade.Ending     { return upgrade.Open }
func (mute) Ended(error)                {}

// raw returns the descriptor of a client whose connection is upgraded: package
// net has memory of its own for a connection.
func raw(t *testing.T, addr *net.TCPAddr) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	assert.NoError(t, err)
	assert.NoError(t, unix.Connect(fd, &unix.SockaddrInet4{Port: addr.Port, Addr: [4]byte(addr.IP.To4())}))
	_, err = unix.Write(fd, []byte("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"))
	assert.NoError(t, err)
	b := make([]byte, 512)
	for n := 0; !bytes.HasSuffix(b[:n], []byte("\r\n\r\n")); {
		more, err := unix.Read(fd, b[n:])
		if err != nil || more == 0 {
			t.Fatalf("read: %d %v", more, err)
		}
		n += more
	}
	return fd
}

func openFiles(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	assert.NoError(t, err)
	return len(all)
}

// An upgraded connection that is idle costs the engine its struct of 240 bytes,
// the text of its address, and a place in a table; no goroutine, and nothing when
// it is gone.
func TestUpgradedMemory(t *testing.T) {
	t.Parallel()
	if !child(t) {
		return
	}
	const conns, most = 2000, 300
	s := &Server{MaxConns: -1, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusSwitchingProtocols)
		if _, err := w.(upgrade.Upgrader).Upgrade(mute{}); err != nil {
			t.Error(err)
		}
	})}
	addr, err := net.ResolveTCPAddr("tcp", startNative(t, s))
	assert.NoError(t, err)
	measure := func() (heap uint64) {
		idle := func() (idle bool) {
			idle = true
			s.native.Load().each(func(c *conn) { idle = idle && c.isUpgraded() && !c.Owned() })
			return idle
		}
		eventually(t, "all are idle", idle)
		var m runtime.MemStats
		for range 3 { // pools take two to let go
			runtime.GC()
		}
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	fds := make([]int, conns)
	openAll := func() {
		for i := range fds {
			fds[i] = raw(t, addr)
		}
		eventually(t, "all are upgraded", func() bool { return s.Stats().Hijacked == conns })
	}
	closeAll := func() {
		for _, fd := range fds {
			assert.NoError(t, unix.Close(fd))
		}
		eventually(t, "all are gone", func() bool { return s.Stats().Hijacked == 0 && s.native.Load().set.Open() == 1 })
	}
	openAll() // so that tables have grown, and goroutines are there
	closeAll()
	before, routines, files := measure(), runtime.NumGoroutine(), openFiles(t)
	openAll()
	each := float64(measure()-before) / conns
	t.Logf("%.1f bytes for each idle upgraded connection", each)
	if more := runtime.NumGoroutine() - routines; more > 8 {
		t.Errorf("%d goroutines for %d idle connections", more, conns)
	}
	if each > most {
		t.Errorf("%.0f bytes for each connection, at most %d", each, most)
	}
	closeAll()
	if left := int64(measure()) - int64(before); left > conns*most/4 {
		t.Errorf("%d bytes are kept after the end", left)
	}
	assert.Equal(t, openFiles(t), files)
}
