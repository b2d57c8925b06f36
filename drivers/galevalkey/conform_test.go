package galevalkey_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/valkey-io/valkey-go"

	"github.com/galeweb/gale/drivers/galevalkey"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/galetest/conform"
	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/internal/assert"
)

func open(t testing.TB, url, prefix string) *galevalkey.Broker {
	t.Helper()
	b, err := galevalkey.Open(t.Context(), url, galevalkey.Options{Prefix: prefix, Logger: slog.New(slog.DiscardHandler)})
	assert.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close(context.WithoutCancel(t.Context()))) })
	return b
}

// forget deletes a test's keys.
func forget(t testing.TB, url, prefix string) {
	t.Cleanup(func() {
		option, err := valkey.ParseURL(url)
		assert.NoError(t, err)
		c, err := valkey.NewClient(option)
		assert.NoError(t, err)
		defer c.Close()
		ctx := context.WithoutCancel(t.Context())
		keys, err := c.Do(ctx, c.B().Keys().Pattern("{"+prefix+":*").Build()).AsStrSlice()
		assert.NoError(t, err)
		if len(keys) > 0 {
			assert.NoError(t, c.Do(ctx, c.B().Del().Key(keys...).Build()).Error())
		}
	})
}

func TestBroker(t *testing.T) {
	t.Parallel()
	url := galetest.Require(t, "redis")
	conform.Broker(t, func(t *testing.T, namespace string) hub.Broker {
		forget(t, url, namespace)
		return open(t, url, namespace)
	})
}

func TestBrokerFaults(t *testing.T) {
	t.Parallel()
	conform.BrokerFaults(t, func(t *testing.T) (hub.Broker, func(), func()) {
		s := newServer(t, "--appendonly", "yes", "--appendfsync", "always")
		s.start()
		return open(t, s.url(), "gale"), s.kill, s.start
	})
}

// TestBrokerCluster: three servers share the keys, and each node may receive
// from another one than it writes to.
func TestBrokerCluster(t *testing.T) {
	t.Parallel()
	url := newCluster(t)
	conform.Broker(t, func(t *testing.T, namespace string) hub.Broker { return open(t, url, namespace) })
}
