package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/hub/hubclient"
)

// TestBrokerKilled kills the broker between two processes and starts it again.
// Packets are stored all the while, those who watch at the process that took them
// see them, readiness tells, and those at the other are told that they missed some.
func TestBrokerKilled(t *testing.T) {
	t.Parallel()
	galetest.Require(t, "redis") // where there is one, its program is too
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("needs redis-server, to kill it")
	}
	addr := freeAddr(t)
	_, port, _ := net.SplitHostPort(addr)
	dir := t.TempDir()
	run := func() (kill func()) {
		cmd := exec.Command(program, "--bind", "127.0.0.1", "--port", port, "--dir", dir, "--appendonly", "yes", "--appendfsync", "always")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kill = func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		t.Cleanup(kill)
		return kill
	}
	kill := run()

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	database, ops := postgresSchema(t), freeAddr(t)
	settings := []string{"RELAY_HUB_URL=redis://" + addr, "RELAY_HUB_PREFIX=killed-" + strings.ToLower(rand.Text()), keysFor(t)}
	until(ctx, t, "the broker listens", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	a := start(t, database, append(settings, "RELAY_OPS_ADDR="+ops)...)
	b := start(t, database, settings...)
	key := furnish(a)
	presence := make(chan hubclient.Presence, 100)
	here := a.watch(ctx, "", hubclient.SubscribeOptions{Presence: func(p hubclient.Presence) { presence <- p }})
	there := b.watch(ctx, "", hubclient.SubscribeOptions{})
	for (<-presence).Connections != 2 { // both have subscribed
	}
	send := func(n string) {
		t.Helper()
		a.must(http.StatusCreated, http.MethodPost, "/api/v1/channels/open/packets", "application/json", key, `{"kind":"k","payload":{"n":`+n+`}}`)
	}
	comes := func(f *follower, want string) {
		t.Helper()
		select {
		case got := <-f.numbers:
			if got != want {
				t.Errorf("%s came, want %s", got, want)
			}
		case <-ctx.Done():
			t.Fatalf("%s does not come", want)
		}
	}
	ready := func() bool {
		answer, err := http.Get("http://" + ops + "/readyz")
		if err != nil {
			t.Error(err)
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	}
	send("1")
	comes(here, "1")
	comes(there, "1")

	kill()
	until(ctx, t, "readiness tells that the broker is gone", func() bool { return !ready() })
	send("2")
	comes(here, "2")
	run()
	until(ctx, t, "readiness tells that the broker is back", ready)
	comes(there, lost)
	send("3")
	comes(here, "3")
	comes(there, "3")
}

// lost is what a follower hears where packets are missing.
const lost = "lost"

func isLost(err error) bool {
	_, ok := errors.AsType[*hubclient.LostError](err)
	return ok
}

// until returns once what is so.
func until(ctx context.Context, t *testing.T, what string, so func() bool) {
	t.Helper()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for !so() {
		select {
		case <-look.C:
		case <-ctx.Done():
			t.Fatalf("not in time: %s", what)
		}
	}
}
