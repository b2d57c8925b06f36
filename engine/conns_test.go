package engine_test

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/memnet"
)

// from is a listener whose connections seem to come from an address.
type from struct {
	*memnet.Listener
	mu   sync.Mutex
	addr string
}

func (f *from) set(addr string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.addr = addr
}

func (f *from) Accept() (net.Conn, error) {
	c, err := f.Listener.Accept()
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return fromConn{c, &net.TCPAddr{IP: net.ParseIP(f.addr), Port: 1}}, nil
}

type fromConn struct {
	net.Conn
	addr net.Addr
}

func (c fromConn) RemoteAddr() net.Addr { return c.addr }

// open dials and says whether a request on the connection is answered.
func open(t *testing.T, l *from, addr string) (net.Conn, bool) {
	t.Helper()
	l.set(addr)
	c, err := l.Dial(t.Context())
	assert.NoError(t, err)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: gale.test\r\n\r\n")
	line, _ := bufio.NewReader(c).ReadString('\n')
	return c, strings.HasPrefix(line, "HTTP/1.1 200")
}

func TestOneClientCannotTakeAllConnections(t *testing.T) {
	t.Parallel()
	l := &from{Listener: memnet.Listen("gale.test:80")}
	var log bytes.Buffer
	serve(t, &engine.Server{Handler: hello, MaxConns: 8, ErrorLog: slog.New(slog.NewTextHandler(&log, nil))}, l)

	first, ok := open(t, l, "198.51.100.7")
	assert.True(t, ok, "the first connection was refused")
	_, ok = open(t, l, "198.51.100.7")
	assert.True(t, ok, "the second connection was refused")
	_, ok = open(t, l, "198.51.100.7")
	assert.True(t, !ok, "the third connection of eight from one address was let in")
	_, ok = open(t, l, "198.51.100.8")
	assert.True(t, ok, "another address was refused")
	assert.Contains(t, log.String(), "MaxConnsPerAddr reached")

	// A place is free again once the server has seen the close.
	assert.NoError(t, first.Close())
	for ok = false; !ok && t.Context().Err() == nil; {
		_, ok = open(t, l, "198.51.100.7")
	}

	// An IPv6 host has a whole /64 to choose from.
	_, _ = open(t, l, "2001:db8::1")
	_, _ = open(t, l, "2001:db8::2")
	_, ok = open(t, l, "2001:db8::3")
	assert.True(t, !ok, "a third address of the same /64 was let in")
}

func TestProxiesAreNotLimitedByAddress(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "fd00::1", "::ffff:10.0.0.1"} {
		l := &from{Listener: memnet.Listen("gale.test:80")}
		serve(t, &engine.Server{Handler: hello, MaxConns: 4, ErrorLog: quiet()}, l)
		for range 4 {
			_, ok := open(t, l, addr)
			assert.True(t, ok, "a connection from "+addr+" was refused")
		}
		_, ok := open(t, l, addr)
		assert.True(t, !ok, "MaxConns does not hold for "+addr)
	}
}

func TestLimitsCanBeTurnedOff(t *testing.T) {
	t.Parallel()
	l := &from{Listener: memnet.Listen("gale.test:80")}
	serve(t, &engine.Server{Handler: hello, MaxConns: 2, MaxConnsPerAddr: -1}, l)
	for range 2 {
		_, ok := open(t, l, "198.51.100.7")
		assert.True(t, ok, "a connection was refused")
	}
}
