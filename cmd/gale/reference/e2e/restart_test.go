package e2e_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/galeweb/gale/cmd/gale/reference/e2e"
)

// The environment of a child: where relay listens, and its database.
const (
	childAddr = "E2E_CHILD_ADDR"
	childFile = "E2E_CHILD_FILE"
)

// child serves relay until it is killed.
func child(addr string) int {
	s, err := e2e.Serve(context.Background(), e2e.Options{Addr: addr, Database: os.Getenv(childFile)})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(s.Addr)
	select {}
}

// startChild starts relay as a process and returns where it listens and what
// kills it.
func startChild(t *testing.T, addr, file string) (string, func()) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), childAddr+"="+addr, childFile+"="+file)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // says only that it was killed
	}
	t.Cleanup(kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("relay did not start: %v", err)
	}
	return strings.TrimSpace(line), kill
}

// A page finds its way back after a restart and shows what was sent meanwhile,
// all of it, once, in order. The new process knows nothing of the old one's
// live history, so this is also the way by the API.
func TestRestart(t *testing.T) {
	t.Parallel()
	t.Run("in order", func(t *testing.T) {
		t.Parallel()
		a, b := open(t, e2e.View{}), open(t, e2e.View{})
		file := filepath.Join(t.TempDir(), "relay.db")
		first, err := e2e.Serve(t.Context(), e2e.Options{Addr: "127.0.0.1:0", Database: file})
		if err != nil {
			t.Fatal(err)
		}
		restart(t, &site{Server: first, t: t}, a, b,
			func() {
				if err := first.Stop(); err != nil {
					t.Fatal(err)
				}
			},
			func() {
				s, err := e2e.Serve(t.Context(), e2e.Options{Addr: first.Addr, Database: file})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if err := s.Stop(); err != nil {
						t.Error(err)
					}
				})
			})
	})
	t.Run("killed", func(t *testing.T) {
		t.Parallel()
		a, b := open(t, e2e.View{}), open(t, e2e.View{})
		file := filepath.Join(t.TempDir(), "relay.db")
		addr, kill := startChild(t, "127.0.0.1:0", file)
		restart(t, &site{Server: &e2e.Server{Addr: addr, URL: "http://" + addr}, t: t}, a, b, kill,
			func() { startChild(t, addr, file) })
	})
}

func restart(t *testing.T, r *site, a, b *tab, stop, start func()) {
	r.prepare(a, "boiler")
	b.visit(r.URL+"/channels/boiler", 200)
	tabs := []*tab{a, b}
	for _, tab := range tabs {
		tab.until("document.getElementById('state').textContent === 'Live'")
	}
	sent := r.send("boiler", packet(1), packet(2))
	for _, tab := range tabs {
		tab.until("document.querySelectorAll('#packets tr').length === 2")
	}

	stop()
	for _, tab := range tabs {
		tab.until("document.getElementById('state').textContent === 'Disconnected'")
	}
	start()
	for i := range 30 {
		sent = append(sent, r.send("boiler", packet(3+i))...)
	}
	for _, tab := range tabs {
		tab.until("document.getElementById('state').textContent === 'Live'")
	}
	sent = append(sent, r.send("boiler", packet(99))...)

	slices.Reverse(sent)
	for _, tab := range tabs {
		tab.sees(`{"n":99}`)
		tab.until(fmt.Sprintf("document.querySelectorAll('#packets tr').length >= %d", len(sent)))
		if got := tab.rows(); !slices.Equal(got, sent) {
			t.Errorf("shown are %v, want %v", got, sent)
		}
		tab.quiet("WebSocket connection", "ERR_CONNECTION")
	}
}
