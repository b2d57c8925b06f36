package hub

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/web"
)

const (
	// pollTimeout is how long a poll waits for messages: proxies commonly cut
	// after 30 s or 60 s.
	pollTimeout = 25 * time.Second
	// pollLinger is how long a client may take to ask again.
	pollLinger = 30 * time.Second
	// pollGather is how long messages are gathered once there is one.
	pollGather = 10 * time.Millisecond
	// maxPoll is the size of the largest poll: 128 subscriptions with names and
	// positions of full length.
	maxPoll = 64 << 10
	// maxPolls bounds the sessions that somebody can make a node keep.
	maxPolls = 16384
	// maxAnswer is about how much goes into one answer.
	maxAnswer = 1 << 20
)

// polls are the sessions of a node.
type polls struct {
	mu   sync.Mutex
	byID map[string]*poll
}

// poll is what a node keeps of a client between its polls.
type poll struct {
	id    string
	h     *Hub
	box   *mailbox
	c     *client
	turn  chan struct{} // holds a token while a request is served
	marks marks         // of what was answered; whose turn it is may use it

	// Under polls.mu.
	serving int                // requests
	yield   context.CancelFunc // has the latest of them answer
	timer   *time.Timer        // ends the session while there is none
}

// servePoll answers with the messages that there are, or else that come.
func (h *Hub) servePoll(ctx context.Context, w http.ResponseWriter, r *http.Request, who *visitor) error {
	body, err := readBody(r)
	if err != nil {
		return err
	}
	var q struct {
		Session string         `json:"session"`
		Sub     jsontext.Value `json:"sub"`
	}
	if err := json.Unmarshal(body, &q, json.RejectUnknownMembers(true)); err != nil {
		return &web.Error{Status: http.StatusBadRequest, Message: "The poll is not as docs/hub-protocol.md says.", Err: err}
	}
	subs, err := parseSubs(q.Sub)
	if err != nil {
		return err
	}
	obs.LongLived(ctx)
	within, yield := context.WithCancel(ctx)
	defer yield()
	p, fresh, err := h.enter(q.Session, newMailbox(context.WithoutCancel(ctx), r), who, yield)
	if err != nil {
		return errTryLater
	}
	defer p.exit()
	answer := p.serve(within, subs, fresh)
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer) // what does not arrive is asked for again
	return nil
}

// enter returns the session of a request, or a new one when this node does not
// know it, or it was somebody else's.
func (h *Hub) enter(id string, box *mailbox, who *visitor, yield context.CancelFunc) (p *poll, fresh bool, err error) {
	h.polls.mu.Lock()
	defer h.polls.mu.Unlock()
	p = h.polls.byID[id]
	if p == nil || p.box.isClosed() || !p.c.visitor().is(who) {
		if p, err = h.newPoll(box, who); err != nil {
			return nil, false, err
		}
		fresh = true
	}
	p.timer.Stop()
	if p.yield != nil {
		p.yield() // the client has given the former request up
	}
	p.serving++
	p.yield = yield
	return p, fresh, nil
}

func (h *Hub) newPoll(box *mailbox, who *visitor) (*poll, error) {
	if len(h.polls.byID) >= maxPolls {
		return nil, errors.New("hub: too many poll sessions")
	}
	p := &poll{id: rand.Text(), h: h, box: box, turn: make(chan struct{}, 1), marks: make(marks)}
	p.timer = time.AfterFunc(pollLinger, p.expire)
	box.closing = func() { p.timer.Reset(0) }
	var err error
	if p.c, err = h.admitHTTP(box, transportPoll, who); err != nil {
		p.timer.Stop()
		box.cancel()
		return nil, err
	}
	h.polls.byID[p.id] = p
	return p, nil
}

// exit leaves the session to the next request.
func (p *poll) exit() {
	p.h.polls.mu.Lock()
	defer p.h.polls.mu.Unlock()
	if p.serving--; p.serving > 0 {
		return
	}
	p.yield = nil
	if p.box.isClosed() {
		p.timer.Reset(0)
	} else {
		p.timer.Reset(pollLinger)
	}
}

// expire ends the session when nobody asked again.
func (p *poll) expire() {
	p.h.polls.mu.Lock()
	busy := p.serving > 0 || p.h.polls.byID[p.id] != p
	if !busy {
		delete(p.h.polls.byID, p.id)
	}
	p.h.polls.mu.Unlock()
	if !busy {
		p.box.cancel()
		p.c.end()
	}
}

// serve returns the answer.
func (p *poll) serve(ctx context.Context, subs []request, fresh bool) []byte {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return []byte("[]")
	}
	p.subscribe(subs)
	var out bytes.Buffer
	out.WriteByte('[')
	if fresh {
		out.Write(encode(plainMessage{Type: "session", ID: p.id}).data)
	} else {
		p.wait(ctx)
	}
	if timer := time.NewTimer(pollGather); p.box.holds() {
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	for ctx.Err() == nil && out.Len() < maxAnswer {
		messages := p.box.take(p.c)
		if len(messages) == 0 {
			break
		}
		for _, m := range messages {
			p.marks.note(m)
			if out.Len() > 1 {
				out.WriteByte(',')
			}
			out.Write(m.data)
		}
	}
	out.WriteByte(']')
	return out.Bytes()
}

// wait returns when there is something to answer, or no use in waiting.
func (p *poll) wait(ctx context.Context) {
	timer := time.NewTimer(pollTimeout)
	defer timer.Stop()
	draining := engine.Draining(ctx)
	for !p.box.holds() && !p.box.isClosed() {
		select {
		case <-p.box.wake:
		case <-draining:
			draining = nil
			p.c.restart()
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		case <-p.h.ctx.Done():
			return
		}
	}
}

// subscribe brings the subscriptions in line with what the client wants. When it
// stands elsewhere than where it was brought, an answer was lost on the way, and
// the topic begins there anew.
func (p *poll) subscribe(subs []request) {
	wanted := make(map[string]bool)
	for _, sub := range subs {
		wanted[sub.Topic] = true
	}
	for _, s := range p.c.matching("") {
		if !wanted[s.feed.name] {
			p.leave(s)
		}
	}
	for _, sub := range subs {
		if s := p.c.lookup(sub.Topic); s != nil {
			at, known := p.marks[sub.Topic]
			if !known || sub.Epoch == "" || at == (Position{sub.Epoch, sub.Offset}) {
				continue
			}
			p.leave(s)
		}
		p.c.subscribe(sub)
	}
}

func (p *poll) leave(s *remote) {
	if p.c.take(s, "") != nil {
		s.leave()
	}
	p.box.purge(s.feed.name)
	delete(p.marks, s.feed.name)
}
