package ws_test

import (
	"bytes"
	"net"
	"net/http"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/wsframe"
	"github.com/galeweb/gale/ws"
)

// echoedOnce returns the descriptor of a client that has sent a message and got
// it back: package net has memory of its own for a connection.
func echoedOnce(t *testing.T, addr *net.TCPAddr) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	assert.NoError(t, err)
	assert.NoError(t, unix.Connect(fd, &unix.SockaddrInet4{Port: addr.Port, Addr: [4]byte(addr.IP.To4())}))
	hello := wsframe.AppendFrame(nil, wsframe.Text, []byte("hello, wind"))
	_, err = unix.Write(fd, append([]byte(handshake), masked(wsframe.Text, "hello, wind")...))
	assert.NoError(t, err)
	b := make([]byte, 1024)
	for n := 0; !bytes.HasSuffix(b[:n], hello); {
		more, err := unix.Read(fd, b[n:])
		if err != nil || more == 0 {
			t.Fatalf("read: %d %v", more, err)
		}
		n += more
	}
	return fd
}

// TestIdleMemory: a connection on the loop that has echoed once costs the
// engine's share (engine.TestUpgradedMemory), its Conn, and a part of a table. It
// is not parallel, since it counts what the process holds.
func TestIdleMemory(t *testing.T) {
	const conns, most = 1000, 520
	var gone sync.WaitGroup
	h := &ws.Handler{Message: echo, Close: func(*ws.Conn, error) { gone.Done() }}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	s := &engine.Server{Handler: h, Mode: engine.Loop, MaxConns: -1, MaxQueueing: -1}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := s.Serve(l); err != http.ErrServerClosed {
			t.Errorf("serve: %v", err)
		}
	})
	defer serving.Wait()
	defer s.Close()
	fds := make([]int, conns)
	openAll := func() {
		gone.Add(conns)
		for i := range fds {
			fds[i] = echoedOnce(t, l.Addr().(*net.TCPAddr))
		}
	}
	closeAll := func() {
		for _, fd := range fds {
			assert.NoError(t, unix.Close(fd))
		}
		gone.Wait()
	}
	heap := func() uint64 {
		for range 3 { // pools take two to let go
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	openAll() // so that tables have grown, and goroutines are there
	closeAll()
	before, routines := heap(), runtime.NumGoroutine()
	openAll()
	each := (float64(heap()) - float64(before)) / conns
	t.Logf("%.0f bytes for each idle connection", each)
	assert.True(t, each <= most, "an idle connection holds more than it may")
	assert.True(t, runtime.NumGoroutine() <= routines+8, "idle connections have goroutines")
	closeAll()
}
