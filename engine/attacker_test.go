package engine_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/internal/assert"
)

// guard is how long an attack may take: it is for a machine that is busy with
// other things, and no test depends on it.
const guard = time.Minute

// victim is a server under attack.
type victim struct {
	t    *testing.T
	srv  *engine.Server
	addr string
}

// startVictim serves srv on loopback until the test ends.
func startVictim(t *testing.T, srv *engine.Server) *victim {
	t.Helper()
	if srv.ErrorLog == nil {
		srv.ErrorLog = quiet()
	}
	l := listen(t)
	serve(t, srv, l)
	return &victim{t, srv, l.Addr().String()}
}

// dial connects an attacker.
func (v *victim) dial() *attacker {
	v.t.Helper()
	c, err := net.Dial("tcp", v.addr)
	assert.NoError(v.t, err)
	assert.NoError(v.t, c.SetDeadline(time.Now().Add(guard)))
	v.t.Cleanup(func() { _ = c.Close() })
	return &attacker{v.t, c, bufio.NewReader(c)}
}

// alive fails the test unless the server answers a request.
func (v *victim) alive() {
	v.t.Helper()
	a := v.dial()
	a.send("GET /alive HTTP/1.1\r\nHost: gale.test\r\nConnection: close\r\n\r\n")
	assert.Equal(v.t, a.status(), http.StatusOK)
	assert.NoError(v.t, a.Close())
}

// until waits for the server's counters to be as wanted.
func (v *victim) until(what string, wanted func(engine.Stats) bool) {
	v.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(guard); !wanted(v.srv.Stats()); <-tick.C {
		if time.Now().After(end) {
			v.t.Fatalf("never: %s; %+v", what, v.srv.Stats())
		}
	}
}

// attacker is a client without manners.
type attacker struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

// send writes s; a server that has closed the connection is no error.
func (a *attacker) send(s string) { _, _ = io.WriteString(a, s) }

// trickle sends s a byte at a time, until the server has closed the connection.
func (a *attacker) trickle(s string, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for i := range len(s) {
		if _, err := io.WriteString(a, s[i:i+1]); err != nil {
			return
		}
		<-tick.C
	}
}

// response reads a response with its body, or returns nil when the connection has
// ended first.
func (a *attacker) response() *http.Response {
	a.t.Helper()
	resp, err := http.ReadResponse(a.r, nil)
	if err != nil {
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			a.t.Fatal("the server has left the client waiting")
		}
		return nil
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil
	}
	resp.Body = io.NopCloser(strings.NewReader(string(body)))
	return resp
}

// status is the status of the next response, or 0.
func (a *attacker) status() int {
	a.t.Helper()
	if resp := a.response(); resp != nil {
		return resp.StatusCode
	}
	return 0
}

// cut waits for the end of the connection and reports whether a success came
// before it.
func (a *attacker) cut() (success bool) {
	a.t.Helper()
	for status := a.status(); status != 0; status = a.status() {
		success = success || status == http.StatusOK
	}
	return success
}
