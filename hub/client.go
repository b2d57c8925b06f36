package hub

import (
	"errors"
	"sync"

	"github.com/galeweb/gale/ws"
)

// maxReplies bounds the answers that wait for a client who asks and does not
// read; over it he is closed.
const maxReplies = 256

// client is one connection of the network.
type client struct {
	h    *Hub
	conn *ws.Conn

	mu      sync.Mutex
	remotes map[string]*remote
	replies []*ws.Prepared // answers that wait, before all messages
	stalled bool           // the socket's queue is full; Writable will come
}

// remote is one subscription of a client, under the client's lock.
type remote struct {
	c     *client
	feed  *feed
	queue queue
	live  bool // the client was told "subscribed"
}

// send passes p to the socket; false when it must wait for Writable.
func (c *client) send(p *ws.Prepared) bool {
	if c.stalled {
		return false
	}
	c.stalled = errors.Is(c.conn.SendPrepared(p), ws.ErrQueueFull)
	return !c.stalled // a closed connection takes everything
}

func (c *client) reply(r reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.replyLocked(r)
}

func (c *client) replyLocked(r reply) {
	p := r.encode()
	if c.send(p) {
		return
	}
	if len(c.replies) >= maxReplies {
		c.conn.Close(ws.CodeTryLater, "too many requests without reading the answers")
		return
	}
	c.replies = append(c.replies, p)
}

// deliver implements subscriber. The quick way shares the frame with everyone.
func (s *remote) deliver(b *burst) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if s.live && len(s.queue.items) == 0 && s.c.send(b.frame()) {
		return
	}
	for _, e := range b.entries {
		dropped, ok := s.queue.push(item{b.epoch, e})
		if !ok {
			s.feed.topic.dropped.Inc()
			s.c.conn.Close(ws.CodeTryLater, "too slow for "+s.feed.name)
			return
		}
		s.feed.topic.dropped.Add(float64(dropped))
	}
}

// shut implements subscriber: the connection's own end ends its subscriptions.
func (s *remote) shut(error) {}

// begin answers the subscribe, then lets the history and what came since flow.
func (c *client) begin(s *remote, answer reply, history History) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remotes[s.feed.name] = s
	c.replyLocked(answer)
	s.queue.begin(history)
	s.live = true
	c.flush(s)
}

// writable is called when the socket has room again.
func (c *client) writable() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stalled = false
	for len(c.replies) > 0 {
		if !c.send(c.replies[0]) {
			return
		}
		c.replies = c.replies[1:]
	}
	c.replies = nil
	for _, s := range c.remotes {
		c.flush(s)
	}
}

// flush sends what waits for s, as far as the socket has room.
func (c *client) flush(s *remote) {
	q := &s.queue
	for len(q.items) > 0 && !c.stalled {
		entries := make([]Entry, 0, len(q.items))
		epoch := q.items[0].epoch
		for _, it := range q.items {
			if it.epoch != epoch {
				break
			}
			entries = append(entries, it.Entry)
		}
		entries = entries[:fit(entries)]
		if c.send(prepare(appendMessages(nil, s.feed.name, epoch, q.missed, entries))) {
			q.missed = 0
			q.drop(len(entries))
		}
	}
}

func (c *client) has(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.remotes[name] != nil
}

func (c *client) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.remotes)
}

// take removes and returns the subscription to name, or nil.
func (c *client) take(name string) *remote {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.remotes[name]
	delete(c.remotes, name)
	return s
}

func (c *client) takeAll() map[string]*remote {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.remotes
	c.remotes = nil
	return all
}
