package ws_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/ws"
)

func TestMain(m *testing.M) { galetest.Main(m) }

// pipes is a listener in memory, for tests whose clock is synctest's.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (l *pipes) DialContext(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// server is a Handler being served, on TCP or on pipes.
type server struct {
	url  string
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
	h    *ws.Handler
	logs *strings.Builder // read after the connection is over
}

func quiet(logs *strings.Builder, next http.Handler) http.Handler {
	logger := slog.New(slog.NewTextHandler(logs, nil))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(obs.WithLogger(r.Context(), logger)))
	})
}

func serveTCP(t *testing.T, h *ws.Handler) *server {
	t.Helper()
	logs := &strings.Builder{}
	s := httptest.NewServer(quiet(logs, h))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := h.Drain(ctx); err != nil {
			t.Errorf("drain: %v", err)
		}
		s.Close()
	})
	return &server{url: s.URL, dial: new(net.Dialer).DialContext, h: h, logs: logs}
}

func servePipes(t *testing.T, h *ws.Handler) *server {
	t.Helper()
	l, logs := newPipes(), &strings.Builder{}
	s := &http.Server{Handler: quiet(logs, h), ReadHeaderTimeout: time.Minute}
	var serving sync.WaitGroup
	serving.Go(func() { s.Serve(l) })
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		h.Drain(ctx)
		s.Close()
		serving.Wait()
	})
	return &server{url: "http://gale.test", dial: l.DialContext, h: h, logs: logs}
}

func (s *server) client(t *testing.T, o ws.DialOptions) *ws.Conn {
	t.Helper()
	o.DialContext = s.dial
	c, err := ws.Dial(t.Context(), s.url, o)
	assert.NoError(t, err)
	t.Cleanup(func() {
		c.Close(ws.CodeNormal, "")
		<-c.Done()
	})
	return c
}

// raw is a client that writes bytes and reads frames, for all that a proper
// client would not do.
type raw struct {
	net.Conn
	br *bufio.Reader
}

const handshake = "GET / HTTP/1.1\r\nHost: gale.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

func (s *server) raw(t *testing.T) *raw {
	t.Helper()
	return s.rawWith(t, "")
}

// rawWith is raw with more lines in the header.
func (s *server) rawWith(t *testing.T, header string) *raw {
	t.Helper()
	nc, err := s.dial(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	assert.NoError(t, err)
	t.Cleanup(func() { nc.Close() })
	return shakeRaw(t, nc, "/", header)
}

func shakeRaw(t *testing.T, nc net.Conn, path, header string) *raw {
	t.Helper()
	r := &raw{Conn: nc, br: bufio.NewReader(nc)}
	_, err := io.WriteString(nc, strings.TrimSuffix(strings.Replace(handshake, " / ", " "+path+" ", 1), "\r\n")+header+"\r\n")
	assert.NoError(t, err)
	resp, err := http.ReadResponse(r.br, nil)
	assert.NoError(t, err)
	assert.Equal(t, resp.StatusCode, http.StatusSwitchingProtocols)
	assert.Equal(t, resp.Header.Get("Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
	return r
}

func (r *raw) write(t *testing.T, b []byte) {
	t.Helper()
	_, err := r.Write(b)
	assert.NoError(t, err)
}

// frame reads a frame of at most 125 bytes; op is 0 at the end of the input.
func (r *raw) frame(t *testing.T) (op byte, payload []byte) {
	t.Helper()
	var head [2]byte
	if _, err := io.ReadFull(r.br, head[:]); errors.Is(err, io.EOF) {
		return 0, nil
	} else if err != nil {
		t.Fatalf("read: %v", err)
	}
	payload = make([]byte, head[1])
	if _, err := io.ReadFull(r.br, payload); err != nil {
		t.Fatalf("read: %v", err)
	}
	return head[0] & 0x0f, payload
}

// frame16 is frame for frames below 64 KiB.
func (r *raw) frame16(t *testing.T) (op byte, payload []byte) {
	t.Helper()
	head, err := r.br.Peek(2)
	if err != nil || head[1] != 126 {
		return r.frame(t)
	}
	long := make([]byte, 4)
	_, err = io.ReadFull(r.br, long)
	assert.NoError(t, err)
	payload = make([]byte, int(long[2])<<8|int(long[3]))
	_, err = io.ReadFull(r.br, payload)
	assert.NoError(t, err)
	return long[0] & 0x0f, payload
}

// closeCode reads until the close frame and returns its code, 0 when the
// connection ended without one.
func (r *raw) closeCode(t *testing.T) int {
	t.Helper()
	for {
		switch op, payload := r.frame(t); op {
		case 0:
			return 0
		case 8:
			return int(payload[0])<<8 | int(payload[1])
		}
	}
}

// closed is a Handler.Close that tells the cause.
func closed() (chan error, func(*ws.Conn, error)) {
	causes := make(chan error, 16)
	return causes, func(_ *ws.Conn, cause error) { causes <- cause }
}

func echo(c *ws.Conn, m ws.Message) error { return c.Send(m) }

// next takes one message from a client without callbacks.
func next(t *testing.T, c *ws.Conn) ws.Message {
	t.Helper()
	for m, err := range c.Messages() {
		assert.NoError(t, err)
		return m
	}
	t.Fatal("connection ended")
	return ws.Message{}
}

// end reads a client to its end and returns the cause.
func end(c *ws.Conn) error {
	for _, err := range c.Messages() {
		if err != nil {
			return err
		}
	}
	return context.Cause(c.Context())
}

func closeError(t *testing.T, err error) ws.CloseError {
	t.Helper()
	e, ok := errors.AsType[*ws.CloseError](err)
	if !ok {
		t.Fatalf("%v is no CloseError", err)
	}
	return *e
}
