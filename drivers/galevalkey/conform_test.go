package galevalkey_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/galeweb/gale/drivers/galevalkey"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/galetest/conform"
	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/internal/assert"
)

func open(t testing.TB, url, prefix string) *galevalkey.Broker {
	t.Helper()
	b, err := galevalkey.Open(t.Context(), url, galevalkey.Options{Prefix: prefix})
	assert.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close(context.WithoutCancel(t.Context()))) })
	return b
}

// forget deletes a test's keys.
func forget(t testing.TB, url, prefix string) {
	t.Cleanup(func() {
		option, err := valkey.ParseURL(url)
		assert.NoError(t, err)
		c, err := valkey.NewClient(option)
		assert.NoError(t, err)
		defer c.Close()
		ctx := context.WithoutCancel(t.Context())
		keys, err := c.Do(ctx, c.B().Keys().Pattern("{"+prefix+":*").Build()).AsStrSlice()
		assert.NoError(t, err)
		if len(keys) > 0 {
			assert.NoError(t, c.Do(ctx, c.B().Del().Key(keys...).Build()).Error())
		}
	})
}

func TestBroker(t *testing.T) {
	t.Parallel()
	url := galetest.Require(t, "redis")
	conform.Broker(t, func(t *testing.T, namespace string) hub.Broker {
		forget(t, url, namespace)
		return open(t, url, namespace)
	})
}

func TestBrokerFaults(t *testing.T) {
	t.Parallel()
	conform.BrokerFaults(t, func(t *testing.T) (hub.Broker, func(), func()) {
		s := newServer(t, "--appendonly", "yes", "--appendfsync", "always")
		s.start()
		return open(t, s.url(), "gale"), s.kill, s.start
	})
}

// server is a process of the test's own.
type server struct {
	t    *testing.T
	addr string
	args []string
	cmd  *exec.Cmd
}

// newServer returns one on a free port that keeps its files in a folder of
// the test's. It skips the test where there is none to start.
func newServer(t *testing.T, args ...string) *server {
	t.Helper()
	path := binary(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	addr := l.Addr().String()
	assert.NoError(t, l.Close())
	_, port, _ := strings.Cut(addr, ":")
	s := &server{t: t, addr: addr, args: append([]string{path, "--port", port, "--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", ""}, args...)}
	t.Cleanup(s.kill)
	return s
}

func binary(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"valkey-server", "redis-server"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv(galetest.RequireServices) != "" {
		t.Fatal("valkey-server or redis-server is required; install one")
	}
	t.Skip("needs valkey-server or redis-server in the PATH")
	return ""
}

func (s *server) url() string { return "redis://" + s.addr }

// start returns when the server is ready.
func (s *server) start() {
	s.t.Helper()
	s.cmd = exec.Command(s.args[0], s.args[1:]...)
	out, err := s.cmd.StdoutPipe()
	assert.NoError(s.t, err)
	assert.NoError(s.t, s.cmd.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "Ready to accept connections") {
			go func() {
				for lines.Scan() { // so that it can go on writing
				}
			}()
			return
		}
	}
	s.t.Fatalf("%s did not start: %v", filepath.Base(s.args[0]), s.cmd.Wait())
}

// kill ends it as a crash would.
func (s *server) kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
}

var _ = fmt.Sprint
var _ = time.Second
