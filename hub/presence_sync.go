package hub

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/galeweb/gale/internal/roster"
	"github.com/galeweb/gale/internal/topicname"
)

const (
	// presenceTTL is the default of Options.PresenceTTL.
	presenceTTL = 30 * time.Second
	// presenceEvery is how often a node says what has changed, at most.
	presenceEvery = 250 * time.Millisecond
	// presenceNotice is the stream by which a node says that something has, with
	// the topic's name behind it.
	presenceNotice = topicname.Reserved + "/presence/"
)

// newSync keeps p in step with what other nodes know, by the [PresenceStore].
func (p *presence) newSync() *roster.Sync {
	return &roster.Sync{
		Every: presenceEvery, TTL: p.h.o.PresenceTTL, Timeout: brokerTimeout, Spawn: p.h.spawn,
		Listen: func(ctx context.Context) (func(), error) {
			stop, err := p.h.broker.Subscribe(ctx, p.notices(), p.noticed)
			p.h.metrics.broker(err)
			return stop, err
		},
		Say: func(ctx context.Context, changed bool) error {
			p.mu.Lock()
			mine := p.roster.Mine()
			p.mu.Unlock()
			if mine == nil && !changed {
				return nil
			}
			return p.say(ctx, mine, changed)
		},
		Hear: p.hear,
		End: func(settled func() bool) bool {
			p.h.presencesMu.Lock()
			defer p.h.presencesMu.Unlock()
			if p.refs > 0 || p.h.presences[p.name] != p || !settled() {
				return false
			}
			delete(p.h.presences, p.name)
			return true
		},
	}
}

func (p *presence) notices() Stream { return Stream{Name: presenceNotice + p.name} }

// noticed is called by the broker.
func (p *presence) noticed(b Batch) {
	for _, e := range b.Entries {
		if string(e.Data) == strconv.Quote(p.h.node) {
			return
		}
	}
	p.sync.Noticed()
}

func (p *presence) say(ctx context.Context, mine []byte, tell bool) error {
	err := p.h.store.SetMembers(ctx, p.name, p.h.node, mine, p.h.o.PresenceTTL)
	if err == nil && tell {
		_, err = p.h.broker.Publish(ctx, p.notices(), Publication{Count: 1, Encode: func() ([]Entry, error) {
			return []Entry{{Data: []byte(strconv.Quote(p.h.node))}}, nil
		}})
	}
	p.h.metrics.broker(err)
	return err
}

func (p *presence) hear(ctx context.Context) error {
	said, err := p.h.store.Members(ctx, p.name)
	if p.h.metrics.broker(err); err == nil {
		p.update(said)
	}
	return err
}

// withdraw takes back what this node has said, after the hub's goroutines have
// ended.
func (h *Hub) withdraw(ctx context.Context) {
	if h.store == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	h.presencesMu.Lock()
	all := h.presences
	h.presences = make(map[string]*presence)
	h.presencesMu.Unlock()
	free := make(chan struct{}, maxChecks)
	var leaving sync.WaitGroup
	defer leaving.Wait()
	for _, p := range all {
		free <- struct{}{}
		leaving.Go(func() {
			defer func() { <-free }()
			p.sync.Stop()
			_ = p.say(ctx, nil, true) // or it vanishes by itself, later
		})
	}
}
