package galenats_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/galeweb/gale/drivers/galenats"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/internal/assert"
)

// TestServerFrozen: the server neither answers nor refuses.
func TestServerFrozen(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	p.start()
	b := open(t, "nats://"+p.addr, galenats.Options{Timeout: 300 * time.Millisecond})
	delivered := make(chan hub.Batch, 10)
	unsubscribe, err := b.Subscribe(t.Context(), kept("n"), func(b hub.Batch) { delivered <- b })
	assert.NoError(t, err)
	t.Cleanup(unsubscribe)
	first := publish(t, b, kept("n"), "1")
	await(t, delivered, "1")

	p.freeze()
	_, err = b.Publish(t.Context(), kept("n"), publication("2"))
	assert.ErrorIs(t, err, hub.ErrBrokerLost)
	assert.ErrorIs(t, b.Check(t.Context()), hub.ErrBrokerLost)
	_, err = b.History(t.Context(), kept("n"), &first, 1)
	assert.ErrorIs(t, err, hub.ErrBrokerLost)
	p.thaw()
	poll(t, "back", func() bool {
		_, err := b.Publish(t.Context(), kept("n"), publication("3"))
		return err == nil && b.Check(t.Context()) == nil
	})
	await(t, delivered, "3")
}

// TestStreamGone: somebody deleted the stream. It is made again, in a new
// epoch, and no position of the old one is taken for one of the new.
func TestStreamGone(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	l.start()
	b := open(t, "nats://"+l.addr, galenats.Options{})
	delivered := make(chan hub.Batch, 10)
	unsubscribe, err := b.Subscribe(t.Context(), kept("n"), func(b hub.Batch) { delivered <- b })
	assert.NoError(t, err)
	t.Cleanup(unsubscribe)
	publish(t, b, kept("n"), "1")
	old := publish(t, b, kept("n"), "2")
	await(t, delivered, "2")
	js, nc := admin(t, l.addr)
	defer nc.Close()
	assert.NoError(t, js.DeleteStream(t.Context(), "GALE_gale_100-3600000"))

	pos := publish(t, b, kept("n"), "3")
	assert.True(t, pos.Epoch != old.Epoch, "the epoch is a new one")
	assert.Equal(t, pos.Offset, uint64(1))
	assert.Equal(t, await(t, delivered, "3").Epoch, pos.Epoch)
	h, err := b.History(t.Context(), kept("n"), &old, 10)
	assert.NoError(t, err)
	assert.True(t, !h.Recovered, "the stream is another")
	assert.Equal(t, h.Top, pos)
}

func admin(t *testing.T, addr string) (jetstream.JetStream, *nats.Conn) {
	t.Helper()
	nc, err := nats.Connect("nats://" + addr)
	assert.NoError(t, err)
	js, err := jetstream.New(nc)
	assert.NoError(t, err)
	return js, nc
}

// TestForeign: a stream that is not ours, and messages that are not.
func TestForeign(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	l.start()
	js, nc := admin(t, l.addr)
	defer nc.Close()
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "GALE_gale_7-0", Subjects: []string{"gale.h.7-0.>"}})
	assert.NoError(t, err)
	logs := galetest.NewLog(t)
	logs.Expect("not one of gale's")
	b := galenats.New(nc, galenats.Options{Logger: logs.Logger()})
	t.Cleanup(func() { assert.NoError(t, b.Close(context.WithoutCancel(t.Context()))) })
	_, err = b.Publish(t.Context(), hub.Stream{Name: "n", Keep: hub.Retention{Messages: 7}}, publication("1"))
	assert.Contains(t, err.Error(), "delete it")

	delivered := make(chan hub.Batch, 10)
	unsubscribe, err := b.Subscribe(t.Context(), hub.Stream{Name: "n"}, func(b hub.Batch) { delivered <- b })
	assert.NoError(t, err)
	t.Cleanup(unsubscribe)
	assert.NoError(t, nc.Publish("gale.u.n", []byte("hello")))
	publish(t, b, hub.Stream{Name: "n"}, "1")
	assert.Equal(t, text(await(t, delivered, "1").Entries), "1")
}

// TestTooBig: what the servers refuse is no reason to believe that they are
// lost.
func TestTooBig(t *testing.T) {
	t.Parallel()
	b := open(t, "nats:embedded", galenats.Options{})
	big := `"` + strings.Repeat("x", 2<<20) + `"`
	for _, s := range []hub.Stream{kept("n"), {Name: "n"}} {
		_, err := b.Publish(t.Context(), s, publication(big))
		assert.ErrorIs(t, err, nats.ErrMaxPayload)
		_, err = b.Publish(t.Context(), s, publication("1", big))
		assert.ErrorIs(t, err, nats.ErrMaxPayload)
		assert.True(t, !errors.Is(err, hub.ErrBrokerLost), "the servers are there")
	}
}
