package hub_test

import (
	"sync"
	"testing"

	"github.com/galeweb/gale/galetest/conform"
	"github.com/galeweb/gale/hub"
)

func TestMemoryBrokerConforms(t *testing.T) {
	t.Parallel()
	var nodes sync.Map // all nodes of a namespace share one broker
	conform.Broker(t, func(_ *testing.T, namespace string) hub.Broker {
		b, _ := nodes.LoadOrStore(namespace, hub.NewMemoryBroker())
		return b.(hub.Broker)
	})
}
