package conform

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/internal/assert"
)

func brokerPresenceStore(t *testing.T, b hub.Broker) hub.PresenceStore {
	t.Helper()
	p, ok := b.(hub.PresenceStore)
	if !ok {
		t.Skip("the broker keeps no presence")
	}
	return p
}

// brokerMembers writes who is there as "node:members", ordered.
func brokerMembers(t *testing.T, p hub.PresenceStore, name string) string {
	t.Helper()
	members, err := p.Members(t.Context(), name)
	assert.NoError(t, err)
	var words []string
	for _, node := range slices.Sorted(maps.Keys(members)) {
		words = append(words, node+":"+string(members[node]))
	}
	return strings.Join(words, " ")
}

func brokerPresence(t *testing.T, open func() hub.Broker) {
	here, there := brokerPresenceStore(t, open()), brokerPresenceStore(t, open())
	set := func(p hub.PresenceStore, name, node, members string) {
		t.Helper()
		assert.NoError(t, p.SetMembers(t.Context(), name, node, []byte(members), time.Hour))
	}
	assert.Equal(t, brokerMembers(t, here, "n"), "")
	set(here, "n", "node-1", `["u1"]`)
	set(there, "n", "node-2", `["u2"]`)
	for _, p := range []hub.PresenceStore{here, there} {
		assert.Equal(t, brokerMembers(t, p, "n"), `node-1:["u1"] node-2:["u2"]`)
	}
	set(here, "n", "node-1", `["u1","u3"]`)
	assert.Equal(t, brokerMembers(t, there, "n"), `node-1:["u1","u3"] node-2:["u2"]`)
	set(here, "n", "node-1", "")
	set(here, "n", "node-1", "") // a second time is a no-op
	assert.Equal(t, brokerMembers(t, there, "n"), `node-2:["u2"]`)
	set(there, "n", "node-2", "")
	assert.Equal(t, brokerMembers(t, here, "n"), "")
	for i, name := range brokerNames() {
		set(here, name, "node", fmt.Sprint(i))
	}
	for i, name := range brokerNames() {
		assert.Equal(t, brokerMembers(t, there, name), fmt.Sprintf("node:%d", i))
	}
}

// brokerPresenceExpires: those of a node that died vanish, those of one that
// says it again stay, also when it said less long before.
func brokerPresenceExpires(t *testing.T, open func() hub.Broker) {
	b := open()
	p := brokerPresenceStore(t, b)
	set := func(node string, ttl time.Duration) {
		t.Helper()
		assert.NoError(t, p.SetMembers(t.Context(), "n", node, []byte("1"), ttl))
	}
	set("lives", time.Second)
	set("lives", time.Hour)
	set("dies", time.Second)
	brokerPoll(t, "vanished", func() bool { return brokerMembers(t, p, "n") == "lives:1" })
	set("dies", time.Hour)
	assert.Equal(t, brokerMembers(t, p, "n"), "dies:1 lives:1")
}
