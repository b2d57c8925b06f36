package hub

import (
	"sync"
	"sync/atomic"

	"github.com/galeweb/gale/ws"
)

// maxReplies bounds the answers that wait for a client who does not read; over it he is closed.
const maxReplies = 256

// client is one connection of the network. There may be a hundred thousand, so
// it holds nothing that an idle one does not need.
type client struct {
	h      *Hub
	link   link
	number uint64 // unique on this node
	place  int    // in Hub.clients, under its lock
	kind   transport
	used   atomic.Bool // first is taken, for good

	mu      sync.Mutex
	who     *visitor // nil when nobody wants to know
	remotes []*remote
	replies []*message // answers that wait, before all messages
	known   bool       // it has authenticated, if it must
	stalled bool       // the link is full; writable will come
	ended   bool
	room    [1]*remote // of remotes: most clients have one,
	first   remote     // this
}

// remote is one subscription of a client, under the client's lock.
type remote struct {
	c        *client
	feed     *feed
	backlog  *backlog  // nil while nothing waits
	presence *presence // nil when the topic has none
	place    int32     // in feed.remotes, under the feed's lock
	watch    int32     // in presence.watchers, under the presence's lock
	watches  bool      // it is told of presence
	stale    bool      // it was not, for want of room
	joined   bool      // it is present, or has
	gone     bool      // left: under the presence's lock
}

// send passes m to the link; false when it must wait for writable.
func (c *client) send(m *message) bool {
	c.stalled = c.stalled || !c.link.send(m)
	return !c.stalled
}

func (c *client) reply(m *message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.replyLocked(m)
}

func (c *client) replyLocked(m *message) {
	if len(c.replies) == 0 && c.send(m) {
		return
	}
	if len(c.replies) >= maxReplies {
		c.link.close(ws.CodeTryLater, "too many requests without reading the answers")
		return
	}
	c.replies = append(c.replies, m)
}

// wait returns the backlog, which keeps further messages from overtaking.
func (s *remote) wait() *backlog {
	if s.backlog == nil {
		s.backlog = s.c.h.backlogs.Get().(*backlog)
		*s.backlog = backlog{limit: s.feed.topic.queue, policy: s.feed.topic.policy}
	}
	return s.backlog
}

// done gives the backlog back when nothing waits.
func (s *remote) done() {
	if q := s.backlog; q != nil && q.idle() {
		s.feed.caughtUp(q)
		s.backlog = nil
		s.c.h.backlogs.Put(q)
	}
}

// deliver implements subscriber. The quick way shares the message with everyone.
func (s *remote) deliver(b *burst) bool {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.backlog == nil && c.send(b.message()) {
		return true
	}
	for _, e := range s.wait().admit(b) {
		if !s.push(item{epoch: b.epoch, Entry: e}) {
			return false
		}
	}
	c.flush(s)
	return false
}

// lose implements subscriber.
func (s *remote) lose(to Position) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if s.wait().knows(to) || s.push(item{epoch: to.Epoch, gap: true, Entry: Entry{Offset: to.Offset}}) {
		s.c.flush(s)
	}
}

// push has it wait; false when the client is closed instead.
func (s *remote) push(it item) bool {
	q := s.backlog
	dropped, ok := q.push(it)
	if !ok {
		dropped = 1
		s.c.link.close(ws.CodeTryLater, "too slow for "+s.feed.name)
	}
	if dropped > 0 {
		s.feed.lag(q, dropped, s.c.nameLocked)
	}
	return ok
}

// reset implements subscriber.
func (s *remote) reset() {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	q := s.wait()
	q.reset()
	q.mute = true
}

// begin implements subscriber.
func (s *remote) begin(h History, g guard) bool {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.backlog.begin(h, g)
}

// writable is called when the link has room again.
func (c *client) writable() {
	c.mu.Lock()
	c.stalled = false
	for len(c.replies) > 0 && c.send(c.replies[0]) {
		c.replies = c.replies[1:]
	}
	if len(c.replies) == 0 {
		c.replies = nil
		for _, s := range c.remotes {
			c.flush(s)
		}
	}
	var stale []*remote
	for _, s := range c.remotes {
		if s.stale && !c.stalled {
			s.stale = false
			stale = append(stale, s)
		}
	}
	c.mu.Unlock()
	for _, s := range stale {
		s.presence.showAgain(s)
	}
}

// flush sends what waits for s, as far as the link has room.
func (c *client) flush(s *remote) {
	q := s.backlog
	if q == nil || q.joining || q.mute {
		return
	}
	sent := 0
	for len(q.items) > 0 && !c.stalled && len(c.replies) == 0 {
		if to, ok := q.takeGap(); ok {
			c.replyLocked(subscribed(s.feed.name, to, new(bool)))
			continue
		}
		epoch, entries := q.run()
		if c.send(newMessages(s.feed.name, epoch, q.missed, entries)) {
			q.missed = 0
			q.drop(len(entries))
			sent += len(entries)
		}
	}
	if sent > 0 {
		s.feed.topic.delivered.Add(float64(sent))
	}
	s.done()
}

// find returns the subscription to name, or nil.
func (c *client) find(name string) *remote {
	for _, s := range c.remotes {
		if s.feed.name == name {
			return s
		}
	}
	return nil
}

// lookup is find for those who do not hold the lock.
func (c *client) lookup(name string) *remote {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.find(name)
}

// take removes s, or when nil the subscription to name, from the client, and
// returns it; nil when it is not there.
func (c *client) take(s *remote, name string) *remote {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, other := range c.remotes {
		if other == s || s == nil && other.feed.name == name {
			last := len(c.remotes) - 1
			c.remotes[i] = c.remotes[last]
			c.remotes[last] = nil
			c.remotes = c.remotes[:last]
			return other
		}
	}
	return nil
}

// leave ends a subscription that was taken from the client.
func (s *remote) leave() {
	s.feed.leave(s)
	if s.presence != nil {
		s.presence.leave(s)
	}
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if s.backlog != nil { // nobody delivers any more
		s.feed.caughtUp(s.backlog)
		s.backlog = nil
	}
}

// end ends all subscriptions, when the connection has ended.
func (c *client) end() {
	for _, s := range c.over() {
		s.leave()
	}
	c.h.dismiss(c)
}

// over has nothing begin any more, and returns the subscriptions that are to end.
func (c *client) over() (all []*remote) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	if c.who != nil && c.who.timer != nil {
		c.who.timer.Stop()
	}
	all, c.remotes = c.remotes, nil
	return all
}
