package galenats_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/galeweb/gale/drivers/galenats"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/galetest/conform"
	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/internal/assert"
)

func open(t testing.TB, url string, o galenats.Options) *galenats.Broker {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	b, err := galenats.Open(t.Context(), url, o)
	assert.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close(context.WithoutCancel(t.Context()))) })
	return b
}

// forget deletes a test's streams.
func forget(t testing.TB, url, prefix string) {
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		nc, err := nats.Connect(url)
		assert.NoError(t, err)
		defer nc.Close()
		js, err := jetstream.New(nc)
		assert.NoError(t, err)
		names := js.StreamNames(ctx, jetstream.WithStreamListSubject(prefix+".>"))
		for name := range names.Name() {
			assert.NoError(t, js.DeleteStream(ctx, name))
		}
		assert.NoError(t, names.Err())
	})
}

func TestBroker(t *testing.T) {
	t.Parallel()
	url := galetest.Require(t, "nats")
	conform.Broker(t, func(t *testing.T, namespace string) hub.Broker {
		forget(t, url, namespace)
		return open(t, url, galenats.Options{Prefix: namespace, Memory: true})
	})
}

// TestBrokerEmbedded: the first node has the server in the process, the others
// connect to it.
func TestBrokerEmbedded(t *testing.T) {
	t.Parallel()
	var servers sync.Map
	conform.Broker(t, func(t *testing.T, namespace string) hub.Broker {
		o := galenats.Options{Prefix: namespace}
		if url, ok := servers.Load(namespace); ok {
			o.Memory = true
			return open(t, url.(string), o)
		}
		addr := freeAddr(t)
		b := open(t, "nats:embedded?listen="+addr, o)
		servers.Store(namespace, "nats://"+addr)
		return b
	})
}

func TestBrokerFaults(t *testing.T) {
	t.Parallel()
	conform.BrokerFaults(t, func(t *testing.T) (hub.Broker, func(), func()) {
		p := newProcess(t)
		p.start()
		return open(t, "nats://"+p.addr, galenats.Options{}), p.kill, p.start
	})
}

func TestBrokerFaultsEmbedded(t *testing.T) {
	t.Parallel()
	conform.BrokerFaults(t, func(t *testing.T) (hub.Broker, func(), func()) {
		l := newLibrary(t)
		l.start()
		return open(t, "nats://"+l.addr, galenats.Options{}), l.shutdown, l.start
	})
}
