package hub

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/galeweb/gale/internal/assert"
)

// newcomer counts its resets.
type newcomer struct {
	subscriber
	resets int
}

func (n *newcomer) reset() { n.resets++ }

// A message that is published between a subscriber's arrival and the request
// for its history must wait for the history: sent ahead of it, it would have
// the client take the history for known.
func TestNewcomerIsResetAsItArrives(t *testing.T) {
	t.Parallel()
	f := &feed{topic: &topic{subscriptions: prometheus.NewGauge(prometheus.GaugeOpts{Name: "subscriptions"})}}
	n := &newcomer{}
	assert.True(t, f.add(n), "the feed is closed")
	assert.Equal(t, n.resets, 1)
}
