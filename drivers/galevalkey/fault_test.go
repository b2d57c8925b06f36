package galevalkey_test

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/galeweb/gale/drivers/galevalkey"
	"github.com/galeweb/gale/galetest"
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

// await returns once an entry has been delivered, and what came with it.
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

// TestServerForgets: the server comes back with what it had saved a while ago.
// Who saw the lost messages must not take new ones for them.
func TestServerForgets(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.start()
	b := open(t, s.url(), "gale")
	saved := publish(t, b, kept("n"), "1", "2")
	s.do("SAVE")
	lost := publish(t, b, kept("n"), "3", "4")
	assert.Equal(t, lost.Offset, saved.Offset+2)
	s.kill()
	s.start()
	poll(t, "back", func() bool { return b.Check(t.Context()) == nil })

	h, err := b.History(t.Context(), kept("n"), &lost, 10)
	assert.NoError(t, err)
	assert.True(t, !h.Recovered, "the position is of the future")
	top := publish(t, b, kept("n"), "5", "6", "7")
	assert.True(t, top.Offset > lost.Offset+3, "the offsets are new ones")
	for _, c := range []struct {
		since hub.Position
		want  string
	}{{saved, "5 6 7"}, {lost, ""}} {
		h, err := b.History(t.Context(), kept("n"), &c.since, 10)
		assert.NoError(t, err)
		assert.Equal(t, text(h.Entries), c.want)
		assert.Equal(t, h.Recovered, c.want != "")
		assert.Equal(t, h.Top, top)
	}
	h, err = b.History(t.Context(), kept("n"), nil, 10)
	assert.NoError(t, err)
	assert.Equal(t, text(h.Entries), "1 2 5 6 7")

	// A server that lost everything begins a new epoch.
	s.do("FLUSHALL")
	again := publish(t, b, kept("n"), "8")
	assert.Equal(t, again.Offset, uint64(1))
	assert.True(t, again.Epoch != top.Epoch, "the epoch is a new one")
}

// TestStreamEvicted: the server dropped one of two keys to free memory.
func TestStreamEvicted(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.start()
	b := open(t, s.url(), "gale")
	first := publish(t, b, kept("n"), "1")
	publish(t, b, kept("n"), "2")
	s.do("DEL", "{gale:n}:stream")
	for _, since := range []*hub.Position{&first, nil} {
		h, err := b.History(t.Context(), kept("n"), since, 10)
		assert.NoError(t, err)
		assert.Equal(t, text(h.Entries), "")
		assert.True(t, !h.Recovered, "what is gone was missed")
	}
	publish(t, b, kept("n"), "3")
	h, err := b.History(t.Context(), kept("n"), &first, 10)
	assert.NoError(t, err)
	assert.True(t, !h.Recovered, "what is gone was missed")

	s.do("DEL", "{gale:n}:meta")
	h, err = b.History(t.Context(), kept("n"), nil, 10)
	assert.NoError(t, err)
	assert.Equal(t, text(h.Entries), "") // they have no epoch any more
	assert.True(t, h.Top.Epoch != first.Epoch, "the epoch is a new one")
}

// TestServerFrozen: the server neither answers nor refuses.
func TestServerFrozen(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.start()
	b, err := galevalkey.Open(t.Context(), s.url(), galevalkey.Options{Timeout: 200 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	assert.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close(context.WithoutCancel(t.Context()))) })
	delivered := make(chan hub.Batch, 10)
	unsubscribe, err := b.Subscribe(t.Context(), kept("n"), func(b hub.Batch) { delivered <- b })
	assert.NoError(t, err)
	t.Cleanup(unsubscribe)
	publish(t, b, kept("n"), "1")
	await(t, delivered, "1")

	s.freeze()
	_, err = b.Publish(t.Context(), kept("n"), publication("2"))
	assert.ErrorIs(t, err, hub.ErrBrokerLost)
	assert.ErrorIs(t, b.Check(t.Context()), hub.ErrBrokerLost)
	_, err = b.History(t.Context(), kept("n"), nil, 1)
	assert.ErrorIs(t, err, hub.ErrBrokerLost)
	s.thaw()
	poll(t, "back", func() bool {
		_, err := b.Publish(t.Context(), kept("n"), publication("3"))
		return err == nil && b.Check(t.Context()) == nil
	})
	await(t, delivered, "3")
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	refused := l.Addr().String()
	assert.NoError(t, l.Close())
	for url, want := range map[string]string{
		"http://:sesame@127.0.0.1":             "does not parse",
		"redis://:ses%ame@127.0.0.1":           "does not parse",
		"redis://:sesame@127.0.0.1/x":          "does not parse",
		"redis://:sesame@127.0.0.1?protocol=2": "RESP3",
		"redis://:sesame@" + refused:           "hub: broker is lost",
	} {
		b, err := galevalkey.Open(t.Context(), url, galevalkey.Options{})
		if err == nil {
			_ = b.Close(t.Context())
			t.Fatalf("%s was opened", url)
		}
		assert.Contains(t, err.Error(), want)
		assert.True(t, !strings.Contains(err.Error(), "sesame"), "the error shows the password: "+err.Error())
	}
}

// TestWrongPassword: the server refuses, and is not lost.
func TestWrongPassword(t *testing.T) {
	t.Parallel()
	s := newServer(t, "--requirepass", "open")
	s.start()
	_, err := galevalkey.Open(t.Context(), "redis://:sesame@"+s.addr, galevalkey.Options{})
	assert.Contains(t, err.Error(), "WRONGPASS")
	open(t, "redis://:open@"+s.addr, "gale")
}

// TestForeignMessage: somebody else publishes on one of our channels.
func TestForeignMessage(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.start()
	logs := galetest.NewLog(t)
	logs.Expect("not one of gale's")
	option, err := valkey.ParseURL(s.url())
	assert.NoError(t, err)
	client, err := valkey.NewClient(option)
	assert.NoError(t, err)
	t.Cleanup(client.Close)
	b := galevalkey.New(client, galevalkey.Options{Logger: logs.Logger()})
	t.Cleanup(func() { assert.NoError(t, b.Close(context.WithoutCancel(t.Context()))) })
	delivered := make(chan hub.Batch, 10)
	unsubscribe, err := b.Subscribe(t.Context(), kept("n"), func(b hub.Batch) { delivered <- b })
	assert.NoError(t, err)
	t.Cleanup(unsubscribe)
	s.do("PUBLISH", "gale:n", "hello")
	publish(t, b, kept("n"), "1")
	assert.Equal(t, text(await(t, delivered, "1").Entries), "1")
}

// TestClosed: a broker that was never used, one that is closed.
func TestClosed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.start()
	b, err := galevalkey.Open(t.Context(), s.url(), galevalkey.Options{})
	assert.NoError(t, err)
	unsubscribe, err := b.Subscribe(t.Context(), kept("n"), func(hub.Batch) {})
	assert.NoError(t, err)
	assert.NoError(t, b.Close(t.Context()))
	_, err = b.Publish(t.Context(), kept("n"), publication("1"))
	assert.ErrorIs(t, err, hub.ErrBrokerLost)
	_, err = b.Subscribe(t.Context(), kept("m"), func(hub.Batch) {})
	assert.ErrorIs(t, err, hub.ErrBrokerLost)
	unsubscribe()
	assert.NoError(t, b.Close(t.Context()))
}
