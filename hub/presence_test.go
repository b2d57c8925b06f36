package hub

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/internal/assert"
)

// subscribed and member are what a client hears, for heard.
const subscribedN1 = "{'type':'subscribed','topic':'n/1','epoch':'~','offset':0}"

func member(user string) string { return "{'user':'" + user + "','conn':'~','since':0}" }

func TestPresence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first, second, topics := twoNodes(NewMemoryBroker(), TopicOptions[int]{Authorize: AllowAll, Presence: true})
		ann, tab := newFakeClient(t, first, as(t, "ann")), newFakeClient(t, first, as(t, "ann"))
		bob := newFakeClient(t, second, as(t, "bob"))
		say := func(c *fakeClient) { c.say("{'type':'subscribe','topic':'n/1','presence':true}") }
		settle := func() { time.Sleep(time.Second); synctest.Wait() }

		say(ann)
		ann.heard(t, subscribedN1, "{'type':'presence','topic':'n/1','members':["+member("ann")+"],'users':1,'connections':1}")
		settle()
		time.Sleep(time.Millisecond)
		say(tab) // a second tab is the same user
		tab.heard(t, subscribedN1, "{'type':'presence','topic':'n/1','members':["+member("ann")+","+member("ann")+"],'users':1,'connections':2}")
		ann.heard(t, "{'type':'joined','topic':'n/1','member':"+member("ann")+",'users':1,'connections':2}")
		settle()

		// The other node finds out, and tells.
		say(bob)
		settle()
		bob.heard(t, subscribedN1,
			"{'type':'presence','topic':'n/1','members':["+member("bob")+"],'users':1,'connections':1}",
			"{'type':'joined','topic':'n/1','member':"+member("ann")+",'users':2,'connections':3}",
			"{'type':'joined','topic':'n/1','member':"+member("ann")+",'users':2,'connections':3}")
		ann.heard(t, "{'type':'joined','topic':'n/1','member':"+member("bob")+",'users':2,'connections':3}")
		for _, topic := range topics {
			p, err := topic.Presence(t.Context(), "n/1")
			assert.NoError(t, err)
			assert.Equal(t, fmt.Sprint(p.Users, p.Connections, len(p.Members), p.Members[0].User), "2 3 3ann")
		}

		tab.say("{'type':'unsubscribe','topic':'n/1'}")
		settle()
		ann.heard(t, "{'type':'left','topic':'n/1','member':"+member("ann")+",'users':2,'connections':2}")
		bob.heard(t, "{'type':'left','topic':'n/1','member':"+member("ann")+",'users':2,'connections':2}")

		// A node that drains takes its own with it.
		drain(t, first, ann, tab)
		settle()
		bob.heard(t, "{'type':'presence','topic':'n/1','members':["+member("bob")+"],'users':1,'connections':1}")
		bob.hang()
		settle()
		assert.Equal(t, len(second.presences), 0)
		p, err := topics[1].Presence(t.Context(), "n/1")
		assert.NoError(t, err)
		assert.Equal(t, p.Connections, 0)
		_, err = NewTopic(second, "plain", TopicOptions[int]{}).Presence(t.Context(), "plain")
		assert.Contains(t, err.Error(), "set TopicOptions.Presence")
		drain(t, second)
	})
}

// TestPresenceOfDeadNode: who was on a node that died vanishes.
func TestPresenceOfDeadNode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewMemoryBroker()
		h, _, _ := twoNodes(b, TopicOptions[int]{Authorize: AllowAll, Presence: true})
		assert.NoError(t, b.SetMembers(t.Context(), "n/1", "dead", []byte(`{"users":1,"connections":1,"members":[{"user":"eve","conn":"x","since":1}]}`), presenceTTL))
		ann := newFakeClient(t, h, as(t, "ann"))
		ann.say("{'type':'subscribe','topic':'n/1','presence':true}")
		time.Sleep(time.Second)
		ann.heard(t, subscribedN1, "{'type':'presence','topic':'n/1','members':["+member("ann")+"],'users':1,'connections':1}",
			"{'type':'joined','topic':'n/1','member':"+member("eve")+",'users':2,'connections':2}")
		time.Sleep(presenceTTL + presenceTTL/3)
		ann.heard(t, "{'type':'presence','topic':'n/1','members':["+member("ann")+"],'users':1,'connections':1}")
		drain(t, h, ann)
	})
}

// TestPresenceTTL: a node says within the time that it was given that those it
// has are still there, and only so long they are counted after its death.
func TestPresenceTTL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const ttl = 3 * time.Second
		b := NewMemoryBroker()
		hubs := [2]*Hub{}
		for i := range hubs {
			hubs[i] = New(Options{Broker: b, Identify: identify, DrainOver: -1, PresenceTTL: ttl})
			NewTopic(hubs[i], "n/{x}", TopicOptions[int]{Authorize: AllowAll, Presence: true})
		}
		ann, bob := newFakeClient(t, hubs[0], as(t, "ann")), newFakeClient(t, hubs[1], as(t, "bob"))
		for _, c := range []*fakeClient{ann, bob} {
			c.say("{'type':'subscribe','topic':'n/1','presence':true}")
		}
		time.Sleep(10 * ttl)
		said, err := b.Members(t.Context(), "n/1")
		assert.NoError(t, err)
		assert.Equal(t, len(said), 2)
		ann.link.take()

		// The other dies: nobody speaks for it any more.
		hubs[1].presencesMu.Lock()
		hubs[1].presences["n/1"].sync.Stop()
		hubs[1].presencesMu.Unlock()
		time.Sleep(ttl + ttl/3 + time.Second)
		ann.heard(t, "{'type':'presence','topic':'n/1','members':["+member("ann")+"],'users':1,'connections':1}")
		drain(t, hubs[0], ann)
		drain(t, hubs[1], bob)
	})
	assert.Contains(t, fmt.Sprint(assert.Panics(t, func() { New(Options{PresenceTTL: time.Millisecond}) })), "PresenceTTL is 1ms")
}

// TestPresenceOfMany: beyond a hundred, clients are told the number, once a
// second.
func TestPresenceOfMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, _, _ := twoNodes(NewMemoryBroker(), TopicOptions[int]{Authorize: AllowAll, Presence: true})
		var clients []*fakeClient
		for i := range 150 {
			c := newFakeClient(t, h, as(t, fmt.Sprint("u", i)))
			c.say("{'type':'subscribe','topic':'n/1','presence':true}")
			clients = append(clients, c)
		}
		time.Sleep(2 * time.Second)
		got := clients[0].link.take()
		assert.Equal(t, len(got), 2+99+1) // subscribed, presence, 99 joined, one count
		assert.Equal(t, got[len(got)-1], `{"type":"presence","topic":"n/1","users":150,"connections":150,"partial":true}`)
		last := clients[149].link.take()
		assert.Contains(t, last[1], `"users":150,"connections":150,"partial":true`)
		for _, c := range clients[50:] {
			c.hang()
		}
		time.Sleep(2 * time.Second)
		got = clients[0].link.take()
		assert.Equal(t, len(got), 1+50) // all of them once more, then one by one
		assert.Contains(t, got[0], `"users":100,"connections":100}`)
		assert.Contains(t, got[50], `"users":50,"connections":50`)
		drain(t, h, clients[:50]...)
	})
}

// TestPresenceSlow: a client that has no room is not sent every change, but in
// the end how it stands.
func TestPresenceSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, _, _ := twoNodes(NewMemoryBroker(), TopicOptions[int]{Authorize: AllowAll, Presence: true})
		slow := newFakeClient(t, h, as(t, "slow"))
		slow.say("{'type':'subscribe','topic':'n/1','presence':true}")
		slow.link.take()
		slow.allow(0)
		for range 500 {
			c := newFakeClient(t, h, as(t, "ann"))
			c.say("{'type':'subscribe','topic':'n/1'}")
			c.hang()
		}
		slow.allow(-1)
		slow.heard(t, "{'type':'presence','topic':'n/1','members':["+member("slow")+"],'users':1,'connections':1}")
		assert.Equal(t, slow.link.closed(), 0)
		drain(t, h, slow)
	})
}

func TestFollowPresence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, _, topics := twoNodes(NewMemoryBroker(), TopicOptions[int]{Authorize: AllowAll, Presence: true})
		ctx, cancel := context.WithCancel(t.Context())
		seen := make(chan string, 10)
		go func() {
			defer close(seen)
			for p, err := range topics[1].FollowPresence(ctx, "n/1") { // of the other node
				seen <- fmt.Sprint(p.Connections, " ", err)
			}
		}()
		ann := newFakeClient(t, h, as(t, "ann"))
		assert.Equal(t, <-seen, "0 <nil>")
		ann.say("{'type':'subscribe','topic':'n/1'}")
		assert.Equal(t, <-seen, "1 <nil>")
		ann.hang()
		assert.Equal(t, <-seen, "0 <nil>")
		cancel()
		assert.Equal(t, <-seen, "0 context canceled")
		_, open := <-seen
		assert.True(t, !open, "it ends")
		drain(t, topics[1].h)
		drain(t, h)
	})
}
