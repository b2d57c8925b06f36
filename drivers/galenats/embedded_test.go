package galenats_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/galeweb/gale/drivers/galenats"
	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/internal/assert"
)

func kept(name string) hub.Stream {
	return hub.Stream{Name: name, Keep: hub.Retention{Messages: 100, Age: time.Hour}}
}

func publish(t testing.TB, b hub.Broker, s hub.Stream, data ...string) hub.Position {
	t.Helper()
	pos, err := b.Publish(t.Context(), s, publication(data...))
	assert.NoError(t, err)
	return pos
}

func publication(data ...string) hub.Publication {
	return hub.Publication{Count: len(data), Encode: func() ([]hub.Entry, error) {
		var entries []hub.Entry
		for _, d := range data {
			entries = append(entries, hub.Entry{Data: []byte(d)})
		}
		return entries, nil
	}}
}

func text(entries []hub.Entry) string {
	var words []string
	for _, e := range entries {
		words = append(words, string(e.Data))
	}
	return strings.Join(words, " ")
}

// poll returns once done is true, for what nobody announces.
func poll(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%s: not in 30 seconds", what)
		}
	}
}

// await returns the batch in which an entry arrives.
func await(t *testing.T, delivered <-chan hub.Batch, data string) hub.Batch {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	for {
		select {
		case batch := <-delivered:
			for _, e := range batch.Entries {
				if string(e.Data) == data {
					return batch
				}
			}
		case <-deadline.C:
			t.Fatalf("%s was not delivered in 30 seconds", data)
		}
	}
}

// TestEmbeddedDir: history outlives the process, and a secret is asked for.
func TestEmbeddedDir(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	url := "nats:embedded?dir=" + t.TempDir() + "&secret=open&listen=" + addr
	b, err := galenats.Open(t.Context(), url, galenats.Options{Logger: slog.New(slog.DiscardHandler)})
	assert.NoError(t, err)
	first := publish(t, b, kept("n"), "1")
	publish(t, b, kept("n"), "2")
	_, err = galenats.Open(t.Context(), "nats://sesame@"+addr, galenats.Options{})
	assert.ErrorIs(t, err, nats.ErrAuthorization)
	assert.True(t, !strings.Contains(fmt.Sprint(err), "sesame"), "the error shows the secret")
	assert.NoError(t, b.Close(t.Context()))

	b = open(t, url, galenats.Options{})
	h, err := b.History(t.Context(), kept("n"), &first, 10)
	assert.NoError(t, err)
	assert.Equal(t, text(h.Entries), "2")
	assert.True(t, h.Recovered, "the files are there")
	other := open(t, "nats://open@"+addr, galenats.Options{})
	publish(t, other, kept("n"), "3")
}

// TestEmbeddedCluster: three processes are each other's servers. One may be
// lost.
func TestEmbeddedCluster(t *testing.T) {
	t.Parallel()
	addrs := []string{freeAddr(t), freeAddr(t), freeAddr(t)}
	var nodes []*galenats.Broker
	for i, addr := range addrs {
		nodes = append(nodes, open(t, fmt.Sprintf("nats:embedded?dir=%s&name=n%d&secret=s&cluster=%s&routes=%s",
			t.TempDir(), i, addr, strings.Join(addrs, ",")), galenats.Options{Replicas: 3}))
	}
	s := kept("n")
	var start hub.Position
	poll(t, "the cluster forms", func() bool {
		pos, err := nodes[0].Publish(t.Context(), s, publication("0"))
		start = pos
		return err == nil
	})
	delivered := make(chan hub.Batch, 100)
	poll(t, "subscribed", func() bool {
		unsubscribe, err := nodes[1].Subscribe(t.Context(), s, func(b hub.Batch) { delivered <- b })
		if err == nil {
			t.Cleanup(unsubscribe)
		}
		return err == nil
	})
	publish(t, nodes[2], s, "1")
	assert.Equal(t, await(t, delivered, "1").Prev, start.Offset)

	assert.NoError(t, nodes[0].Close(t.Context()))
	poll(t, "publishing goes on", func() bool {
		_, err := nodes[2].Publish(t.Context(), s, publication("2"))
		return err == nil
	})
	await(t, delivered, "2")
	h, err := nodes[1].History(t.Context(), s, &start, 10)
	assert.NoError(t, err)
	assert.True(t, h.Recovered, "two of three have it")
	assert.True(t, strings.HasPrefix(text(h.Entries), "1 2"), text(h.Entries))
}

// TestEmbeddedMemory: nothing is left of it.
func TestEmbeddedMemory(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	b, err := galenats.Open(t.Context(), "nats:embedded", galenats.Options{})
	assert.NoError(t, err)
	publish(t, b, kept("n"), "1")
	assert.NoError(t, b.Close(t.Context()))
	left, err := os.ReadDir(temp)
	assert.NoError(t, err)
	assert.Equal(t, len(left), 0)
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"http://sesame@127.0.0.1":                      "does not parse",
		"nats://u:ses%ame@127.0.0.1":                   "does not parse",
		"nats://u:sesame@127.0.0.1,127.0.0.1":          "does not parse",
		"nats://u:sesame@" + freeAddr(t):               "hub: broker is lost",
		"nats:embeddedx":                               "does not parse",
		"nats:embedded?store=sesame":                   `parameter "store"`,
		"nats:embedded?listen=4222":                    "write host:port",
		"nats:embedded?listen=0.0.0.0:0":               "add a secret",
		"nats:embedded?cluster=:0":                     "add a secret",
		"nats:embedded?listen=gale.example.com:0":      "add a secret",
		"nats:embedded?routes=127.0.0.1:1":             "routes without cluster",
		"nats:embedded?cluster=127.0.0.1:0&routes=one": `route "one"`,
	} {
		b, err := galenats.Open(t.Context(), url, galenats.Options{})
		if err == nil {
			_ = b.Close(t.Context())
			t.Fatalf("%s was opened", url)
		}
		assert.Contains(t, err.Error(), want)
		assert.True(t, !strings.Contains(err.Error(), "sesame"), "the error shows the password: "+err.Error())
	}
	for _, o := range []galenats.Options{{Prefix: "a.b"}, {Prefix: "a b"}, {Timeout: -1}, {Replicas: -1}} {
		assert.Contains(t, assert.Panics(t, func() { galenats.New(nil, o) }).(string), "galenats: prefix")
	}
}

// TestClosed: calls after Close, on a connection that lives on.
func TestClosed(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	l.start()
	nc, err := nats.Connect("nats://" + l.addr)
	assert.NoError(t, err)
	t.Cleanup(nc.Close)
	b := galenats.New(nc, galenats.Options{})
	unsubscribe, err := b.Subscribe(t.Context(), kept("n"), func(hub.Batch) {})
	assert.NoError(t, err)
	publish(t, b, kept("n"), "1")
	assert.NoError(t, b.Close(context.WithoutCancel(t.Context())))
	_, err = b.Publish(t.Context(), kept("n"), publication("2"))
	assert.ErrorIs(t, err, hub.ErrBrokerLost)
	unsubscribe()
	assert.NoError(t, b.Close(t.Context()))
	assert.True(t, nc.IsConnected(), "the connection is the caller's")
}
