package galenats_test

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/galeweb/gale/drivers/internal/porttest"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
)

func freeAddr(t testing.TB) string { return net.JoinHostPort("127.0.0.1", porttest.Free(t)) }

// process is a server of the test's own.
type process struct {
	t    *testing.T
	addr string
	args []string
	cmd  *exec.Cmd
}

// newProcess returns one on a free port that keeps its files in a folder of
// the test's. It skips the test where there is none to start.
func newProcess(t *testing.T) *process {
	t.Helper()
	path, err := exec.LookPath("nats-server")
	if err != nil && os.Getenv(galetest.RequireServices) != "" {
		t.Fatal("nats-server is required; install it")
	}
	if err != nil {
		t.Skip("needs nats-server in the PATH")
	}
	addr := freeAddr(t)
	_, port, _ := strings.Cut(addr, ":")
	p := &process{t: t, addr: addr, args: []string{path, "-a", "127.0.0.1", "-p", port, "-js", "-sd", t.TempDir()}}
	t.Cleanup(p.kill)
	return p
}

// start returns when the server is ready.
func (p *process) start() {
	p.t.Helper()
	p.cmd = exec.Command(p.args[0], p.args[1:]...)
	out, err := p.cmd.StderrPipe()
	assert.NoError(p.t, err)
	assert.NoError(p.t, p.cmd.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "Server is ready") {
			go func() {
				for lines.Scan() { // so that it can go on writing
				}
			}()
			return
		}
	}
	p.t.Fatalf("%s did not start: %v", p.args[0], p.cmd.Wait())
}

// kill ends it as a crash would.
func (p *process) kill() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	p.cmd = nil
}

// freeze has it answer nothing and refuse nothing, until thaw.
func (p *process) freeze() {
	assert.NoError(p.t, p.cmd.Process.Signal(syscall.SIGSTOP))
	var status syscall.WaitStatus
	for !status.Stopped() { // all of its threads have
		_, err := syscall.Wait4(p.cmd.Process.Pid, &status, syscall.WUNTRACED, nil)
		assert.NoError(p.t, err)
	}
}

func (p *process) thaw() { assert.NoError(p.t, p.cmd.Process.Signal(syscall.SIGCONT)) }

// library is a server of the test's own, of the version that is embedded.
type library struct {
	t       *testing.T
	addr    string
	options server.Options
	server  *server.Server
}

func newLibrary(t *testing.T) *library {
	t.Helper()
	addr := freeAddr(t)
	_, digits, _ := strings.Cut(addr, ":")
	port, err := strconv.Atoi(digits)
	assert.NoError(t, err)
	l := &library{t: t, addr: addr, options: server.Options{
		Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
	}}
	t.Cleanup(l.shutdown)
	return l
}

func (l *library) start() {
	l.t.Helper()
	options := l.options
	s, err := server.NewServer(&options)
	assert.NoError(l.t, err)
	s.Start()
	assert.True(l.t, s.ReadyForConnections(10*time.Second), "the server is ready")
	l.server = s
}

func (l *library) shutdown() {
	if l.server == nil {
		return
	}
	l.server.Shutdown()
	l.server.WaitForShutdown()
	l.server = nil
}
