package galevalkey_test

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/galeweb/gale/drivers/internal/porttest"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
)

// server is a process of the test's own.
type server struct {
	t      *testing.T
	addr   string
	args   []string
	ready  string              // what it says once it is; "" for the words of a server
	option valkey.ClientOption // of do
	cmd    *exec.Cmd
}

// newServer returns one on a free port that keeps its files in a folder of
// the test's. It skips the test where there is none to start.
func newServer(t *testing.T, args ...string) *server {
	t.Helper()
	path := binary(t)
	port := porttest.Free(t)
	s := &server{t: t, addr: "127.0.0.1:" + port, args: append([]string{path, "--port", port, "--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", ""}, args...)}
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
		if strings.Contains(lines.Text(), cmp.Or(s.ready, "Ready to accept connections")) {
			go func() {
				for lines.Scan() { // so that it can go on writing
				}
			}()
			return
		}
	}
	s.t.Fatalf("%s did not start: %v", s.args[0], s.cmd.Wait())
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

// freeze has it answer nothing and refuse nothing, until thaw.
func (s *server) freeze() {
	assert.NoError(s.t, s.cmd.Process.Signal(syscall.SIGSTOP))
	var status syscall.WaitStatus
	for !status.Stopped() { // all of its threads have
		_, err := syscall.Wait4(s.cmd.Process.Pid, &status, syscall.WUNTRACED, nil)
		assert.NoError(s.t, err)
	}
}

func (s *server) thaw() { assert.NoError(s.t, s.cmd.Process.Signal(syscall.SIGCONT)) }

// do sends it a command of an administrator.
func (s *server) do(words ...string) string {
	s.t.Helper()
	option := s.option
	option.InitAddress, option.ForceSingleClient, option.DisableCache = []string{s.addr}, true, true
	c, err := valkey.NewClient(option)
	assert.NoError(s.t, err)
	defer c.Close()
	answer, err := c.Do(s.t.Context(), c.B().Arbitrary(words...).Build()).ToAny()
	assert.NoError(s.t, err)
	return fmt.Sprint(answer)
}

// newCluster returns the URL of a cluster of three servers.
func newCluster(t *testing.T) string {
	t.Helper()
	var all []*server
	slots := []string{"0", "5460", "5461", "10922", "10923", "16383"}
	var first []string // host, port and port of the cluster's bus
	for i := range 3 {
		bus := porttest.Free(t)
		s := newServer(t, "--cluster-enabled", "yes", "--cluster-port", bus)
		s.start()
		all = append(all, s)
		s.do("CLUSTER", "ADDSLOTSRANGE", slots[2*i], slots[2*i+1])
		if i == 0 {
			host, port, _ := strings.Cut(s.addr, ":")
			first = []string{host, port, bus}
			continue
		}
		s.do(append([]string{"CLUSTER", "MEET"}, first...)...)
	}
	formed := func(s *server) bool {
		info := s.do("CLUSTER", "INFO")
		// A node that was met twice has two links for a while, and what is
		// published arrives by both: each has one out and one in for each other.
		links := strings.Count(s.do("CLUSTER", "LINKS"), "direction")
		return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:3") && links == 4
	}
	// One of them may be about to meet another when it looks well, so all are asked
	// again and again.
	rounds := 0
	poll(t, "the cluster forms", func() bool {
		for _, s := range all {
			if !formed(s) {
				rounds = 0
				return false
			}
		}
		rounds++
		return rounds == 10
	})
	return fmt.Sprintf("valkey://%s?addr=%s", all[0].addr, all[1].addr)
}

// poll returns once done is true, for what nobody announces.
func poll(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%s: not in 20 seconds", what)
		}
	}
}
