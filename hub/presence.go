package hub

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/galeweb/gale/internal/hubwire"
	"github.com/galeweb/gale/internal/roster"
)

// Presence is who has subscribed to a name over the network, on all nodes.
type Presence struct {
	// Users counts those with an [Identity], each once, and Connections all.
	Users, Connections int
	// Members are the connections, at most 1,000 of each node.
	Members []Member
}

// Member is one connection.
type Member struct {
	// User is of its [Identity], and Conn names the connection.
	User, Conn string
	Since      time.Time
	Info       jsontext.Value
}

const (
	// maxMembers is how many connections clients are told of one by one, unless
	// the topic tells them of none.
	maxMembers = 100
	// countsEvery is how often they are told the number when there are more.
	countsEvery = time.Second
	// maxChanges is how many changes are told one by one, at once.
	maxChanges = 10
)

// presence is what this node knows of a name, and whom it tells.
type presence struct {
	h     *Hub
	topic *topic
	name  string
	refs  int // under Hub.presencesMu

	mu        sync.Mutex
	roster    *roster.Roster
	watchers  []*remote
	followers []chan struct{} // each holds one token
	counts    *time.Timer     // sends counts, while that is due
	settled   bool            // what other nodes say is known
	sync      *roster.Sync
}

// retainPresence returns that of name; the caller releases it.
func (h *Hub) retainPresence(t *topic, name string) *presence {
	h.presencesMu.Lock()
	defer h.presencesMu.Unlock()
	p := h.presences[name]
	if p == nil {
		p = &presence{h: h, topic: t, name: name, roster: roster.New(), settled: h.store == nil}
		h.presences[name] = p
		if h.store != nil {
			p.sync = p.newSync()
			p.sync.Start()
		}
	}
	p.refs++
	return p
}

func (p *presence) release() {
	p.h.presencesMu.Lock()
	p.refs--
	last := p.refs == 0
	if last && p.h.store == nil {
		delete(p.h.presences, p.name)
	}
	p.h.presencesMu.Unlock()
	if last {
		p.changed() // given up when the others were told
	}
}

// most is how many connections clients are told of one by one.
func (p *presence) most() int {
	if p.topic.countsOnly {
		return 0
	}
	return maxMembers
}

func (p *presence) changed() {
	if p.sync != nil {
		p.sync.Changed()
	}
}

// join adds s, tells the others, and shows him who is there.
func (p *presence) join(s *remote) {
	m := roster.Member{Conn: s.c.id(), Since: time.Now().UnixMilli()}
	if v := s.c.visitor(); v != nil {
		m.User, m.Info = v.user, v.info
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.gone {
		return // sent away before he was in
	}
	s.joined = true
	p.roster.Join(m)
	p.topic.present.Inc()
	p.announce("joined", m)
	if s.watches {
		s.watch = int32(len(p.watchers))
		p.watchers = append(p.watchers, s)
		s.tell(p.snapshot())
	}
	p.changed()
}

func (p *presence) leave(s *remote) {
	p.mu.Lock()
	s.gone = true
	if s.joined {
		if s.watches {
			last := len(p.watchers) - 1
			p.watchers[s.watch] = p.watchers[last]
			p.watchers[s.watch].watch = s.watch
			p.watchers[last] = nil
			p.watchers = p.watchers[:last]
		}
		m, _ := p.roster.Leave(s.c.id())
		p.topic.present.Dec()
		p.announce("left", m)
		p.changed()
	}
	p.mu.Unlock()
	p.release()
}

// announce tells all who watch of one change that was made.
func (p *presence) announce(what string, m roster.Member) {
	users, connections := p.roster.Counts()
	switch {
	case connections > p.most():
		p.countLater()
	case what == "left" && connections == p.most():
		p.showAll() // from here on they are told one by one
	case len(p.watchers) > 0:
		p.tellEach(what, []roster.Member{m}, users, connections)
	}
	p.wakeFollowers()
}

// countLater sends the counts, soon, unless they will be.
func (p *presence) countLater() {
	if p.counts != nil || len(p.watchers) == 0 {
		return
	}
	p.counts = time.AfterFunc(countsEvery, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.counts = nil
		if users, connections := p.roster.Counts(); connections > p.most() {
			p.tellAll(encode(hubwire.Presence{
				Type: "presence", Topic: p.name, Users: users, Connections: connections, Partial: true,
			}))
		}
	})
}

func (p *presence) showAll() {
	if len(p.watchers) > 0 {
		p.tellAll(p.snapshot())
	}
}

func (p *presence) tellAll(m *message) {
	for _, s := range p.watchers {
		s.tell(m)
	}
}

func (p *presence) snapshot() *message {
	users, connections := p.roster.Counts()
	return encode(hubwire.Presence{
		Type: "presence", Topic: p.name, Members: p.roster.Members(p.most()),
		Users: users, Connections: connections, Partial: connections > p.most(),
	})
}

// tell sends m, or has s be shown all again when there is room.
func (s *remote) tell(m *message) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.stale = s.stale || len(s.c.replies) > 0 || !s.c.send(m)
}

// showAgain is called when there is room again for one that was not told.
func (p *presence) showAgain(s *remote) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !s.gone {
		s.tell(p.snapshot())
	}
}

// update takes in what all nodes say.
func (p *presence) update(said map[string][]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settled = true
	joined, left, lost := p.roster.Others(said, p.h.node)
	defer p.wakeFollowers()
	if len(joined)+len(left) == 0 {
		return
	}
	users, connections := p.roster.Counts()
	switch {
	case connections > p.most():
		p.countLater()
	case lost || len(joined)+len(left) > maxChanges || connections+len(left) > p.most():
		p.showAll()
	case len(p.watchers) > 0:
		p.tellEach("left", left, users, connections)
		p.tellEach("joined", joined, users, connections)
	}
}

func (p *presence) tellEach(what string, members []roster.Member, users, connections int) {
	for _, m := range members {
		p.tellAll(encode(hubwire.Presence{
			Type: what, Topic: p.name, Member: &m, Users: users, Connections: connections,
		}))
	}
}

func (p *presence) wakeFollowers() {
	for _, wake := range p.followers {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

// Presence returns who has subscribed to name over the network, on all nodes.
// It fails when the topic has no TopicOptions.Presence.
func (t *Topic[T]) Presence(ctx context.Context, name string) (Presence, error) {
	if err := t.checkPresence(name); err != nil {
		return Presence{}, err
	}
	t.h.presencesMu.Lock()
	p := t.h.presences[name]
	t.h.presencesMu.Unlock()
	if p != nil {
		if all, settled := p.public(); settled {
			return all, nil
		}
	}
	if t.h.store == nil {
		return Presence{}, nil
	}
	said, err := t.h.store.Members(ctx, name)
	if t.h.metrics.broker(err); err != nil {
		return Presence{}, fmt.Errorf("hub: presence of %q: %w", name, err)
	}
	alone := &presence{roster: roster.New()}
	alone.roster.Others(said, "")
	all, _ := alone.public()
	return all, nil
}

// FollowPresence returns who has subscribed to name, now and after changes, of
// which those that come together are one. It ends with the cause of ctx, or
// [ErrClosed].
func (t *Topic[T]) FollowPresence(ctx context.Context, name string) iter.Seq2[Presence, error] {
	return func(yield func(Presence, error) bool) {
		if err := t.checkPresence(name); err != nil {
			yield(Presence{}, err)
			return
		}
		p := t.h.retainPresence(t.topic, name)
		defer p.release()
		wake := make(chan struct{}, 1)
		p.follow(wake)
		defer p.unfollow(wake)
		for {
			if all, settled := p.public(); settled && !yield(all, nil) {
				return
			}
			select {
			case <-wake:
			case <-ctx.Done():
				yield(Presence{}, context.Cause(ctx))
				return
			case <-t.h.ctx.Done():
				yield(Presence{}, ErrClosed)
				return
			}
		}
	}
}

func (p *presence) follow(wake chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.followers = append(p.followers, wake)
}

func (p *presence) unfollow(wake chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.followers = slices.DeleteFunc(p.followers, func(c chan struct{}) bool { return c == wake })
}

func (t *topic) checkPresence(name string) error {
	if err := t.check(name); err != nil {
		return err
	}
	if !t.presence {
		return fmt.Errorf("hub: topic %q has no presence; set TopicOptions.Presence", t.label)
	}
	return nil
}

// public also reports whether it is that of all nodes.
func (p *presence) public() (all Presence, settled bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all.Users, all.Connections = p.roster.Counts()
	for _, m := range p.roster.Members(all.Connections) {
		all.Members = append(all.Members, Member{m.User, m.Conn, time.UnixMilli(m.Since), m.Info})
	}
	return all, p.settled
}
