package hub

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/galeweb/gale/internal/backoff"
	"github.com/galeweb/gale/internal/hubwire"
	"github.com/galeweb/gale/internal/topicname"
	"github.com/galeweb/gale/ws"
)

// Match says which connections are meant: those for which all of what is set
// holds.
type Match struct {
	// User and Session are of the [Identity] of a connection.
	User    string `json:"user,omitzero"`
	Session string `json:"session,omitzero"`
	// Topic is the name or the pattern of a topic, for [Hub.Recheck].
	Topic string `json:"topic,omitzero"`
}

// controlName is the stream by which nodes tell each other.
const controlName = topicname.Reserved + "/control"

// order is a message of that stream.
type order struct {
	Node       string `json:"node"` // whose it is, and who has carried it out
	Disconnect bool   `json:"disconnect,omitzero"`
	Again      bool   `json:"again,omitzero"` // with Disconnect: they may come back
	Lost       string `json:"lost,omitzero"`  // a name of which others have missed messages
	Match
}

// maxChecks is how many subscriptions are checked at once.
const maxChecks = 16

// Recheck runs Authorize again for each subscription over the network, on all
// nodes, that m matches, after a change of permissions. A subscription that is
// refused ends at once, and its client is told "revoked"; so does one whose
// Authorize fails, and its client told to try again. Recheck returns when this
// node is done; on an error others may not have heard of it.
func (h *Hub) Recheck(ctx context.Context, m Match) error {
	h.recheck(ctx, m)
	return h.order(ctx, order{Match: m})
}

// Disconnect closes the connections of a user or a session on all nodes, with
// code 1008, after the account was disabled or the session revoked. m must have
// one of the two. On an error other nodes may not have heard of it.
func (h *Hub) Disconnect(ctx context.Context, m Match) error {
	return h.part(ctx, order{Disconnect: true, Match: m})
}

// Reconnect is Disconnect for those who may come back, and are asked to: after
// the credential was replaced that a connection was opened with. Who has the new
// one resumes; who has only the old one is nobody then.
func (h *Hub) Reconnect(ctx context.Context, m Match) error {
	return h.part(ctx, order{Disconnect: true, Again: true, Match: m})
}

func (h *Hub) part(ctx context.Context, o order) error {
	if o.User == "" && o.Session == "" {
		return errors.New("hub: Disconnect and Reconnect need a user or a session; everybody is never meant")
	}
	h.disconnect(o)
	return h.order(ctx, o)
}

func (h *Hub) order(ctx context.Context, o order) error {
	o.Node = h.node
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	_, err = h.control.publish(ctx, controlName, Publication{Count: 1, Encode: func() ([]Entry, error) {
		return []Entry{{Data: data}}, nil
	}})
	if err != nil {
		return fmt.Errorf("hub: tell other nodes: %w", err)
	}
	return nil
}

// orders is this node's ear.
type orders struct {
	mu           sync.Mutex // held over the broker's I/O
	subscription *Subscription[order]
}

// newControl returns the topic of orders. The history is for a node that lost
// the broker for a while.
func newControl(h *Hub) *topic {
	t := newTopic(h, newMetrics(nil), controlName)
	t.keep = Retention{Messages: 1000, Age: 10 * time.Minute}
	t.inner = true
	return t
}

// listen returns when this node hears the orders of others.
func (h *Hub) listen(ctx context.Context) (*Subscription[order], error) {
	h.orders.mu.Lock()
	defer h.orders.mu.Unlock()
	if h.orders.subscription == nil {
		s, err := newSubscription[order](ctx, h.control, controlName, SubscribeOptions{})
		if err != nil {
			return nil, err
		}
		h.orders.subscription = s
	}
	return h.orders.subscription, nil
}

// keepListening begins with the first connection and lasts as long as the hub.
func (h *Hub) keepListening(ctx context.Context) {
	defer h.orders.end()
	wait := backoff.Backoff{Least: 100 * time.Millisecond, Most: 5 * time.Second}
	for {
		within, cancel := context.WithTimeout(ctx, brokerTimeout)
		s, err := h.listen(within)
		cancel()
		if err == nil {
			h.obey(ctx, s)
			return
		}
		if !wait.Pause(ctx) {
			return
		}
	}
}

// end gives the subscription back; nobody can make one any more.
func (o *orders) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.subscription != nil {
		o.subscription.shut(ErrClosed)
	}
}

func (h *Hub) obey(ctx context.Context, s *Subscription[order]) {
	s.endWith(ctx)
	for e, err := range s.Messages() {
		switch {
		case ctx.Err() != nil:
			return
		case err != nil, e.Missed > 0:
			h.recheck(ctx, Match{}) // whatever it was that was not heard
		case e.Value.Node == h.node:
		case e.Value.Disconnect:
			h.disconnect(e.Value)
		case e.Value.Lost != "":
			if f := h.feed(e.Value.Lost); f != nil {
				f.missed()
			}
		default:
			h.recheck(ctx, e.Value.Match)
		}
	}
}

// all returns the clients that m matches, by user and session.
func (h *Hub) all(m Match) []*client {
	h.clientsMu.Lock()
	defer h.clientsMu.Unlock()
	var clients []*client
	for _, c := range h.clients {
		v := c.visitor()
		if m.User != "" && (v == nil || v.user != m.User) || m.Session != "" && (v == nil || v.session != m.Session) {
			continue
		}
		clients = append(clients, c)
	}
	return clients
}

func (h *Hub) disconnect(o order) {
	for _, c := range h.all(o.Match) {
		if o.Again {
			c.restart()
		} else {
			c.link.close(ws.CodePolicy, "access was withdrawn")
		}
	}
}

func (h *Hub) recheck(ctx context.Context, m Match) {
	h.checks.Add(1) // whoever is just subscribing checks once more
	free := make(chan struct{}, maxChecks)
	var checking sync.WaitGroup
	defer checking.Wait()
	for _, c := range h.all(m) {
		for _, s := range c.matching(m.Topic) {
			select {
			case free <- struct{}{}:
			case <-ctx.Done():
				return
			}
			checking.Go(func() {
				defer func() { <-free }()
				s.check()
			})
		}
	}
}

// matching returns the subscriptions to topic, a name or a pattern or all.
func (c *client) matching(topic string) []*remote {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []*remote
	for _, s := range c.remotes {
		if topic == "" || topic == s.feed.name || topic == s.feed.topic.label {
			all = append(all, s)
		}
	}
	return all
}

// check ends the subscription unless it is still allowed.
func (s *remote) check() {
	c, t, name := s.c, s.feed.topic, s.feed.name
	ctx, cancel := c.bounded()
	defer cancel()
	err := t.authorize(ctx, name, t.pattern.Params(name))
	if err == nil || c.take(s, "") == nil {
		return
	}
	s.leave()
	if !errors.Is(err, ErrForbidden) {
		c.failed(ctx, name, err)
		return
	}
	c.reply(ended(name, hubwire.CodeRevoked))
}
