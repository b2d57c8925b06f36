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

// Two processes of relay on one Postgres are one relay for those who watch and for
// those who are signed in: whatever carries live packets between them, and wherever
// sessions are kept.
func TestPair(t *testing.T) {
	t.Parallel()
	for name, urls := range map[string]func(t *testing.T) (first, second, sessions string){
		"valkey": func(t *testing.T) (first, second, sessions string) {
			u := galetest.Require(t, "redis")
			return u, u, u
		},
		"nats": func(t *testing.T) (first, second, sessions string) {
			u := galetest.Require(t, "nats")
			return u, u, galetest.Require(t, "memcached")
		},
		"nats embedded": func(t *testing.T) (first, second, sessions string) {
			addr := freeAddr(t)
			return "nats:embedded?listen=" + addr, "nats://" + addr, "cookie:"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := postgresSchema(t)
			first, second, sessions := urls(t)
			settings := []string{"RELAY_SESSION_URL=" + sessions, "RELAY_HUB_PREFIX=pair-" + strings.ToLower(rand.Text()), keysFor(t)}
			a := start(t, database, append(settings, "RELAY_HUB_URL="+first)...)
			b := start(t, database, append(settings, "RELAY_HUB_URL="+second)...)
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
	post := func(p *process, path, session, body string) (renewed string) {
		t.Helper()
		header, _ := p.must(http.StatusSeeOther, http.MethodPost, path, "application/x-www-form-urlencoded", "Cookie: "+session, body)
		return strings.TrimPrefix(sessionCookie(header), "Cookie: ")
	}
	const right = "email=ada%40example.com&password=correct+horse+battery"
	session, owner := post(b, "/sign-in", "", right), post(a, "/sign-in", "", right)
	in := func(session string, status int) {
		t.Helper()
		for _, p := range []*process{a, b} {
			p.must(status, http.MethodGet, "/profile", "", "Cookie: "+session, "")
		}
	}
	in(session, http.StatusOK)
	in(owner, http.StatusOK)

	presence := make(chan hubclient.Presence, 100)
	here := a.watch(ctx, "", hubclient.SubscribeOptions{Presence: func(p hubclient.Presence) { presence <- p }})
	there := b.watch(ctx, session, hubclient.SubscribeOptions{})
	connected := func(n int) {
		for p := range presence {
			if p.Connections == n {
				return
			}
		}
	}
	connected(2) // one on each

	for i, sender := range []*process{a, b, a} {
		body := fmt.Sprintf(`{"kind":"k","payload":{"n":%d}}`, i)
		sender.must(http.StatusCreated, http.MethodPost, "/api/v1/channels/open/packets", "application/json", key, body)
		for _, w := range []*follower{here, there} {
			if got := <-w.numbers; got != fmt.Sprint(i) {
				t.Errorf("packet %s came, want %d", got, i)
			}
		}
	}

	// Who is signed out at one process, from elsewhere or by hand, is out at the
	// other, with the sockets.
	ended := func(f *follower, session string) {
		t.Helper()
		select {
		case <-f.client.Done():
		case <-ctx.Done():
			t.Error("the socket of a session that has ended is still open")
		}
		connected(1)
		in(session, http.StatusUnauthorized)
	}
	owner = post(a, "/profile/sessions/revoke", owner, "")
	ended(there, session)
	there = b.watch(ctx, owner, hubclient.SubscribeOptions{})
	connected(2)
	post(a, "/sign-out", owner, "")
	ended(there, owner)
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
