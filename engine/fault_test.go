package engine_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/internal/assert"
)

// faultHandler waits where the faults strike.
func faultHandler(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/park":
		<-r.Context().Done()
	case "/body":
		readsAll(w, r)
	case "/big":
		_, _ = w.Write(make([]byte, bigBody))
	case "/refuse": // the body is not read
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusForbidden)
	case "/hijack":
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer c.Close()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
		_, _ = io.Copy(c, rw)
	}
}

// states are those in which a connection can be when its client fails. Each
// returns once the server is in it.
var states = []struct {
	name  string
	reach func(v *victim, a *attacker)
}{
	{"new", func(v *victim, _ *attacker) {
		v.until("accepted", func(st engine.Stats) bool { return st.Accepted == 1 })
	}},
	{"mid header", func(v *victim, a *attacker) {
		a.send("GET / HTTP/1.1\r\nHo")
		v.until("read", func(st engine.Stats) bool { return st.BytesRead > 0 })
	}},
	{"idle", func(v *victim, a *attacker) {
		a.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		assert.Equal(a.t, a.status(), 200)
		v.until("idle", func(st engine.Stats) bool { return st.Idle == 1 })
	}},
	{"mid body", func(v *victim, a *attacker) {
		a.send("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
		v.until("running", func(st engine.Stats) bool { return st.Active == 1 })
	}},
	{"mid chunk", func(v *victim, a *attacker) {
		a.send("POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhello")
		v.until("running", func(st engine.Stats) bool { return st.Active == 1 })
	}},
	{"handler running", func(v *victim, a *attacker) {
		a.send("GET /park HTTP/1.1\r\nHost: a\r\n\r\n")
		v.until("running", func(st engine.Stats) bool { return st.Active == 1 })
	}},
	{"pipelined", func(v *victim, a *attacker) {
		a.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /big HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
		v.until("running", func(st engine.Stats) bool { return st.Active == 1 })
	}},
	{"mid response", func(_ *victim, a *attacker) {
		a.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
		_, err := a.r.ReadByte()
		assert.NoError(a.t, err)
	}},
	{"linger", func(v *victim, a *attacker) {
		a.send("POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nhello")
		assert.Equal(a.t, a.status(), 403)
	}},
	{"hijacked", func(_ *victim, a *attacker) {
		a.send("GET /hijack HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
		_, err := a.r.ReadString('\n')
		assert.NoError(a.t, err)
	}},
}

// failures are how a client can fail.
var failures = []struct {
	name string
	fail func(t *testing.T, c *net.TCPConn)
}{
	{"reset", func(t *testing.T, c *net.TCPConn) {
		assert.NoError(t, c.SetLinger(0))
		assert.NoError(t, c.Close())
	}},
	{"close", func(t *testing.T, c *net.TCPConn) { assert.NoError(t, c.Close()) }},
	{"half-close", func(t *testing.T, c *net.TCPConn) {
		assert.NoError(t, c.CloseWrite())
		_, _ = io.Copy(io.Discard, c) // the server ends it, in time or at once
	}},
}

// TestFaultInEachState has clients fail in each state of a connection, with and
// without TLS. The server then knows nothing of it any more, and serves others.
func TestFaultInEachState(t *testing.T) {
	t.Parallel()
	ts := httptest.NewTLSServer(nil) // lends its certificate
	defer ts.Close()
	certificates := ts.TLS.Certificates
	for _, mode := range attackedModes() {
		for _, secure := range []bool{false, true} {
			for _, state := range states {
				for _, failure := range failures {
					name := string(mode) + "/" + state.name + "/" + failure.name
					if secure {
						name = "TLS " + name
					}
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						srv := &engine.Server{Handler: http.HandlerFunc(faultHandler), Mode: mode, TLSConfig: &tls.Config{Certificates: certificates}}
						v, a := startFaulty(t, srv, secure)
						state.reach(v, a)
						raw := a.Conn
						if c, ok := raw.(*tls.Conn); ok {
							raw = c.NetConn()
						}
						failure.fail(t, raw.(*net.TCPConn))
						v.until("the connection is gone", func(st engine.Stats) bool {
							return st.Accepted == 1 && st.Handshaking+st.Reading+st.Active+st.Idle+st.Closing+st.Hijacked == 0
						})
					})
				}
			}
		}
	}
}

// startFaulty serves and connects one client, through its handshake.
func startFaulty(t *testing.T, srv *engine.Server, secure bool) (*victim, *attacker) {
	t.Helper()
	if !secure {
		v := startVictim(t, srv)
		return v, v.dial()
	}
	srv.ErrorLog = quiet()
	l := listen(t)
	done := make(chan error, 1)
	go func() { done <- srv.ServeTLS(l, "", "") }()
	t.Cleanup(func() {
		assert.NoError(t, srv.Close())
		assert.ErrorIs(t, <-done, http.ErrServerClosed)
	})
	c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	assert.NoError(t, err)
	assert.NoError(t, c.SetDeadline(time.Now().Add(guard)))
	t.Cleanup(func() { _ = c.Close() })
	v := &victim{t, srv, l.Addr().String()}
	v.until("the handshake is over", func(st engine.Stats) bool { return st.Accepted == 1 && st.Handshaking == 0 })
	return v, &attacker{t, c, bufio.NewReader(c)}
}

// TestFaultInHandshake has clients fail before and in the middle of a handshake.
func TestFaultInHandshake(t *testing.T) {
	t.Parallel()
	ts := httptest.NewTLSServer(nil) // lends its certificate
	defer ts.Close()
	hello := clientHello(t)
	for _, sent := range []int{0, 1, 5, len(hello) / 2, len(hello)} {
		for _, failure := range failures {
			srv := &engine.Server{Handler: hello200, ErrorLog: quiet(), TLSConfig: &tls.Config{Certificates: ts.TLS.Certificates}}
			l := listen(t)
			done := make(chan error, 1)
			go func() { done <- srv.ServeTLS(l, "", "") }()
			v := &victim{t, srv, l.Addr().String()}
			a := v.dial()
			a.send(hello[:sent])
			if sent == len(hello) {
				_, err := a.r.Peek(1)
				assert.NoError(t, err)
			}
			failure.fail(t, a.Conn.(*net.TCPConn))
			v.until("the connection is gone", func(st engine.Stats) bool { return st.Accepted == 1 && st.Handshaking == 0 })
			assert.NoError(t, srv.Close())
			assert.ErrorIs(t, <-done, http.ErrServerClosed)
		}
	}
}

var hello200 = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

// TestFaultyInput sends what is no HTTP. The server answers at most that, ends the
// connection, and lives.
func TestFaultyInput(t *testing.T) {
	t.Parallel()
	for _, mode := range attackedModes() {
		v := startVictim(t, &engine.Server{Handler: http.HandlerFunc(faultHandler), Mode: mode})
		for _, send := range []string{
			strings.Repeat("\x00", 100), strings.Repeat("\r\n", 10_000), strings.Repeat("\xff", 100_000), "\x16\x03\x01\x02\x00\x01\x00",
			"GET / HTTP/1.1\r\nHost: a\r\n\x00: \r\n\r\n", "GET / HTTP/9.9\r\nHost: a\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
			"POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
			"POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1;"+strings.Repeat("x", 1000)+"\r\nx\r\n", 1000),
			"POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("X: y\r\n", 100_000),
			"POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
		} {
			a := v.dial()
			go func() {
				a.send(send)
				_ = a.Conn.(*net.TCPConn).CloseWrite()
			}()
			assert.Equal(t, a.cut(), false)
			v.alive()
		}
	}
}
