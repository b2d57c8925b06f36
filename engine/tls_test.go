package engine_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/internal/assert"
)

// tlsModes runs test in each mode in which TLS takes a way of its own.
func tlsModes(t *testing.T, test func(t *testing.T, mode engine.Mode)) {
	t.Helper()
	t.Parallel()
	for _, mode := range []engine.Mode{engine.Loop, engine.Pool, engine.AlwaysSlow, engine.Std} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			test(t, mode)
		})
	}
}

// nativeModes is tlsModes for what net/http's own server does otherwise.
func nativeModes(t *testing.T, test func(t *testing.T, mode engine.Mode)) {
	t.Helper()
	tlsModes(t, func(t *testing.T, mode engine.Mode) {
		if mode == engine.Std {
			t.Skip("net/http's own")
		}
		test(t, mode)
	})
}

// certificate makes one for localhost that signs itself.
func certificate(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	assert.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	assert.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	assert.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// serveTLS runs srv, with a certificate unless it has one, until the test ends,
// and returns its address.
func serveTLS(t *testing.T, srv *engine.Server) string {
	t.Helper()
	if srv.TLSConfig == nil {
		srv.TLSConfig = &tls.Config{}
	}
	if srv.TLSConfig.Certificates == nil && srv.TLSConfig.GetCertificate == nil {
		srv.TLSConfig.Certificates = []tls.Certificate{certificate(t, "localhost")}
	}
	if srv.ErrorLog == nil {
		srv.ErrorLog = quiet()
	}
	l := listen(t)
	done := make(chan error, 1)
	go func() { done <- srv.ServeTLS(l, "", "") }()
	t.Cleanup(func() {
		assert.NoError(t, srv.Close())
		assert.ErrorIs(t, <-done, http.ErrServerClosed)
	})
	return l.Addr().String()
}

// insecure is a client's configuration that trusts everyone.
func insecure() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"}
}

func dialTLS(t *testing.T, addr string, config *tls.Config) *tls.Conn {
	t.Helper()
	c, err := tls.Dial("tcp", addr, config)
	assert.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// fetch sends a request for path and returns the answer's body.
func fetch(t *testing.T, c io.Writer, r *bufio.Reader, path string) string {
	t.Helper()
	_, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
	assert.NoError(t, err)
	return answer(t, r)
}

func answer(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	resp, err := http.ReadResponse(r, nil)
	assert.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	assert.NoError(t, err)
	assert.NoError(t, resp.Body.Close())
	return string(body)
}

// path answers with the path of the request.
var path = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) })

// until waits for what has no event of its own.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for !ok() {
		select {
		case <-t.Context().Done():
			t.Fatal("waited in vain: " + what)
		case <-time.After(time.Millisecond):
		}
	}
}

func TestTLSRequest(t *testing.T) {
	tlsModes(t, func(t *testing.T, mode engine.Mode) {
		states := make(chan *tls.ConnectionState, 2)
		addr := serveTLS(t, &engine.Server{Mode: mode, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			states <- r.TLS
		})})
		config := insecure()
		config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		for i := range 2 {
			c := dialTLS(t, addr, config)
			_ = fetch(t, c, bufio.NewReader(c), "/")
			got, ours := <-states, c.ConnectionState()
			assert.True(t, got.HandshakeComplete, "the handshake is not complete")
			assert.Equal(t, got.Version, uint16(tls.VersionTLS13))
			assert.Equal(t, got.CipherSuite, ours.CipherSuite)
			assert.Equal(t, got.ServerName, "localhost")
			assert.Equal(t, got.DidResume, i == 1)
			assert.Equal(t, ours.DidResume, i == 1)
			theirs, err := got.ExportKeyingMaterial("gale", nil, 16)
			assert.NoError(t, err)
			want, err := ours.ExportKeyingMaterial("gale", nil, 16)
			assert.NoError(t, err)
			assert.True(t, bytes.Equal(theirs, want), "the keying material differs")
		}
	})
}

func TestTLSOldVersionsAreRefused(t *testing.T) {
	tlsModes(t, func(t *testing.T, mode engine.Mode) {
		srv := &engine.Server{Mode: mode, Handler: hello}
		addr := serveTLS(t, srv)
		for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11} {
			config := insecure()
			config.MinVersion, config.MaxVersion = version, version
			_, err := tls.Dial("tcp", addr, config)
			if err == nil || !strings.Contains(err.Error(), "protocol version not supported") {
				t.Errorf("version %x: %v", version, err)
			}
		}
		config := insecure()
		config.MaxVersion = tls.VersionTLS12
		c := dialTLS(t, addr, config)
		assert.Equal(t, fetch(t, c, bufio.NewReader(c), "/"), "hello over HTTP/1.1")
		if mode != engine.Std {
			assert.Equal(t, srv.Stats().BadRequests["tls_handshake"], uint64(2))
		}
	})
}

// piecewise writes a byte at a time.
type piecewise struct{ net.Conn }

func (p piecewise) Write(b []byte) (int, error) {
	for i := range b {
		if _, err := p.Conn.Write(b[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(b), nil
}

func TestTLSRecordsInPieces(t *testing.T) {
	tlsModes(t, func(t *testing.T, mode engine.Mode) {
		addr := serveTLS(t, &engine.Server{Mode: mode, Handler: path})
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			conn, err := net.Dial("tcp", addr)
			assert.NoError(t, err)
			config := insecure()
			config.MaxVersion = version
			c := tls.Client(piecewise{conn}, config)
			r := bufio.NewReader(c)
			for i := range 5 {
				want := fmt.Sprintf("/%d", i)
				assert.Equal(t, fetch(t, c, r, want), want)
			}
			assert.NoError(t, c.Close())
		}
	})
}

// held gathers what is written until it is let go.
type held struct {
	net.Conn
	hold bool
	data []byte
}

func (h *held) Write(b []byte) (int, error) {
	if !h.hold {
		return h.Conn.Write(b)
	}
	h.data = append(h.data, b...)
	return len(b), nil
}

func TestTLSManyRecordsAtOnce(t *testing.T) {
	tlsModes(t, func(t *testing.T, mode engine.Mode) {
		addr := serveTLS(t, &engine.Server{Mode: mode, Handler: path})
		conn, err := net.Dial("tcp", addr)
		assert.NoError(t, err)
		h := &held{Conn: conn}
		c := tls.Client(h, insecure())
		assert.NoError(t, c.HandshakeContext(t.Context()))
		h.hold = true
		const requests = 20 // each in several records
		for i := range requests {
			for _, part := range []string{"GET ", fmt.Sprintf("/%d", i), " HTTP/1.1\r\nHo", "st: localhost\r\n\r\n"} {
				_, err := io.WriteString(c, part)
				assert.NoError(t, err)
			}
		}
		_, err = conn.Write(h.data)
		assert.NoError(t, err)
		r := bufio.NewReader(c)
		for i := range requests {
			assert.Equal(t, answer(t, r), fmt.Sprintf("/%d", i))
		}
		h.hold = false
		assert.NoError(t, c.Close())
	})
}

const rawRequest = "GET /raw HTTP/1.1\r\nHost: localhost\r\n\r\n"

// An answer to a change of keys must go before what is encrypted after it.
func TestTLSKeyUpdate(t *testing.T) {
	tlsModes(t, func(t *testing.T, mode engine.Mode) {
		addr := serveTLS(t, &engine.Server{Mode: mode, Handler: path})
		c := dialRawTLS(t, addr)
		for range 3 {
			c.send(c.keyUpdate())
			c.expect(recordHandshake, string([]byte{messageKeyUpdate, 0, 0, 1, 0})) // with nothing else to send
			c.send(c.record(recordApplication, rawRequest))
			c.expect(recordApplication, "/raw")
		}
		c.send(c.keyUpdate() + c.record(recordApplication, rawRequest))
		c.expect(recordHandshake, string([]byte{messageKeyUpdate, 0, 0, 1, 0}))
		c.expect(recordApplication, "/raw")
		// In two halves, with the request's records between them and after.
		first, second := c.record(recordApplication, rawRequest[:10]), c.keyUpdate()
		c.send(first + second[:7])
		c.send(second[7:] + c.record(recordApplication, rawRequest[10:]))
		c.expect(recordHandshake, "")
		c.expect(recordApplication, "/raw")
	})
}

func TestTLSChangesOfKeysAreLimited(t *testing.T) {
	tlsModes(t, func(t *testing.T, mode engine.Mode) {
		c := dialRawTLS(t, serveTLS(t, &engine.Server{Mode: mode, Handler: path}))
		for range 40 {
			_, _ = io.WriteString(c.conn, c.keyUpdate())
		}
		for {
			kind, data, err := c.receive()
			if err != nil || kind == recordAlert {
				assert.True(t, err != nil || data[0] == 2, "no fatal alert: "+data)
				return
			}
		}
	})
}

func TestTLSBye(t *testing.T) {
	tlsModes(t, func(t *testing.T, mode engine.Mode) {
		addr := serveTLS(t, &engine.Server{Mode: mode, Handler: path, IdleTimeout: 50 * time.Millisecond})
		bye := string([]byte{1, alertCloseNotify})

		t.Run("asked for", func(t *testing.T) {
			c := dialRawTLS(t, addr)
			c.send(c.record(recordApplication, strings.Replace(rawRequest, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1)))
			c.expect(recordApplication, "/raw")
			c.expectBye()
		})
		t.Run("answered", func(t *testing.T) {
			c := dialRawTLS(t, addr)
			c.send(c.record(recordAlert, bye))
			c.expectBye()
		})
		t.Run("in the segment of a request", func(t *testing.T) {
			c := dialRawTLS(t, addr)
			c.send(c.record(recordApplication, rawRequest) + c.record(recordAlert, bye))
			c.expect(recordApplication, "/raw")
			c.expectBye()
		})
		t.Run("idle", func(t *testing.T) {
			c := dialRawTLS(t, addr)
			c.send(c.record(recordApplication, rawRequest))
			c.expect(recordApplication, "/raw")
			c.expectBye()
		})
	})
}

func TestTLSBrokenRecords(t *testing.T) {
	tlsModes(t, func(t *testing.T, mode engine.Mode) {
		addr := serveTLS(t, &engine.Server{Mode: mode, Handler: path})
		for name, c := range map[string]struct {
			send  func(c *rawTLS) string
			alert byte
		}{
			"forged": {func(c *rawTLS) string {
				b := []byte(c.record(recordApplication, rawRequest))
				b[9] ^= 1
				return string(b)
			}, 20},
			"too long":     {func(*rawTLS) string { return "\x17\x03\x03\xff\xff" }, 22},
			"not TLS":      {func(*rawTLS) string { return rawRequest }, 70},
			"a new hello":  {func(c *rawTLS) string { return c.record(recordHandshake, "\x01\x00\x00\x00") }, 0},
			"an empty one": {func(c *rawTLS) string { return c.record(recordApplication, "") + "\x17\x03\x03\x00\x00" }, 0},
		} {
			t.Run(name, func(t *testing.T) {
				raw := dialRawTLS(t, addr)
				raw.send(c.send(raw))
				kind, data, err := raw.receive()
				assert.NoError(t, err)
				assert.Equal(t, kind, byte(recordAlert))
				assert.Equal(t, data[0], byte(2))
				if c.alert != 0 {
					assert.Equal(t, data[1], c.alert)
				}
			})
		}
		t.Run("cut short", func(t *testing.T) {
			raw := dialRawTLS(t, addr)
			b := raw.record(recordApplication, rawRequest)
			raw.send(b[:len(b)-1])
			assert.NoError(t, raw.conn.(*net.TCPConn).CloseWrite())
			for { // whatever comes, it is no answer
				_, data, err := raw.receive()
				if err != nil {
					break
				}
				assert.True(t, !strings.Contains(data, "/raw"), "half a record was answered")
			}
		})
	})
}

// A record that has begun is under the header's deadline, like a header.
func TestTLSHalfRecordIsCut(t *testing.T) {
	nativeModes(t, func(t *testing.T, mode engine.Mode) {
		srv := &engine.Server{Mode: mode, Handler: path, ReadHeaderTimeout: 500 * time.Millisecond}
		c := dialRawTLS(t, serveTLS(t, srv))
		c.send(c.record(recordApplication, rawRequest))
		c.expect(recordApplication, "/raw")
		c.send(c.record(recordApplication, rawRequest)[:20])
		c.expectBye()
		assert.Equal(t, srv.Stats().Refused["header_timeout"], uint64(1))
	})
}

func TestTLSFullDuplex(t *testing.T) {
	tlsModes(t, func(t *testing.T, mode engine.Mode) {
		addr := serveTLS(t, &engine.Server{Mode: mode, MaxBodyBytes: -1, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			assert.NoError(t, http.NewResponseController(w).EnableFullDuplex())
			w.Header().Set("Content-Length", fmt.Sprint(r.ContentLength))
			_, err := io.Copy(w, r.Body)
			assert.NoError(t, err)
		})})
		const size = 8 << 20
		c := dialTLS(t, addr, insecure())
		sent, got := sha256.New(), sha256.New()
		done := make(chan error, 1)
		go func() {
			_, err := fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", size)
			if err == nil {
				_, err = io.CopyN(io.MultiWriter(c, sent), rand.Reader, size)
			}
			done <- err
		}()
		r := bufio.NewReader(c)
		resp, err := http.ReadResponse(r, nil)
		assert.NoError(t, err)
		n, err := io.Copy(got, resp.Body)
		assert.NoError(t, err)
		assert.NoError(t, <-done)
		assert.Equal(t, n, int64(size))
		assert.True(t, bytes.Equal(sent.Sum(nil), got.Sum(nil)), "the bytes differ")
		assert.NoError(t, resp.Body.Close())
		assert.Contains(t, ask2(t, c, r), "200")
	})
}

// ask2 sends one more request with an empty body and returns the status line.
func ask2(t *testing.T, w io.Writer, r *bufio.Reader) string {
	t.Helper()
	_, err := io.WriteString(w, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
	assert.NoError(t, err)
	line, err := r.ReadString('\n')
	assert.NoError(t, err)
	return line
}

// A client that never reads must not have its answers pile up in memory.
func TestTLSNeverReadingClient(t *testing.T) {
	nativeModes(t, func(t *testing.T, mode engine.Mode) {
		srv := &engine.Server{
			Mode: mode, MaxBodyBytes: -1, WriteStallTimeout: 100 * time.Millisecond,
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				assert.NoError(t, http.NewResponseController(w).EnableFullDuplex())
				for buf := make([]byte, 8<<10); ; { // fits into the buffers, so that only reading could block
					n, err := r.Body.Read(buf)
					if err != nil {
						return
					}
					if _, err := w.Write(buf[:n]); err != nil {
						return
					}
				}
			}),
		}
		c, sent := dialTLS(t, serveTLS(t, srv), insecure()), 0
		const size = 64 << 20 // more than all buffers
		_, err := fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", size)
		assert.NoError(t, err)
		// In small pieces, so that the server mostly waits for the next one.
		for piece := make([]byte, 1<<10); err == nil && sent < size; sent += len(piece) {
			_, err = c.Write(piece)
		}
		assert.True(t, err != nil, "the server took everything")
		until(t, "the stall is counted", func() bool { return srv.Stats().Refused["write_stalled"] == 1 })
	})
}

func TestTLSHijack(t *testing.T) {
	tlsModes(t, func(t *testing.T, mode engine.Mode) {
		srv := &engine.Server{Mode: mode, MaxConns: 1, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ws, err := websocket.Accept(w, r, nil)
			if err != nil {
				t.Error(err)
				return
			}
			ws.SetReadLimit(-1)
			for {
				kind, message, err := ws.Read(r.Context())
				if err != nil {
					return
				}
				if err := ws.Write(r.Context(), kind, message); err != nil {
					t.Error(err)
				}
			}
		})}
		addr := serveTLS(t, srv)
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: insecure()}}
		ws, _, err := websocket.Dial(t.Context(), "wss://"+addr, &websocket.DialOptions{HTTPClient: client})
		assert.NoError(t, err)
		ws.SetReadLimit(-1)
		for _, size := range []int{1, 100, 20_000, 300_000} {
			want := strings.Repeat("x", size)
			go func() {
				if err := ws.Write(t.Context(), websocket.MessageText, []byte(want)); err != nil {
					t.Error(err)
				}
			}()
			_, got, err := ws.Read(t.Context())
			assert.NoError(t, err)
			assert.Equal(t, string(got), want)
		}
		if mode != engine.Std {
			assert.Equal(t, srv.Stats().Hijacked, int64(1))
		}
		_, err = tls.Dial("tcp", addr, insecure())
		assert.True(t, err != nil, "a hijacked connection is not counted in MaxConns")
		assert.NoError(t, ws.Close(websocket.StatusNormalClosure, ""))
		until(t, "the connection is counted out", func() bool { return srv.Stats().Hijacked == 0 })
		until(t, "its place is free", func() bool {
			c, err := tls.Dial("tcp", addr, insecure())
			if err == nil {
				_ = c.Close()
			}
			return err == nil
		})
	})
}

func TestTLSClientCertificate(t *testing.T) {
	tlsModes(t, func(t *testing.T, mode engine.Mode) {
		own := certificate(t, "client")
		pool := x509.NewCertPool()
		pool.AddCert(own.Leaf)
		addr := serveTLS(t, &engine.Server{
			Mode:      mode,
			TLSConfig: &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool},
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName+fmt.Sprint(len(r.TLS.VerifiedChains)))
			}),
		})
		config := insecure()
		config.Certificates = []tls.Certificate{own}
		c := dialTLS(t, addr, config)
		assert.Equal(t, fetch(t, c, bufio.NewReader(c), "/"), "client1")

		config.Certificates = nil
		c = dialTLS(t, addr, config)
		_, err := c.Read(make([]byte, 1)) // TLS 1.3 learns it after its handshake
		if err == nil || !strings.Contains(err.Error(), "certificate required") {
			t.Errorf("without a certificate: %v", err)
		}
	})
}

func TestTLSConfigForClient(t *testing.T) {
	tlsModes(t, func(t *testing.T, mode engine.Mode) {
		one, two := certificate(t, "one"), certificate(t, "two")
		addr := serveTLS(t, &engine.Server{Mode: mode, Handler: path, TLSConfig: &tls.Config{
			Certificates: []tls.Certificate{one},
			GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
				if h.ServerName != "two" {
					return nil, nil
				}
				return &tls.Config{Certificates: []tls.Certificate{two}, NextProtos: []string{"acme-tls/1", "http/1.1"}}, nil
			},
		}})
		for _, name := range []string{"one", "two"} {
			c := dialTLS(t, addr, &tls.Config{InsecureSkipVerify: true, ServerName: name})
			assert.Equal(t, c.ConnectionState().PeerCertificates[0].Subject.CommonName, name)
			assert.Equal(t, fetch(t, c, bufio.NewReader(c), "/x"), "/x")
		}
		// A protocol that is not ours ends with the handshake.
		c := dialTLS(t, addr, &tls.Config{InsecureSkipVerify: true, ServerName: "two", NextProtos: []string{"acme-tls/1"}})
		assert.Equal(t, c.ConnectionState().NegotiatedProtocol, "acme-tls/1")
		_, err := c.Read(make([]byte, 1))
		assert.ErrorIs(t, err, io.EOF)
	})
}

func TestTLSConnState(t *testing.T) {
	tlsModes(t, func(t *testing.T, mode engine.Mode) {
		var mu sync.Mutex
		var states []http.ConnState
		kinds := map[net.Conn]bool{}
		addr := serveTLS(t, &engine.Server{Mode: mode, Handler: path, ConnState: func(c net.Conn, s http.ConnState) {
			mu.Lock()
			defer mu.Unlock()
			states = append(states, s)
			_, ok := c.(*tls.Conn)
			kinds[c] = ok
		}})
		c := dialTLS(t, addr, insecure())
		r := bufio.NewReader(c)
		_, _ = fetch(t, c, r, "/1"), fetch(t, c, r, "/2")
		assert.NoError(t, c.Close())
		until(t, "the connection is closed", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return slices.Contains(states, http.StateClosed)
		})
		mu.Lock()
		defer mu.Unlock()
		want := []http.ConnState{http.StateNew, http.StateActive, http.StateIdle, http.StateActive, http.StateIdle, http.StateClosed}
		assert.Equal(t, states, want)
		assert.Equal(t, len(kinds), 1)
		for _, ok := range kinds {
			assert.True(t, ok, "the hook's connection is no *tls.Conn")
		}
	})
}

// A hook may close a connection that it was told of.
func TestTLSHookCloses(t *testing.T) {
	tlsModes(t, func(t *testing.T, mode engine.Mode) {
		addr := serveTLS(t, &engine.Server{Mode: mode, Handler: path, ConnState: func(c net.Conn, s http.ConnState) {
			if s == http.StateIdle {
				_ = c.Close()
			}
		}})
		c := dialTLS(t, addr, insecure())
		_, _ = io.WriteString(c, rawRequest)
		_, err := io.Copy(io.Discard, c)
		assert.NoError(t, err)
	})
}

func TestTLSContextOfTheServer(t *testing.T) {
	tlsModes(t, func(t *testing.T, mode engine.Mode) {
		base, cancel := context.WithCancel(t.Context())
		srv := &engine.Server{Mode: mode, Handler: path, BaseContext: func(net.Listener) context.Context { return base }}
		addr := serveTLS(t, srv)
		conn, err := net.Dial("tcp", addr)
		assert.NoError(t, err)
		cancel() // handshakes end with it
		_, err = tls.Client(conn, insecure()).Write([]byte("x"))
		assert.True(t, err != nil, "the handshake succeeded")
		assert.NoError(t, conn.Close())
	})
}
