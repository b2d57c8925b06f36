package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/hub/hubclient"
)

// Of two processes one is killed, as by a power cut. Its watchers come to the
// other and miss nothing that was acknowledged, by either; and those that were
// counted at the dead one are forgotten.
func TestSurvivor(t *testing.T) {
	t.Parallel()
	for name, service := range map[string]string{"valkey": "redis", "nats": "nats"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := postgresSchema(t)
			settings := []string{
				"RELAY_HUB_URL=" + galetest.Require(t, service), "RELAY_HUB_PREFIX=survivor-" + strings.ToLower(rand.Text()),
				"RELAY_PRESENCE_TTL=2s",
			}
			testSurvivor(t, start(t, database, settings...), start(t, database, settings...))
		})
	}
}

func testSurvivor(t *testing.T, dies, stays *process) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	key := furnish(stays)
	send := func(p *process, n int) bool {
		body := fmt.Sprintf(`{"kind":"k","payload":{"n":%d}}`, n)
		status, _, _, err := p.do(http.MethodPost, "/api/v1/channels/open/packets", "application/json", key, body)
		return err == nil && status == http.StatusCreated
	}
	presence := make(chan int, 1000)
	counted := func(want int) {
		t.Helper()
		for last := 0; last != want; {
			select {
			case last = <-presence:
			case <-ctx.Done():
				t.Fatalf("%d are counted, want %d", last, want)
			}
		}
	}
	stayer := stays.watch(ctx, "", hubclient.SubscribeOptions{Presence: func(p hubclient.Presence) { presence <- p.Connections }})
	counted(1)
	// Two watch at the process that dies. One of them will come to the other.
	lost, left := dies.Transport.(*http.Transport).DialContext, stays.Transport.(*http.Transport).DialContext
	mover := follow(ctx, t, func(ctx context.Context, network, addr string) (net.Conn, error) {
		if conn, err := lost(ctx, network, addr); err == nil {
			return conn, nil
		}
		return left(ctx, network, addr)
	}, "", hubclient.SubscribeOptions{})
	leaver := dies.watch(ctx, "", hubclient.SubscribeOptions{})
	counted(3)

	// Less than the history of a channel, so that none may be missing.
	const whole, torn, after = 10, 20, 40
	for n := range whole {
		if !send([]*process{dies, stays}[n%2], n) {
			t.Fatalf("packet %d was not taken", n)
		}
	}
	var senders sync.WaitGroup
	acked := make([]bool, whole+torn+after) // each sender has its own
	var kill sync.Once
	for n := whole; n < whole+torn; n++ {
		senders.Go(func() {
			if send(dies, n) {
				acked[n] = true
				kill.Do(dies.kill)
			}
		})
	}
	senders.Wait()
	for n := range acked {
		switch {
		case n >= whole+torn && !send(stays, n):
			t.Fatalf("the survivor has not taken packet %d", n)
		case n < whole || n >= whole+torn:
			acked[n] = true
		}
	}
	for _, f := range []*follower{stayer, mover} {
		f.expect(ctx, t, acked)
	}
	leaver.client.Close()
	counted(2)
}

// expect reads packets until the last of after has come. Each that was
// acknowledged must have come once, and any other once at most.
func (f *follower) expect(ctx context.Context, t *testing.T, acked []bool) {
	t.Helper()
	times := make([]int, len(acked))
	for times[len(acked)-1] == 0 {
		select {
		case got := <-f.numbers:
			n, err := strconv.Atoi(got)
			if err != nil {
				t.Fatal("packets were lost")
			}
			times[n]++
		case <-ctx.Done():
			t.Fatalf("packets do not come: %v", times)
		}
	}
	for n, is := range acked {
		if times[n] > 1 || is && times[n] == 0 {
			t.Errorf("packet %d, acknowledged: %v, came %d times", n, is, times[n])
		}
	}
}
