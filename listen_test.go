package gale_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/galeweb/gale"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/memnet"
)

func TestAddressInUse(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	defer l.Close()
	err = start(t, text(""), gale.Options{Addr: l.Addr().String()}).wait()
	assert.ErrorIs(t, err, syscall.EADDRINUSE)
	failsWith(t, err, l.Addr().String(), "already in use", "set Addr to another")

	// The ops listener fails as fast, and the others do not stay open.
	first := memnet.Listen("gale.test:80")
	err = start(t, text(""), gale.Options{Listeners: []net.Listener{first}, OpsAddr: l.Addr().String()}).wait()
	failsWith(t, err, "already in use", "set OpsAddr to another")
	_, err = first.Dial(t.Context())
	assert.ErrorIs(t, err, net.ErrClosed)
}

func TestUnixSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app.sock")
	r := start(t, text("hello"), gale.Options{Addr: "unix:" + path})
	assert.NoError(t, r.err)
	_, body := get(t, r.client(t), "http://gale.test/")
	assert.Equal(t, body, "hello")
	info, err := os.Stat(path)
	assert.NoError(t, err)
	assert.Equal(t, info.Mode().Perm(), os.FileMode(0o660))
	assert.Contains(t, r.banner.String(), "unix:"+path)

	// A second service must not take the socket from a living one.
	err = start(t, text(""), gale.Options{Addr: "unix:" + path}).wait()
	assert.ErrorIs(t, err, syscall.EADDRINUSE)
	_, body = get(t, r.client(t), "http://gale.test/")
	assert.Equal(t, body, "hello")

	r.terminate()
	assert.NoError(t, r.wait())
	_, err = os.Stat(path)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestStaleUnixSocketIsRemoved(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	assert.NoError(t, err)
	l.SetUnlinkOnClose(false) // as after a crash
	assert.NoError(t, l.Close())
	r := start(t, text("hello"), gale.Options{Addr: "unix:" + path})
	_, body := get(t, r.client(t), "http://gale.test/")
	assert.Equal(t, body, "hello")
}

func TestOtherFilesAreNeverRemoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "precious")
	assert.NoError(t, os.WriteFile(path, []byte("data"), 0o600))
	link := filepath.Join(dir, "link.sock")
	assert.NoError(t, os.Symlink(path, link))
	for _, p := range []string{path, link} {
		failsWith(t, start(t, text(""), gale.Options{Addr: "unix:" + p}).wait(), p, "is not a socket")
	}
	_, err := os.Stat(path)
	assert.NoError(t, err)
	failsWith(t, start(t, text(""), gale.Options{Addr: "unix:"}).wait(), "without a path")
	failsWith(t, start(t, text(""), gale.Options{Addr: "unix:" + dir + "/no/dir.sock"}).wait(), "no such file")
}

// TestSystemdSocket runs this test program again as systemd would: with
// listening sockets from descriptor 3 on, and a socket to report to.
func TestSystemdSocket(t *testing.T) {
	if os.Getenv("GALE_TEST_CHILD") != "" {
		child(t)
		return
	}
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	file, err := l.(*net.TCPListener).File()
	assert.NoError(t, err)
	defer file.Close()
	notify := filepath.Join(t.TempDir(), "notify.sock")
	reports, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: notify, Net: "unixgram"})
	assert.NoError(t, err)
	defer reports.Close()

	// LISTEN_PID must be the child's own, which the shell that becomes it knows.
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c",
		`LISTEN_PID=$$ exec "$0" -test.run='^TestSystemdSocket$' -test.v`, os.Args[0])
	cmd.Env = append(os.Environ(), "GALE_TEST_CHILD=1", "LISTEN_FDS=1", "NOTIFY_SOCKET="+notify)
	cmd.ExtraFiles = []*os.File{file}
	var out buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	assert.NoError(t, cmd.Start())
	read := func() string {
		buf := make([]byte, 1024)
		n, err := reports.Read(buf)
		assert.NoError(t, err)
		return string(buf[:n])
	}
	assert.Equal(t, read(), "READY=1")
	assert.NoError(t, l.Close()) // the child has its own
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	_, body := get(t, &http.Client{Transport: tr}, "http://"+l.Addr().String())
	assert.Equal(t, body, "from the child")
	assert.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	assert.Equal(t, read(), "STOPPING=1")
	if err := cmd.Wait(); err != nil {
		t.Errorf("child: %v\n%s", err, out.String())
	}
	assert.True(t, strings.Contains(out.String(), "PASS"), "the child ran no test: "+out.String())
}

// child uses the process's real signals, and Addr would fail if it were used.
func child(t *testing.T) {
	var log buffer
	err := gale.Run(context.Background(), text("from the child"), gale.Options{
		Addr: "nonsense", OpsAddr: "off", Banner: &log,
	})
	assert.NoError(t, err)
	fmt.Println(log.String())
}
