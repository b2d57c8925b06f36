package load

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// room is a server that echoes and broadcasts, as its behave wants.
type room struct {
	behave          behaviour
	mu              sync.Mutex
	conns           []*websocket.Conn
	server          *httptest.Server
	control         net.Listener
	running, served sync.WaitGroup
}

type behaviour struct {
	deflate bool
	// change returns what is sent in place of the nth broadcast to the nth watcher.
	change func(conn, n int, message []byte) [][]byte
}

func newRoom(t *testing.T, b behaviour) *room {
	t.Helper()
	r := &room{behave: b}
	up := websocket.Upgrader{EnableCompression: b.deflate}
	r.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		c, err := up.Upgrade(w, req, nil)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.conns = append(r.conns, c)
		r.mu.Unlock()
		r.running.Go(func() {
			defer c.Close()
			for {
				kind, m, err := c.ReadMessage()
				if err != nil || r.send(c, kind, m) != nil {
					return
				}
			}
		})
	}))
	var err error
	if r.control, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	r.served.Go(r.serveControl)
	t.Cleanup(func() {
		r.control.Close()
		r.server.Close()
		r.mu.Lock()
		for _, c := range r.conns {
			c.Close()
		}
		r.mu.Unlock()
		r.running.Wait()
		r.served.Wait()
	})
	return r
}

func (r *room) send(c *websocket.Conn, kind int, message []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return c.WriteMessage(kind, message)
}

func (r *room) serveControl() {
	for {
		c, err := r.control.Accept()
		if err != nil {
			return
		}
		in := bufio.NewReader(c)
		for n := 0; ; n++ {
			m := make([]byte, Size)
			if _, err := io.ReadFull(in, m); err != nil {
				break
			}
			r.mu.Lock()
			for i, c := range r.conns {
				all := [][]byte{m}
				if r.behave.change != nil {
					all = r.behave.change(i, n, m)
				}
				for _, m := range all {
					_ = c.WriteMessage(websocket.TextMessage, m)
				}
				if all == nil {
					c.Close()
				}
			}
			r.mu.Unlock()
		}
		c.Close()
	}
}

func (r *room) open(t *testing.T, n int, deflate bool) (*Session, error) {
	t.Helper()
	s, err := NewSession()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	got, err := s.Open(Open{Addr: r.server.Listener.Addr().String(), Path: "/", Protocol: Plain, Deflate: deflate, Connections: n, PID: os.Getpid()})
	if err == nil && (got.Deliveries != n || got.CPU <= 0) {
		t.Errorf("opened %d: %+v", n, got)
	}
	return s, err
}

func TestBroadcastCountsEveryDelivery(t *testing.T) {
	t.Parallel()
	for name, deflate := range map[string]bool{"plain": false, "deflate": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t, behaviour{deflate: deflate})
			s, err := r.open(t, 70, deflate)
			if err != nil {
				t.Fatal(err)
			}
			for _, window := range []int{1, 10} {
				got, err := s.Broadcast(Broadcast{Control: r.control.Addr().String(), PID: os.Getpid(), Window: window, WarmUp: time.Millisecond, Measured: 30 * time.Millisecond})
				if err != nil {
					t.Fatal(err)
				}
				if got.Deliveries == 0 || window == 1 && (got.Deliveries%70 != 0 || got.P50 <= 0) || got.Reads == 0 || got.P99 < got.P50 || got.Max < got.P99 || got.CPU <= 0 || got.Time < 30*time.Millisecond {
					t.Errorf("window %d: %+v", window, got)
				}
				if size := float64(got.Bytes) / float64(got.Deliveries); !deflate && window == 1 && size != Size+4 || deflate && size > Size {
					t.Errorf("window %d: %.1f bytes a delivery", window, size)
				}
			}
		})
	}
}

func TestBroadcastFailsOnAWrongDelivery(t *testing.T) {
	t.Parallel()
	// Each happens to one connection, once.
	once := func(then func(m []byte) [][]byte) func(int, int, []byte) [][]byte {
		return func(conn, n int, m []byte) [][]byte {
			if conn == 1 && n == 3 {
				return then(m)
			}
			return [][]byte{m}
		}
	}
	for name, change := range map[string]func([]byte) [][]byte{
		"twice":   func(m []byte) [][]byte { return [][]byte{m, m} },
		"lost":    func([]byte) [][]byte { return [][]byte{} },
		"other":   func(m []byte) [][]byte { return [][]byte{append(m[:Size-2:Size-2], "0}"...)} },
		"cut":     func(m []byte) [][]byte { return [][]byte{m[:Size-1]} },
		"unasked": func([]byte) [][]byte { return [][]byte{message(1234, 0)} },
		"closed":  func([]byte) [][]byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t, behaviour{change: once(change)})
			s, err := r.open(t, 3, false)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Broadcast(Broadcast{Control: r.control.Addr().String(), PID: os.Getpid(), Window: 2, Measured: time.Minute}); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestPacedTellsWhatIsLost(t *testing.T) {
	t.Parallel()
	r := newRoom(t, behaviour{change: func(conn, n int, m []byte) [][]byte {
		if conn == 0 && n%2 == 0 {
			return [][]byte{}
		}
		return [][]byte{m}
	}})
	s, err := r.open(t, 4, false)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Paced(Paced{Control: r.control.Addr().String(), PID: os.Getpid(), Rate: 500, WarmUp: 4 * time.Millisecond, Measured: 40 * time.Millisecond, Drain: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if got.Expected != 80 || got.Deliveries != 70 || got.Closed != 0 || got.P50 <= 0 {
		t.Errorf("got %+v", got)
	}
}

func TestPacedOutlivesClosedConnections(t *testing.T) {
	t.Parallel()
	r := newRoom(t, behaviour{change: func(conn, n int, m []byte) [][]byte {
		if conn == 0 && n >= 5 {
			return nil
		}
		return [][]byte{m}
	}})
	s, err := r.open(t, 2, false)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Paced(Paced{Control: r.control.Addr().String(), PID: os.Getpid(), Rate: 500, Measured: 40 * time.Millisecond, Drain: time.Minute})
	if err != nil || got.Closed != 1 || got.Deliveries != 25 || got.Expected != 40 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestEcho(t *testing.T) {
	t.Parallel()
	for _, size := range []int{64, 16 << 10} {
		s, err := newRoom(t, behaviour{}).open(t, 3, false)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Echo(Echo{PID: os.Getpid(), Size: size, Measured: 20 * time.Millisecond})
		if err != nil || got.Deliveries == 0 || got.P50 <= 0 || got.Bytes < got.Deliveries*size {
			t.Errorf("%d bytes: %+v, %v", size, got, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	if _, err := newRoom(t, behaviour{}).open(t, 1, true); err == nil {
		t.Error("a server without deflate is taken")
	}
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	s, err := NewSession()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	for _, o := range []Open{
		{Addr: plain.Listener.Addr().String(), Path: "/", Protocol: Plain, Connections: 1},
		{Addr: "127.0.0.1:1", Path: "/", Protocol: Plain, Connections: 1},
		{Protocol: "mqtt", Connections: 1},
	} {
		if _, err := s.Open(o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}

func TestLoadsWithoutSense(t *testing.T) {
	t.Parallel()
	s, err := NewSession()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	_, a := s.Broadcast(Broadcast{Window: 1})
	_, b := s.Paced(Paced{Rate: 1, Measured: time.Second})
	_, c := s.Echo(Echo{Size: 1})
	if a == nil || b == nil || c == nil {
		t.Errorf("without connections: %v, %v, %v", a, b, c)
	}
}
