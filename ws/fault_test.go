package ws_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/wsframe"
	"github.com/galeweb/gale/ws"
)

// fault is what a client does to a server; a neighbour on the same server must
// not notice.
type fault struct {
	name string
	// quick has little patience with the client; limit is ReadLimit.
	quick bool
	limit int
	do    func(t *testing.T, r *raw)
	// want is the close code that the server has sent, 0 when it could send none.
	want int
	// cause is that of the end; nil for a CloseError or a lost connection.
	cause error
	// push has the server send until the queue is full.
	push bool
}

func faults() []fault {
	flood := func(b []byte, times int) func(t *testing.T, r *raw) {
		return func(_ *testing.T, r *raw) {
			go func() { _, _ = io.Copy(io.Discard, r.br) }() // so that only the flood counts
			for range times {
				if _, err := r.Write(b); err != nil {
					return
				}
			}
		}
	}
	return []fault{
		{name: "reset", do: func(_ *testing.T, r *raw) {
			_ = r.Conn.(*net.TCPConn).SetLinger(0)
			r.Close()
		}},
		{name: "reset inside a message", do: func(t *testing.T, r *raw) {
			r.write(t, masked(wsframe.Text, "hello, wind")[:9])
			_ = r.Conn.(*net.TCPConn).SetLinger(0)
			r.Close()
		}},
		{name: "half closed", do: func(_ *testing.T, r *raw) { _ = r.Conn.(*net.TCPConn).CloseWrite() }},
		{name: "silent", quick: true, cause: ws.ErrPongTimeout, do: func(*testing.T, *raw) {}},
		{name: "never reads", quick: true, cause: ws.ErrWriteTimeout, push: true, do: func(_ *testing.T, r *raw) {
			_ = r.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		}},
		{name: "floods pings", do: flood(bytes.Repeat(masked(wsframe.Ping, letters(125)), 1000), 50)},
		{name: "floods pongs", do: flood(bytes.Repeat(masked(wsframe.Pong, letters(125)), 1000), 50)},
		{name: "floods empty messages", do: flood(bytes.Repeat(masked(wsframe.Binary, ""), 1000), 50)},
		{name: "floods fragments", want: 1008, do: func(t *testing.T, r *raw) {
			r.write(t, fragment(wsframe.Binary, ""))
			r.write(t, bytes.Repeat(fragment(wsframe.Continuation, ""), 20_000))
		}},
		{name: "sends a bomb", want: 1009, do: func(t *testing.T, r *raw) {
			block := deflated(strings.Repeat("\x00", 1<<16), 6) + "\x00\x00\xff\xff"
			r.write(t, packed(wsframe.Binary, strings.Repeat(block, 1024)+"\x00"))
		}},
		{name: "sends a message that is too long, byte by byte", limit: 100, want: 1009, do: func(t *testing.T, r *raw) {
			for _, b := range append(fragment(wsframe.Text, letters(90)), masked(wsframe.Continuation, letters(11))[:6]...) {
				r.write(t, []byte{b})
			}
		}},
		{name: "sends no UTF-8", want: 1007, do: func(t *testing.T, r *raw) { r.write(t, masked(wsframe.Text, "\xff")) }},
		{name: "breaches and goes on", want: 1002, do: func(t *testing.T, r *raw) {
			r.write(t, []byte{0xff})
			r.write(t, bytes.Repeat([]byte("more"), 1000))
		}},
	}
}

// TestAttackNeighbours: whatever one client does, the code is the right one, the
// connection ends, and another on the same server is served as before.
func TestAttackNeighbours(t *testing.T) {
	t.Parallel()
	for _, server := range []string{galetest.Loop, galetest.Pool, galetest.Slow, "std"} {
		for _, f := range faults() {
			t.Run(server+"/"+f.name, func(t *testing.T) {
				t.Parallel()
				f.run(t, server)
			})
		}
	}
}

func (f fault) run(t *testing.T, server string) {
	causes := make(chan error, 2)
	attacked := make(chan *ws.Conn, 1)
	attack := &ws.Handler{
		ReadLimit: f.limit, Compression: ws.Compression{Enabled: true}, Message: echo,
		Open:  func(c *ws.Conn, _ *http.Request) error { attacked <- c; return nil },
		Close: func(_ *ws.Conn, cause error) { causes <- cause },
	}
	if f.quick {
		attack.PingEvery, attack.PongTimeout, attack.WriteTimeout = 200*time.Millisecond, 300*time.Millisecond, 300*time.Millisecond
	}
	room := make(chan struct{}, 1)
	if f.push {
		attack.PingEvery = -1
		attack.Writable = func(*ws.Conn) {
			select {
			case room <- struct{}{}:
			default:
			}
		}
	}
	mux := http.NewServeMux()
	mux.Handle("/attack", attack)
	mux.Handle("/", &ws.Handler{Message: echo})
	url := serveOn(t, server, mux)
	neighbour := dialNeighbour(t, url)
	r := dialRaw(t, url, "/attack", "Sec-WebSocket-Extensions: permessage-deflate\r\n")
	c := <-attacked
	f.do(t, r)
	var pushing sync.WaitGroup
	if f.push {
		assert.ErrorIs(t, push(c), ws.ErrQueueFull)
		pushing.Go(func() { pushOn(c, room) })
	}
	ping(t, neighbour)
	switch {
	case f.want != 0:
		assert.Equal(t, r.closeCode(t), f.want)
		r.Close()
	case f.cause == nil:
		r.Close() // those who flood leave in the end
	}
	cause := <-causes
	pushing.Wait()
	if f.cause != nil {
		assert.ErrorIs(t, cause, f.cause)
	}
	ping(t, neighbour)
	assert.Equal(t, len(causes), 0)
}

// push sends to c until that fails.
func push(c *ws.Conn) (err error) {
	for chaos := noise(64 << 10); err == nil; { // which does not get shorter
		err = c.SendBinary(chaos)
		runtime.Gosched()
	}
	return err
}

// pushOn fills the queue of c, which was full, as often as there is room again,
// until c ends. That it was full once need not mean that the peer has stopped it:
// a writer that comes late finds room for all of it in the buffers of the system.
func pushOn(c *ws.Conn, room <-chan struct{}) {
	for {
		select {
		case <-room:
			_ = push(c)
		case <-c.Done():
			return
		}
	}
}

func dialNeighbour(t *testing.T, url string) *ws.Conn {
	t.Helper()
	c, err := ws.Dial(t.Context(), url, ws.DialOptions{})
	assert.NoError(t, err)
	t.Cleanup(func() {
		c.Close(1000, "")
		<-c.Done()
	})
	return c
}

// ping has the neighbour talk to the server.
func ping(t *testing.T, c *ws.Conn) {
	t.Helper()
	assert.NoError(t, c.SendText("still there?"))
	assert.Equal(t, string(next(t, c).Data), "still there?")
}

// dialRaw is a raw client of a server at url.
func dialRaw(t *testing.T, url, path, header string) *raw {
	t.Helper()
	nc, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	assert.NoError(t, err)
	t.Cleanup(func() { nc.Close() })
	return shakeRaw(t, nc, path, header)
}

// serveOn serves h on the server that is called name until the test ends.
func serveOn(t *testing.T, name string, h http.Handler) (url string) {
	t.Helper()
	if name == "std" {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s.URL
	}
	return galetest.Start(t, h, galetest.Options{Servers: []string{name}}).URL()
}
