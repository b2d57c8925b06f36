package ws_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/ws"
)

// wired counts what a connection reads and writes.
type wired struct {
	net.Conn
	in, out *atomic.Int64
}

func (w wired) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	w.in.Add(int64(n))
	return n, err
}

func (w wired) Write(b []byte) (int, error) {
	w.out.Add(int64(len(b)))
	return w.Conn.Write(b)
}

// reading is what a wind gauge sends: each message is like the one before.
func reading(i int) string {
	return fmt.Sprintf(`{"device":"anemometer on the northern mast","station":"Hiddensee","unit":"m/s","values":[%d,%d,%d],"quality":"good","note":%q}`,
		i%40, i*7%40, i*13%40, strings.Repeat("calibrated in spring; ", 5))
}

// TestDialCompressed: our client and our server, with every memory that they may
// have agreed on.
func TestDialCompressed(t *testing.T) {
	t.Parallel()
	sizes := map[string]int64{}
	for _, c := range []struct {
		name           string
		server, client ws.Compression
		shorter        bool
	}{
		{"off", ws.Compression{}, ws.Compression{}, false},
		{"client only", ws.Compression{}, ws.Compression{Enabled: true}, false},
		{"server only", ws.Compression{Enabled: true}, ws.Compression{}, false},
		{"both", ws.Compression{Enabled: true}, ws.Compression{Enabled: true}, true},
		{"with dictionaries", ws.Compression{Enabled: true, Dictionary: 4096}, ws.Compression{Enabled: true, Dictionary: 100_000}, true},
		{"dictionary of the server, client without", ws.Compression{Enabled: true, Dictionary: 4096}, ws.Compression{Enabled: true}, true},
		{"dictionary of the client, server without", ws.Compression{Enabled: true}, ws.Compression{Enabled: true, Dictionary: 4096}, true},
	} {
		var in, out atomic.Int64
		s := serveTCP(t, &ws.Handler{Message: echo, Compression: c.server})
		dial := s.dial
		s.dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			nc, err := dial(ctx, network, addr)
			return wired{nc, &in, &out}, err
		}
		conn := s.client(t, ws.DialOptions{Handler: &ws.Handler{Compression: c.client}})
		in.Store(0)
		out.Store(0)
		total := int64(0)
		for i := range 100 {
			m := reading(i)
			total += int64(len(m))
			assert.NoError(t, conn.SendText(m))
			assert.Equal(t, string(next(t, conn).Data), m)
		}
		assert.Equal(t, in.Load() < total*9/10, c.shorter)
		assert.Equal(t, out.Load() < total*9/10, c.shorter)
		sizes[c.name] = in.Load()
	}
	assert.True(t, sizes["with dictionaries"] < sizes["both"]/2, "a dictionary does not help")
}

// TestDialAnswers: an answer to our offer that we did not ask for fails.
func TestDialAnswers(t *testing.T) {
	t.Parallel()
	for answer, ok := range map[string]bool{
		"": true,
		"permessage-deflate; client_no_context_takeover; server_no_context_takeover": true,
		"permessage-deflate":                                                         true,
		"permessage-deflate; server_max_window_bits=10":                              true,
		"permessage-deflate; client_max_window_bits=15":                              false,
		"permessage-deflate; client_max_window_bits":                                 false,
		"permessage-deflate; server_max_window_bits=7":                               false,
		"permessage-deflate; server_max_window_bits":                                 false,
		"permessage-deflate; foo":                                                    false,
		"permessage-deflate, permessage-deflate":                                     false,
		"permessage-deflate; server_no_context_takeover; server_no_context_takeover": false,
		"foo":                   false,
		"permessage-deflate; =": false,
	} {
		plain := &ws.Handler{Message: echo}
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			// What our server would answer is replaced.
			plain.ServeHTTP(answering{w, answer}, r)
		}))
		c, err := ws.Dial(t.Context(), s.URL, ws.DialOptions{Handler: &ws.Handler{Compression: ws.Compression{Enabled: true}}})
		if ok {
			assert.NoError(t, err)
			c.Close(1000, "")
			<-c.Done()
		} else {
			assert.Contains(t, fmt.Sprint(err), "extension that was not offered")
		}
		assert.NoError(t, plain.Drain(t.Context()))
		s.Close()
	}
	plain := &ws.Handler{Message: echo}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		plain.ServeHTTP(answering{w, "permessage-deflate"}, r)
	}))
	defer s.Close()
	_, err := ws.Dial(t.Context(), s.URL, ws.DialOptions{})
	assert.Contains(t, fmt.Sprint(err), "extension that was not offered")
	assert.NoError(t, plain.Drain(t.Context()))
}

type answering struct {
	http.ResponseWriter
	extensions string
}

func (a answering) WriteHeader(status int) {
	if a.extensions != "" {
		a.Header().Set("Sec-WebSocket-Extensions", a.extensions)
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a answering) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// TestPreparedCompressed: one message goes to connections of every kind.
func TestPreparedCompressed(t *testing.T) {
	t.Parallel()
	prepare := func(s string) *ws.Prepared {
		p, err := ws.Prepare(ws.Message{Data: []byte(s)})
		assert.NoError(t, err)
		return p
	}
	var texts []string
	var all []*ws.Prepared
	for i := range 20 {
		texts = append(texts, reading(i), "short")
	}
	texts = append(texts, letters(70_000))
	for _, s := range texts {
		all = append(all, prepare(s))
	}
	for _, o := range []ws.Compression{{}, {Enabled: true}, {Enabled: true, Dictionary: 8192}, {Enabled: true, MinSize: 1, Dictionary: 100}} {
		for _, mine := range []ws.Compression{{}, {Enabled: true}, {Enabled: true, Dictionary: 1000}} {
			s := serveTCP(t, &ws.Handler{Compression: o, Message: func(c *ws.Conn, _ ws.Message) error {
				for i, p := range all {
					if err := c.SendPrepared(p); err != nil {
						return err
					}
					if i%2 == 0 { // what is not prepared may refer to what was
						if err := c.SendText(texts[i]); err != nil {
							return err
						}
					}
				}
				return nil
			}})
			c := s.client(t, ws.DialOptions{Handler: &ws.Handler{Compression: mine}})
			assert.NoError(t, c.SendPrepared(all[0])) // a client's own
			for i, want := range texts {
				assert.True(t, string(next(t, c).Data) == want, "a prepared message differs")
				if i%2 == 0 {
					assert.True(t, string(next(t, c).Data) == want, "a message differs")
				}
			}
		}
	}
}

// TestInteropCompressed has coder/websocket and us talk compressed, in each of
// its modes, as client and as server.
func TestInteropCompressed(t *testing.T) {
	t.Parallel()
	for _, mode := range []websocket.CompressionMode{websocket.CompressionContextTakeover, websocket.CompressionNoContextTakeover} {
		for _, dictionary := range []int{0, 2000} {
			t.Run(fmt.Sprint(mode, " ", dictionary), func(t *testing.T) {
				t.Parallel()
				o := ws.Compression{Enabled: true, MinSize: 1, Dictionary: dictionary}
				interopClient(t, mode, o)
				interopServer(t, mode, o)
			})
		}
	}
}

func interopClient(t *testing.T, mode websocket.CompressionMode, o ws.Compression) {
	t.Helper()
	s := serveTCP(t, &ws.Handler{Message: echo, Compression: o})
	c, resp, err := websocket.Dial(t.Context(), s.url, &websocket.DialOptions{CompressionMode: mode, CompressionThreshold: 1})
	assert.NoError(t, err)
	defer c.CloseNow()
	assert.Contains(t, resp.Header.Get("Sec-WebSocket-Extensions"), "permessage-deflate")
	c.SetReadLimit(1 << 20)
	for i, n := range sizes {
		for _, want := range [][]byte{noise(n), []byte(letters(n)), []byte(reading(i)), []byte(reading(i + 1))} {
			assert.NoError(t, c.Write(t.Context(), websocket.MessageBinary, want))
			_, got, err := c.Read(t.Context())
			assert.NoError(t, err)
			assert.True(t, bytes.Equal(got, want), "echo differs")
		}
	}
	c.CloseRead(t.Context())
	assert.NoError(t, c.Close(websocket.StatusNormalClosure, ""))
}

func interopServer(t *testing.T, mode websocket.CompressionMode, o ws.Compression) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: mode, CompressionThreshold: 1})
		if err != nil {
			t.Error(err)
			return
		}
		c.SetReadLimit(1 << 20)
		for {
			kind, data, err := c.Read(context.Background())
			if err != nil {
				return
			}
			if err := c.Write(context.Background(), kind, data); err != nil {
				return
			}
		}
	}))
	defer s.Close()
	c, err := ws.Dial(t.Context(), s.URL, ws.DialOptions{Handler: &ws.Handler{Compression: o}})
	assert.NoError(t, err)
	for i, n := range sizes {
		for _, want := range [][]byte{noise(n), []byte(letters(n)), []byte(reading(i)), []byte(reading(i + 1))} {
			assert.NoError(t, c.SendBinary(want))
			assert.True(t, bytes.Equal(next(t, c).Data, want), "echo differs")
		}
	}
	c.Close(1000, "")
	<-c.Done()
}

// TestCompressedOrder: with a dictionary, messages must be compressed in the
// order in which they go out, whoever sends them.
func TestCompressedOrder(t *testing.T) {
	t.Parallel()
	const senders, each = 8, 50
	o := ws.Compression{Enabled: true, MinSize: 1, Dictionary: 4096}
	conns := make(chan *ws.Conn, 1)
	s := serveTCP(t, &ws.Handler{
		Message: echo, Compression: o, QueueMessages: senders * each,
		Open: func(c *ws.Conn, _ *http.Request) error { conns <- c; return nil },
	})
	c := s.client(t, ws.DialOptions{Handler: &ws.Handler{Compression: o}})
	server := <-conns
	for i := range senders {
		go func() {
			for j := range each {
				if err := server.SendText(reading(i*1000 + j)); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	for range senders * each {
		assert.Contains(t, string(next(t, c).Data), "anemometer")
	}
}

// FuzzNegotiate sends any offer: the answer must be one that a client of ours
// understands, and the handshake never fails but for grammar.
func FuzzNegotiate(f *testing.F) {
	for _, c := range negotiationCases() {
		f.Add(strings.Join(c.offer, ","))
	}
	f.Fuzz(func(t *testing.T, offer string) {
		h := &ws.Handler{Compression: ws.Compression{Enabled: true}}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header = handshakeHeader()
		r.Header.Set("Sec-WebSocket-Extensions", offer)
		near, far := net.Pipe()
		w := &hijackable{ResponseRecorder: httptest.NewRecorder(), conn: far}
		h.ServeHTTP(w, r)
		defer func() {
			near.Close()
			_ = h.Drain(t.Context())
		}()
		switch w.Code {
		case http.StatusBadRequest:
			far.Close()
			return
		case http.StatusSwitchingProtocols:
		default:
			t.Fatalf("status %d", w.Code)
		}
		answer := w.Header().Get("Sec-WebSocket-Extensions")
		rest, found := strings.CutPrefix(answer, usualAnswer)
		if answer != "" && (!found || !strings.Contains(offer, "permessage-deflate") || rest != "" && !strings.HasPrefix(rest, "; server_max_window_bits=")) {
			t.Fatalf("%q is answered %q", offer, answer)
		}
	})
}

// hijackable is a recorder that can be upgraded.
type hijackable struct {
	*httptest.ResponseRecorder
	conn net.Conn
}

func (h *hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, bufio.NewReadWriter(bufio.NewReader(h.conn), bufio.NewWriter(h.conn)), nil
}
