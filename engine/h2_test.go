package engine_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/internal/assert"
)

// h2Client is a client that speaks HTTP/2 only, over one connection.
func h2Client(t *testing.T) *http.Client {
	t.Helper()
	var protocols http.Protocols
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	tr := &http.Transport{TLSClientConfig: insecure(), Protocols: &protocols}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// h2Servers runs test on HTTP/2 over TLS and without it.
func h2Servers(t *testing.T, test func(t *testing.T, mode engine.Mode, start func(*engine.Server) (url string))) {
	t.Helper()
	tlsModes(t, func(t *testing.T, mode engine.Mode) {
		t.Run("h2", func(t *testing.T) {
			t.Parallel()
			test(t, mode, func(srv *engine.Server) string {
				srv.Mode = mode
				return "https://" + serveTLS(t, srv)
			})
		})
		t.Run("h2c", func(t *testing.T) {
			t.Parallel()
			test(t, mode, func(srv *engine.Server) string {
				srv.Mode, srv.H2C, srv.ErrorLog = mode, true, quiet()
				l := listen(t)
				serve(t, srv, l)
				return "http://" + l.Addr().String()
			})
		})
	})
}

// do sends a request and returns the answer with its body.
func do(t *testing.T, client *http.Client, method, url string, body io.Reader) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	assert.NoError(t, err)
	resp, err := client.Do(req)
	assert.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	assert.NoError(t, err)
	return resp, string(text)
}

func TestH2ManyStreams(t *testing.T) {
	h2Servers(t, func(t *testing.T, _ engine.Mode, start func(*engine.Server) string) {
		var remotes sync.Map
		url := start(&engine.Server{MaxBodyBytes: -1, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			remotes.Store(r.RemoteAddr, true)
			_, _ = io.Copy(w, r.Body)
		})})
		client := h2Client(t)
		_, _ = do(t, client, http.MethodGet, url, nil) // so that all others find the connection
		var wg sync.WaitGroup
		for i := range 150 { // more than may run at once
			wg.Go(func() {
				want := bytes.Repeat([]byte{byte(i)}, 10_000*(i%10))
				resp, got := do(t, client, http.MethodPost, url, bytes.NewReader(want))
				assert.Equal(t, resp.ProtoMajor, 2)
				assert.Equal(t, sha256.Sum256([]byte(got)), sha256.Sum256(want))
			})
		}
		wg.Wait()
		n := 0
		remotes.Range(func(any, any) bool { n++; return true })
		assert.True(t, n <= 2, fmt.Sprint(n, " connections for one client"))
	})
}

func TestH2RequestIsComplete(t *testing.T) {
	h2Servers(t, func(t *testing.T, _ engine.Mode, start func(*engine.Server) string) {
		type key string
		var mu sync.Mutex
		conns := map[net.Conn][]http.ConnState{}
		requests := make(chan *http.Request, 1)
		srv := &engine.Server{
			BaseContext: func(l net.Listener) context.Context {
				return context.WithValue(context.Background(), key("base"), l.Addr().Network())
			},
			ConnContext: func(ctx context.Context, c net.Conn) context.Context {
				n, _ := ctx.Value(key("conns")).(int)
				return context.WithValue(ctx, key("conns"), n+1)
			},
			ConnState: func(c net.Conn, s http.ConnState) {
				mu.Lock()
				defer mu.Unlock()
				conns[c] = append(conns[c], s)
			},
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, err := io.Copy(io.Discard, r.Body)
				assert.NoError(t, err)
				w.Header().Set("Trailer", "After")
				w.Header().Set(http.TrailerPrefix+"Unannounced", "2")
				_, _ = io.WriteString(w, "body")
				w.Header().Set("After", r.Trailer.Get("Client"))
				requests <- r
			}),
		}
		url := start(srv)
		client := h2Client(t)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/a?b", io.MultiReader(strings.NewReader("body")))
		assert.NoError(t, err)
		req.Trailer = http.Header{"Client": {"1"}}
		resp, err := client.Do(req)
		assert.NoError(t, err)
		_, err = io.ReadAll(resp.Body)
		assert.NoError(t, err)
		assert.NoError(t, resp.Body.Close())
		assert.Equal(t, resp.Trailer, http.Header{"After": {"1"}, "Unannounced": {"2"}})

		r := <-requests
		assert.Equal(t, r.Proto, "HTTP/2.0")
		assert.Equal(t, r.URL.String(), "/a?b")
		assert.Equal(t, r.TLS != nil, strings.HasPrefix(url, "https"))
		if r.TLS != nil {
			assert.Equal(t, r.TLS.NegotiatedProtocol, "h2")
		}
		_, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
		assert.True(t, ok, "no server in the context")
		_, ok = r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
		assert.True(t, ok, "no local address in the context")
		_, err = net.ResolveTCPAddr("tcp", r.RemoteAddr)
		assert.NoError(t, err)
		assert.Equal(t, r.Context().Value(key("base")), any("tcp"))
		assert.Equal(t, r.Context().Value(key("conns")), any(1))

		client.CloseIdleConnections()
		until(t, "the hook hears of the end", func() bool {
			mu.Lock()
			defer mu.Unlock()
			assert.True(t, len(conns) <= 1, "one connection is several to the hook")
			for _, states := range conns {
				return slices.Contains(states, http.StateClosed)
			}
			return false
		})
		mu.Lock()
		defer mu.Unlock()
		for c, states := range conns {
			assert.Equal(t, states[0], http.StateNew)
			assert.True(t, !slices.Contains(states[1:], http.StateNew), "the hook was told twice")
			_, ok := c.(*tls.Conn)
			assert.Equal(t, ok, strings.HasPrefix(url, "https"))
		}
	})
}

func TestH2Limits(t *testing.T) {
	h2Servers(t, func(t *testing.T, mode engine.Mode, start func(*engine.Server) string) {
		url := start(&engine.Server{MaxBodyBytes: 1000, MaxHeaderBytes: 8 << 10, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(io.Discard, r.Body)
			if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
				w.WriteHeader(http.StatusRequestEntityTooLarge)
			}
		})})
		client := h2Client(t)
		for size, want := range map[int]int{1000: 200, 1001: 413} {
			resp, _ := do(t, client, http.MethodPost, url, bytes.NewReader(make([]byte, size)))
			assert.Equal(t, resp.StatusCode, want)
		}
		// The client learns the limit and says so itself.
		try := func(size int) error {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
			assert.NoError(t, err)
			req.Header.Set("X-Big", strings.Repeat("x", size))
			resp, err := client.Do(req)
			if err != nil {
				return err
			}
			if resp.StatusCode != 200 {
				err = errors.New(resp.Status)
			}
			return errors.Join(err, resp.Body.Close())
		}
		assert.True(t, try(8<<10) != nil, "a header over the limit was taken")
		if mode != engine.Std {
			assert.NoError(t, try(7<<10)) // in Std net/http's own reckoning leaves less
		}
	})
}

func TestH2BodyTimeout(t *testing.T) {
	h2Servers(t, func(t *testing.T, _ engine.Mode, start func(*engine.Server) string) {
		srv := &engine.Server{BodyTimeout: 50 * time.Millisecond, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
			assert.Equal(t, string(body), "half")
			w.WriteHeader(http.StatusRequestTimeout)
		})}
		r, w := io.Pipe()
		defer w.Close()
		go func() { _, _ = io.WriteString(w, "half") }()
		resp, _ := do(t, h2Client(t), http.MethodPost, start(srv), r)
		assert.Equal(t, resp.StatusCode, http.StatusRequestTimeout)
		assert.Equal(t, srv.Stats().Refused["body_timeout"], uint64(1))
	})
}

// A connection keeps its place until it is closed.
func TestH2IsCounted(t *testing.T) {
	h2Servers(t, func(t *testing.T, mode engine.Mode, start func(*engine.Server) string) {
		srv := &engine.Server{Handler: path, MaxConns: 1}
		url := start(srv)
		client := h2Client(t)
		_, got := do(t, client, http.MethodGet, url+"/1", nil)
		assert.Equal(t, got, "/1")
		other := h2Client(t)
		_, err := other.Get(url)
		assert.True(t, err != nil, "a second connection was taken")
		if mode != engine.Std {
			assert.Equal(t, srv.Stats().Hijacked, int64(1))
		}
		client.CloseIdleConnections()
		until(t, "its place is free", func() bool {
			resp, err := other.Get(url)
			if err == nil {
				_ = resp.Body.Close()
			}
			return err == nil
		})
		other.CloseIdleConnections()
		until(t, "it is counted out", func() bool { return srv.Stats().Hijacked == 0 })
	})
}

func TestH2Shutdown(t *testing.T) {
	h2Servers(t, func(t *testing.T, _ engine.Mode, start func(*engine.Server) string) {
		started, finish := make(chan struct{}), make(chan struct{})
		srv := &engine.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			close(started)
			<-finish
			_, _ = io.WriteString(w, "finished")
		})}
		url := start(srv)
		resp, err := h2Client(t).Get(url)
		assert.NoError(t, err)
		<-started
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		assert.ErrorIs(t, srv.Shutdown(ctx), context.DeadlineExceeded)
		_, err = h2Client(t).Get(url)
		assert.True(t, err != nil, "a connection was taken after the shutdown")
		close(finish)
		assert.NoError(t, srv.Shutdown(t.Context()))
		body, err := io.ReadAll(resp.Body)
		assert.NoError(t, err)
		assert.NoError(t, resp.Body.Close())
		assert.Equal(t, string(body), "finished")
	})
}

func TestH2Close(t *testing.T) {
	h2Servers(t, func(t *testing.T, _ engine.Mode, start func(*engine.Server) string) {
		ended := make(chan error, 1)
		srv := &engine.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			ended <- r.Context().Err()
		})}
		resp, err := h2Client(t).Get(start(srv))
		assert.NoError(t, err)
		assert.NoError(t, srv.Close())
		_, err = io.ReadAll(resp.Body)
		assert.True(t, err != nil, "the response ended as if it were whole")
		assert.NoError(t, resp.Body.Close())
		assert.ErrorIs(t, <-ended, context.Canceled)
	})
}

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// Without H2C, and within TLS that has agreed on HTTP/1.1, the preface is
// refused before any handler.
func TestH2PrefaceIsRefused(t *testing.T) {
	tlsModes(t, func(t *testing.T, mode engine.Mode) {
		unreached := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler was reached") })
		l := listen(t)
		serve(t, &engine.Server{Mode: mode, Handler: unreached, ErrorLog: quiet()}, l)
		plain := dialTCP(t, l.Addr().String())
		inTLS := dialTLS(t, serveTLS(t, &engine.Server{Mode: mode, Handler: unreached, H2C: true}), insecure())
		for _, c := range []net.Conn{plain, inTLS} {
			_, err := io.WriteString(c, preface)
			assert.NoError(t, err)
			line, err := bufio.NewReader(c).ReadString('\n')
			assert.NoError(t, err)
			assert.Contains(t, line, "HTTP/1.1 505 HTTP Version Not Supported")
		}
	})
}

// The preface may come in pieces, and HTTP/1.1 goes on beside it.
func TestH2CPrefaceInPieces(t *testing.T) {
	tlsModes(t, func(t *testing.T, mode engine.Mode) {
		l := listen(t)
		serve(t, &engine.Server{Mode: mode, Handler: path, H2C: true, ErrorLog: quiet()}, l)
		c := dialTCP(t, l.Addr().String())
		const settings = "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
		_, err := piecewise{c}.Write([]byte(preface + settings))
		assert.NoError(t, err)
		head := make([]byte, 9)
		_, err = io.ReadFull(c, head)
		assert.NoError(t, err)
		assert.Equal(t, head[3], byte(4)) // SETTINGS

		c = dialTCP(t, l.Addr().String())
		r := bufio.NewReader(c)
		assert.Equal(t, fetch(t, c, r, "/1"), "/1")
		// Not in the middle of a connection.
		_, err = io.WriteString(c, preface)
		assert.NoError(t, err)
		line, err := r.ReadString('\n')
		assert.NoError(t, err)
		assert.Contains(t, line, "HTTP/1.1 505 HTTP Version Not Supported")

		c = dialTCP(t, l.Addr().String())
		_, err = io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"+rawRequest)
		assert.NoError(t, err)
		got, _ := io.ReadAll(c)
		assert.True(t, !strings.Contains(string(got), "200 OK"), "a broken preface was taken: "+string(got))
	})
}
