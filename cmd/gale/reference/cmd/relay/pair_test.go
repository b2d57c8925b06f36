package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/hub/hubclient"
)

// Two processes of relay on one Postgres are one relay for those who watch:
// whatever carries live packets between them.
func TestPair(t *testing.T) {
	t.Parallel()
	for name, urls := range map[string]func(t *testing.T) (first, second string){
		"valkey": func(t *testing.T) (first, second string) {
			u := galetest.Require(t, "redis")
			return u, u
		},
		"nats": func(t *testing.T) (first, second string) {
			u := galetest.Require(t, "nats")
			return u, u
		},
		"nats embedded": func(t *testing.T) (first, second string) {
			addr := freeAddr(t)
			return "nats:embedded?listen=" + addr, "nats://" + addr
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := postgresSchema(t)
			first, second := urls(t)
			keys, prefix := keysFor(t), "RELAY_HUB_PREFIX=pair-"+strings.ToLower(rand.Text())
			a := start(t, database, "RELAY_HUB_URL="+first, prefix, keys)
			b := start(t, database, "RELAY_HUB_URL="+second, prefix, keys)
			testPair(t, a, b)
		})
	}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func testPair(t *testing.T, a, b *process) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	key := furnish(a)
	header, _ := b.must(http.StatusSeeOther, http.MethodPost, "/sign-in", "application/x-www-form-urlencoded", "", "email=ada%40example.com&password=correct+horse+battery")
	session := strings.TrimPrefix(sessionCookie(header), "Cookie: ")

	presence := make(chan hubclient.Presence, 100)
	here := a.watch(ctx, "", hubclient.SubscribeOptions{Presence: func(p hubclient.Presence) { presence <- p }})
	there := b.watch(ctx, session, hubclient.SubscribeOptions{})
	for p := range presence {
		if p.Connections == 2 { // one on each
			break
		}
	}

	for i, sender := range []*process{a, b, a} {
		body := fmt.Sprintf(`{"kind":"k","payload":{"n":%d}}`, i)
		sender.must(http.StatusCreated, http.MethodPost, "/api/v1/channels/open/packets", "application/json", key, body)
		for _, w := range []*follower{here, there} {
			if got := <-w.numbers; got != fmt.Sprint(i) {
				t.Errorf("packet %s came, want %d", got, i)
			}
		}
	}

	// Who signs out at one process is out at the other, with the sockets.
	a.must(http.StatusSeeOther, http.MethodPost, "/sign-out", "application/x-www-form-urlencoded", "Cookie: "+session, "")
	select {
	case <-there.client.Done():
	case <-ctx.Done():
		t.Error("the socket of a session that has ended is still open")
	}
	for p := range presence {
		if p.Connections == 1 {
			break
		}
	}
	here.client.Close()
}

// follower is one who watches the channel open.
type follower struct {
	client  *hubclient.Client
	numbers chan string // the number in each packet, or lost
}

func (p *process) watch(ctx context.Context, cookie string, o hubclient.SubscribeOptions) *follower {
	p.t.Helper()
	return follow(ctx, p.t, p.Transport.(*http.Transport).DialContext, cookie, o)
}

// dialer connects to a process, or to one of several.
type dialer func(ctx context.Context, network, addr string) (net.Conn, error)

func follow(ctx context.Context, t *testing.T, dial dialer, cookie string, o hubclient.SubscribeOptions) *follower {
	t.Helper()
	header := http.Header{}
	if cookie != "" {
		header.Set("Cookie", cookie)
	}
	c, err := hubclient.Dial(ctx, "ws://relay/live", hubclient.Options{
		Header: header, DialContext: dial, MinWait: 50 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	sub, err := hubclient.Subscribe[struct {
		Payload struct {
			N int `json:"n"`
		} `json:"payload"`
	}](ctx, c, "packets/open", o)
	if err != nil {
		t.Fatal(err)
	}
	f := &follower{client: c, numbers: make(chan string, 100)}
	go func() {
		for e, err := range sub.Messages() {
			switch {
			case err == nil:
				f.numbers <- fmt.Sprint(e.Value.Payload.N)
			case isLost(err):
				f.numbers <- lost
			}
		}
	}()
	return f
}
