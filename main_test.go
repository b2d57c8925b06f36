package gale_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/galeweb/gale"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/memnet"
)

// running is a gale.Run in a goroutine.
type running struct {
	addr    net.Addr
	signals chan os.Signal
	cancel  context.CancelFunc
	done    chan struct{}
	err     error
	banner  *buffer
	log     *buffer
	memory  *memnet.Listener
}

// buffer is a bytes.Buffer that many may use.
type buffer struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	changed chan struct{} // closed by the next Write, when somebody waits
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
	return b.buf.Write(p)
}

// wait returns when done is true of what was written.
func (b *buffer) wait(t *testing.T, what string, done func(written string) bool) {
	t.Helper()
	patience := time.After(20 * time.Second)
	for {
		b.mu.Lock()
		if done(b.buf.String()) {
			b.mu.Unlock()
			return
		}
		if b.changed == nil {
			b.changed = make(chan struct{})
		}
		changed := b.changed
		b.mu.Unlock()
		select {
		case <-changed:
		case <-patience:
			t.Fatalf("%s: was not seen", what)
		}
	}
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// useDefault as OpsAddr keeps start from turning the ops listener off.
const useDefault = "default"

// start runs h until the test ends, with the ops listener off unless o says
// otherwise, and returns when it is ready or has failed.
func start(t *testing.T, h http.Handler, o gale.Options) *running {
	t.Helper()
	r := &running{
		signals: make(chan os.Signal, 2), done: make(chan struct{}),
		banner: &buffer{}, log: &buffer{},
	}
	switch o.OpsAddr {
	case "":
		o.OpsAddr = "off"
	case useDefault:
		o.OpsAddr = ""
	}
	o.Signals, o.Banner = r.signals, r.banner
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(r.log, nil))
	}
	ready := make(chan struct{})
	o.Ready = func(addr net.Addr) { r.addr = addr; close(ready) }
	ctx, cancel := context.WithCancel(t.Context())
	r.cancel = cancel
	go func() {
		defer close(r.done)
		r.err = gale.Run(ctx, h, o)
	}()
	t.Cleanup(func() { cancel(); <-r.done })
	select {
	case <-ready:
	case <-r.done:
	}
	return r
}

// startInMemory is start on a network in memory, for synctest.
func startInMemory(t *testing.T, h http.Handler, o gale.Options) *running {
	t.Helper()
	l := memnet.Listen("gale.test:80")
	o.Listeners = []net.Listener{l}
	r := start(t, h, o)
	r.memory = l
	return r
}

// wait returns what Run returned.
func (r *running) wait() error {
	<-r.done
	return r.err
}

func (r *running) terminate() { r.signals <- syscall.SIGTERM }

// client reaches r by its network, whatever the URL says.
func (r *running) client(t *testing.T) *http.Client {
	t.Helper()
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		if r.memory != nil {
			return r.memory.Dial(ctx)
		}
		return new(net.Dialer).DialContext(ctx, r.addr.Network(), r.addr.String())
	}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func get(t *testing.T, c *http.Client, url string) (status int, body string) {
	t.Helper()
	resp, err := c.Get(url)
	assert.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	assert.NoError(t, err)
	return resp.StatusCode, string(b)
}

func text(s string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, s) })
}

func failsWith(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not contain %q", err, part)
		}
	}
}
