package hub_test

import (
	"testing"

	"github.com/galeweb/gale/galetest/conform"
	"github.com/galeweb/gale/hub"
)

func TestMemoryBrokerConforms(t *testing.T) {
	t.Parallel()
	conform.Broker(t, func(*testing.T) hub.Broker { return hub.NewMemoryBroker() })
}
