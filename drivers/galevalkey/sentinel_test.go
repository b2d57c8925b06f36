package galevalkey_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/galeweb/gale/drivers/galevalkey"
	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/internal/assert"
)

// newSentinel returns a sentinel that watches a primary as the set app, and needs
// a password. The configuration goes on with lines.
func newSentinel(t *testing.T, primary *server, s *server, lines ...string) *server {
	t.Helper()
	host, port, err := net.SplitHostPort(primary.addr)
	assert.NoError(t, err)
	text := strings.Join(append([]string{
		"requirepass guard", "sentinel monitor app " + host + " " + port + " 1",
		"sentinel down-after-milliseconds app 300", "sentinel failover-timeout app 3000",
	}, lines...), "\n")
	file := filepath.Join(t.TempDir(), "sentinel.conf") // it is written to
	assert.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	s.args = append([]string{s.args[0], file}, append(s.args[1:len(s.args):len(s.args)], "--sentinel")...)
	for i, word := range s.args {
		if word == "--save" { // it has none
			s.args = append(s.args[:i], s.args[i+2:]...)
			break
		}
	}
	s.ready = "+monitor"
	s.option.Password = "guard"
	return s
}

// TestFailover: the primary dies, and the sentinel makes its replica the new one.
// Everything between them and us goes over TLS and needs a password. Those who
// publish and those who subscribe go on, and have the gap.
func TestFailover(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	args := append(a.server("no", "127.0.0.1"), "--tls-replication", "yes")
	guarded := append(args, "--requirepass", "sesame", "--masterauth", "sesame", "--repl-diskless-sync-delay", "0")
	primary := newTLSServer(t, guarded...)
	host, port, _ := net.SplitHostPort(primary.addr)
	replica := newTLSServer(t, append(guarded, "--replicaof", host, port)...)
	sentinel := newSentinel(t, primary, newTLSServer(t, args...), "sentinel auth-pass app sesame")
	for _, s := range []*server{primary, replica, sentinel} {
		s.option.TLSConfig = a.client()
		if s != sentinel {
			s.option.Password = "sesame"
		}
		s.start()
	}
	poll(t, "the replica is known and has caught up", func() bool {
		return strings.Contains(sentinel.do("SENTINEL", "MASTER", "app"), "num-slaves:1") &&
			strings.Contains(replica.do("INFO", "replication"), "master_link_status:up")
	})

	// A password that only sentinels have is not that of the servers.
	address := "valkeys://:sesame@" + sentinel.addr + "?master_set=app&ca=" + url.QueryEscape(a.file("ca.pem"))
	_, err := galevalkey.Open(t.Context(), address, galevalkey.Options{})
	assert.Contains(t, err.Error(), "NOAUTH")
	address += "&sentinel_password=guard"
	writer, reader := open(t, address, "gale"), open(t, address, "gale")
	topics := [2]*hub.Topic[string]{}
	for i, b := range []*galevalkey.Broker{writer, reader} {
		h := hub.New(hub.Options{Broker: b, Logger: slog.New(slog.DiscardHandler), PublishWait: 20 * time.Second})
		t.Cleanup(func() { assert.NoError(t, h.Drain(context.WithoutCancel(t.Context()))) })
		topics[i] = hub.NewTopic(h, "n", hub.TopicOptions[string]{History: 1000})
	}
	here, err := topics[0].Subscribe(t.Context(), "n", hub.SubscribeOptions{})
	assert.NoError(t, err)
	there, err := topics[1].Subscribe(t.Context(), "n", hub.SubscribeOptions{})
	assert.NoError(t, err)
	say := func(from, to int) {
		t.Helper()
		for n := from; n < to; n++ {
			_, err := topics[0].Publish(t.Context(), "n", fmt.Sprint(n))
			assert.NoError(t, err)
		}
	}
	say(0, 10)
	// What the replica has not got dies with the primary.
	assert.Equal(t, primary.do("WAIT", "1", "20000"), "1")
	primary.kill()
	say(10, 20) // the first one waits for the new primary
	assert.Contains(t, replica.do("ROLE"), "master")
	for _, s := range []*hub.Subscription[string]{here, there} {
		seen := 0
		for e, err := range s.Messages() {
			assert.NoError(t, err)
			assert.Equal(t, e.Value, fmt.Sprint(seen))
			if seen++; seen == 20 {
				break
			}
		}
		s.Close()
	}
}

// TestOldPrimary: the sentinels have another primary while the old one answers as
// before. Who receives goes where others publish.
func TestOldPrimary(t *testing.T) {
	t.Parallel()
	old, next := newServer(t), newServer(t)
	old.start()
	next.start()
	sentinel := newSentinel(t, old, newServer(t))
	sentinel.start()
	b := open(t, "valkey://"+sentinel.addr+"?master_set=app&sentinel_password=guard", "gale")
	delivered := make(chan hub.Batch, 100)
	unsubscribe, err := b.Subscribe(t.Context(), kept("n"), func(b hub.Batch) { delivered <- b })
	assert.NoError(t, err)
	t.Cleanup(unsubscribe)
	publish(t, b, kept("n"), "1")
	await(t, delivered, "1")

	host, port, _ := net.SplitHostPort(next.addr)
	sentinel.do("SENTINEL", "REMOVE", "app")
	sentinel.do("SENTINEL", "MONITOR", "app", host, port, "1")
	client, err := valkey.NewClient(valkey.ClientOption{InitAddress: []string{next.addr}, ForceSingleClient: true, DisableCache: true})
	assert.NoError(t, err)
	t.Cleanup(client.Close)
	other := galevalkey.New(client, galevalkey.Options{})
	t.Cleanup(func() { assert.NoError(t, other.Close(context.WithoutCancel(t.Context()))) })
	poll(t, "what is published at the new primary is received", func() bool {
		publish(t, other, kept("n"), "2")
		for len(delivered) > 0 {
			for _, e := range (<-delivered).Entries {
				if string(e.Data) == "2" {
					return true
				}
			}
		}
		return false
	})
}
