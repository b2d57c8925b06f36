package hub

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/internal/assert"
)

// access says who may see what, for two nodes.
type access struct {
	mu     sync.Mutex
	denied map[string]error // by user and name
}

func (a *access) set(user, name string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.denied[user+" "+name] = err
}

func (a *access) authorize(ctx context.Context, name string, _ map[string]string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.denied[fmt.Sprint(ctx.Value(userKey{}))+" "+name]
}

func as(t *testing.T, user string) context.Context {
	return context.WithValue(t.Context(), userKey{}, user)
}

func identify(ctx context.Context) Identity {
	user, _ := ctx.Value(userKey{}).(string)
	return Identity{User: user, Session: "session of " + user}
}

// twoNodes are two hubs on one broker, with the same topics.
func twoNodes(b Broker, o TopicOptions[int]) (first, second *Hub, topics [2]*Topic[int]) {
	var hubs [2]*Hub
	for i := range hubs {
		hubs[i] = New(Options{Broker: b, Identify: identify, DrainOver: -1})
		topics[i] = NewTopic(hubs[i], "n/{x}", o)
	}
	return hubs[0], hubs[1], topics
}

func TestRecheck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &access{denied: make(map[string]error)}
		first, second, topics := twoNodes(NewMemoryBroker(), TopicOptions[int]{Authorize: a.authorize})
		ann, bob := newFakeClient(t, first, as(t, "ann")), newFakeClient(t, second, as(t, "bob"))
		for _, c := range []*fakeClient{ann, bob} {
			c.say("{'type':'subscribe','topic':'n/1'}")
			c.say("{'type':'subscribe','topic':'n/2'}")
			c.heard(t, "{'type':'subscribed','topic':'n/1','epoch':'~','offset':0}", "{'type':'subscribed','topic':'n/2','epoch':'~','offset':0}")
		}
		a.set("bob", "n/1", ErrForbidden)
		a.set("bob", "n/2", errors.New("the database is down"))
		a.set("ann", "n/2", ErrForbidden)

		// Only what is meant is checked, on the other node too.
		assert.NoError(t, first.Recheck(t.Context(), Match{User: "bob", Topic: "n/1"}))
		synctest.Wait()
		bob.heard(t, "{'type':'unsubscribed','topic':'n/1','code':'revoked'}")
		ann.heard(t)
		assert.NoError(t, first.Recheck(t.Context(), Match{Topic: "n/{x}"}))
		synctest.Wait()
		bob.heard(t, "{'type':'error','topic':'n/2','code':'unavailable','message':'subscribing failed; try again later'}")
		ann.heard(t, "{'type':'unsubscribed','topic':'n/2','code':'revoked'}")

		_, err := topics[0].Publish(t.Context(), "n/1", 1)
		assert.NoError(t, err)
		_, err = topics[0].Publish(t.Context(), "n/2", 2)
		assert.NoError(t, err)
		bob.heard(t)
		ann.heard(t, "{'type':'messages','topic':'n/1','epoch':'~','items':[{'offset':1,'data':1}]}")

		// A closed account and a closed session.
		assert.True(t, first.Disconnect(t.Context(), Match{Topic: "n/1"}) != nil, "not everybody")
		assert.True(t, first.Reconnect(t.Context(), Match{Topic: "n/1"}) != nil, "not everybody")
		assert.NoError(t, first.Disconnect(t.Context(), Match{User: "bob"}))
		assert.NoError(t, first.Disconnect(t.Context(), Match{Session: "session of nobody"}))
		synctest.Wait()
		assert.Equal(t, [2]int{ann.link.closed(), bob.link.closed()}, [2]int{0, 1008})
		assert.NoError(t, second.Disconnect(t.Context(), Match{Session: "session of ann"}))
		synctest.Wait()
		assert.Equal(t, ann.link.closed(), 1008)
		drain(t, first, ann)
		drain(t, second, bob)
	})
}

// A credential that was replaced: its connections end on all nodes, and may come
// back.
func TestReconnect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first, second, _ := twoNodes(NewMemoryBroker(), TopicOptions[int]{})
		ann, bob := newFakeClient(t, first, as(t, "ann")), newFakeClient(t, second, as(t, "bob"))
		synctest.Wait()
		assert.NoError(t, first.Reconnect(t.Context(), Match{User: "bob", Session: "session of bob"}))
		synctest.Wait()
		assert.Equal(t, [2]int{ann.link.closed(), bob.link.closed()}, [2]int{0, 1012})
		drain(t, first, ann)
		drain(t, second, bob)
	})
}

// TestAttackSubscribeWhileRevoked: a subscription that passed Authorize just
// before the permission went is found all the same.
func TestAttackSubscribeWhileRevoked(t *testing.T) {
	t.Parallel()
	var h *Hub
	asked := 0
	h = New(Options{})
	NewTopic(h, "n", TopicOptions[int]{Authorize: func(ctx context.Context, _ string, _ map[string]string) error {
		if asked++; asked > 1 {
			return ErrForbidden
		}
		return h.Recheck(ctx, Match{})
	}})
	c := newFakeClient(t, h, t.Context())
	c.say("{'type':'subscribe','topic':'n'}")
	c.heard(t, "{'type':'subscribed','topic':'n','epoch':'~','offset':0}", "{'type':'unsubscribed','topic':'n','code':'revoked'}")
	drain(t, h, c)
}

// TestRecheckAfterLoss: a node that could not hear of a revocation checks
// everything when it can.
func TestRecheckAfterLoss(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &access{denied: make(map[string]error)}
		b := newFlaky()
		h := New(Options{Broker: b})
		NewTopic(h, "n", TopicOptions[int]{Authorize: a.authorize})
		c := newFakeClient(t, h, as(t, "ann"))
		c.say("{'type':'subscribe','topic':'n'}")
		c.link.take()
		b.lose(true)
		a.set("ann", "n", ErrForbidden)
		b.forget(controlName)
		b.lose(false)
		time.Sleep(time.Minute)
		c.heard(t, "{'type':'unsubscribed','topic':'n','code':'revoked'}")
		err := h.Recheck(t.Context(), Match{})
		assert.NoError(t, err)
		b.lose(true)
		assert.ErrorIs(t, h.Recheck(t.Context(), Match{}), ErrBrokerLost)
		drain(t, h, c)
	})
}
