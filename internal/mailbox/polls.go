package mailbox

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"github.com/galeweb/gale/engine"
)

const (
	// pollTimeout is how long a poll waits for messages: proxies commonly cut
	// after 30 s or 60 s.
	pollTimeout = 25 * time.Second
	// pollLinger is how long a client may take to ask again.
	pollLinger = 30 * time.Second
	// pollGather is how long messages are gathered once there is one.
	pollGather = 10 * time.Millisecond
	// maxSessions bounds what somebody can make a node keep.
	maxSessions = 16384
	// maxAnswer is about how much goes into one answer.
	maxAnswer = 1 << 20
)

var errSessions = errors.New("mailbox: too many sessions")

// Polls are the sessions of clients that poll. Set the fields before the first
// use.
type Polls struct {
	// Open takes a client in, whose messages go into b.
	Open func(b *Box) (Client, error)
	// End is called when a session is over.
	End func(c Client)
	// Done has all polls answer at once.
	Done <-chan struct{}

	mu   sync.Mutex
	byID map[string]*session
}

// session is what a node keeps of a client between its polls.
type session struct {
	id    string
	p     *Polls
	box   *Box
	c     Client
	turn  chan struct{} // holds a token while a request is served
	marks marks         // of what was answered, whose turn it is
	asked map[string]bool

	// Under Polls.mu.
	serving int                // requests
	yield   context.CancelFunc // has the latest of them answer
	timer   *time.Timer        // ends the session while there is none
}

// Serve answers one poll with a JSON array of the messages that there are, or
// else that come. A session that is not known, or that the client may not have,
// is a new one, in b.
func (p *Polls) Serve(ctx context.Context, id string, mayHave func(Client) bool, b *Box, subs []Sub) ([]byte, error) {
	ctx, yield := context.WithCancel(ctx)
	defer yield()
	s, fresh, err := p.enter(id, mayHave, b, yield)
	if err != nil {
		return nil, err
	}
	defer s.exit()
	return s.serve(ctx, subs, fresh), nil
}

func (p *Polls) enter(id string, mayHave func(Client) bool, b *Box, yield context.CancelFunc) (s *session, fresh bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s = p.byID[id]
	if s == nil || s.box.isClosed() || !mayHave(s.c) {
		if s, err = p.open(b); err != nil {
			b.Cancel()
			return nil, false, err
		}
		fresh = true
	}
	s.timer.Stop()
	if s.yield != nil {
		s.yield() // the client has given the former request up
	}
	s.serving++
	s.yield = yield
	return s, fresh, nil
}

func (p *Polls) open(b *Box) (*session, error) {
	if len(p.byID) >= maxSessions {
		return nil, errSessions
	}
	s := &session{
		id: rand.Text(), p: p, box: b, turn: make(chan struct{}, 1),
		marks: make(marks), asked: make(map[string]bool),
	}
	s.timer = time.AfterFunc(pollLinger, s.expire)
	b.closing = func() { s.timer.Reset(0) }
	var err error
	if s.c, err = p.Open(b); err != nil {
		s.timer.Stop()
		return nil, err
	}
	if p.byID == nil {
		p.byID = make(map[string]*session)
	}
	p.byID[s.id] = s
	return s, nil
}

// exit leaves the session to the next request.
func (s *session) exit() {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	if s.serving--; s.serving > 0 {
		return
	}
	s.yield = nil
	if s.box.isClosed() {
		s.timer.Reset(0)
	} else {
		s.timer.Reset(pollLinger)
	}
}

// expire ends the session when nobody asked again.
func (s *session) expire() {
	s.p.mu.Lock()
	busy := s.serving > 0 || s.p.byID[s.id] != s
	if !busy {
		delete(s.p.byID, s.id)
	}
	s.p.mu.Unlock()
	if !busy {
		s.box.Cancel()
		s.p.End(s.c)
	}
}

func (s *session) serve(ctx context.Context, subs []Sub, fresh bool) []byte {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return []byte("[]")
	}
	s.subscribe(subs)
	var out bytes.Buffer
	out.WriteByte('[')
	if fresh {
		out.WriteString(`{"type":"session","id":"` + s.id + `"}`)
	} else {
		s.wait(ctx)
	}
	if s.box.holds() {
		timer := time.NewTimer(pollGather)
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	for ctx.Err() == nil && out.Len() < maxAnswer {
		messages := s.box.take(s.c)
		if len(messages) == 0 {
			break
		}
		for _, m := range messages {
			s.marks.note(m)
			if out.Len() > 1 {
				out.WriteByte(',')
			}
			out.Write(m.Data)
		}
	}
	out.WriteByte(']')
	return out.Bytes()
}

// wait returns when there is something to answer, or no use in waiting.
func (s *session) wait(ctx context.Context) {
	timer := time.NewTimer(pollTimeout)
	defer timer.Stop()
	draining := engine.Draining(ctx)
	for !s.box.holds() && !s.box.isClosed() {
		select {
		case <-s.box.wake:
		case <-draining:
			draining = nil
			s.c.Restart()
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		case <-s.p.Done:
			return
		}
	}
}

// subscribe brings the subscriptions in line with what the client wants. When it
// stands elsewhere than where it was brought, an answer was lost on the way, and
// the topic begins there anew.
func (s *session) subscribe(subs []Sub) {
	wanted := make(map[string]bool)
	for _, sub := range subs {
		wanted[sub.Topic] = true
	}
	for topic := range s.asked {
		if !wanted[topic] {
			s.leave(topic)
		}
	}
	for _, sub := range subs {
		if s.c.Has(sub.Topic) {
			at, known := s.marks[sub.Topic]
			if !known || sub.At.Epoch == "" || at == sub.At {
				continue
			}
			s.leave(sub.Topic)
		}
		s.c.Subscribe(sub)
		s.asked[sub.Topic] = true
	}
}

func (s *session) leave(topic string) {
	s.c.Leave(topic)
	s.box.purge(topic)
	delete(s.marks, topic)
	delete(s.asked, topic)
}
