package hub

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/galeweb/gale/internal/hubwire"
)

const (
	// maxSubscriptions bounds what one connection can make the hub hold.
	maxSubscriptions = 128
	// subscribeTimeout bounds Authorize and the broker for one request.
	subscribeTimeout = 10 * time.Second
)

// message handles one request. What is wrong with it is told to the client;
// the connection stays.
func (c *client) message(data []byte) {
	r, err := hubwire.Parse(data)
	c.mu.Lock()
	known := c.known
	c.mu.Unlock()
	if !known {
		c.authenticate(r, err)
		return
	}
	if err != nil {
		c.refuse(hubwire.Request{ID: r.ID}, hubwire.CodeBadMessage, "message is not a JSON object of this protocol")
		return
	}
	switch r.Type {
	case "subscribe":
		c.subscribe(r)
	case "unsubscribe":
		c.unsubscribe(r.Topic)
	case "call":
		c.reply(c.h.answer(c.context(), r))
	case "ping":
		c.reply(encode(hubwire.Plain{Type: "pong"}))
	default:
		c.refuse(hubwire.Request{}, hubwire.CodeBadMessage, "unknown type")
	}
}

func (c *client) refuse(r hubwire.Request, code, message string) {
	c.reply(encode(hubwire.Error{Type: "error", Topic: r.Topic, ID: r.ID, Code: code, Message: message}))
}

func (c *client) subscribe(r hubwire.Request) {
	t := c.h.topicOf(r.Topic)
	switch {
	case t == nil:
		c.refuse(r, hubwire.CodeUnknownTopic, "there is no such topic")
		return
	case r.Presence && !t.presence:
		c.refuse(r, hubwire.CodeBadMessage, "this topic has no presence")
		return
	case c.lookup(r.Topic) != nil:
		c.refuse(r, hubwire.CodeSubscribed, "this connection has subscribed already")
		return
	case len(c.matching("")) >= maxSubscriptions:
		c.refuse(r, hubwire.CodeTooMany, fmt.Sprintf("a connection may have %d subscriptions", maxSubscriptions))
		return
	}
	ctx, cancel := c.bounded()
	defer cancel()
	checks := c.h.checks.Load()
	err := t.authorize(ctx, r.Topic, t.pattern.Params(r.Topic))
	if errors.Is(err, ErrForbidden) {
		c.refuse(r, hubwire.CodeForbidden, "you may not subscribe to this topic")
		return
	}
	if err == nil {
		_, err = c.h.listen(ctx) // for a revocation that comes next
	}
	var s *remote
	if err == nil {
		s, err = c.attach(ctx, t, r)
	}
	switch {
	case err != nil:
		c.failed(ctx, r.Topic, err)
	case c.h.checks.Load() != checks:
		s.check()
	}
}

// failed tells the client to try again later, and the log why.
func (c *client) failed(ctx context.Context, topic string, err error) {
	if c.link.context().Err() == nil && !errors.Is(err, ErrClosed) {
		c.h.logger.ErrorContext(ctx, "hub: subscribe failed", "topic", topic, "error", err)
	}
	c.refuse(hubwire.Request{Topic: topic}, hubwire.CodeUnavailable, "subscribing failed; try again later")
}

func (c *client) attach(ctx context.Context, t *topic, r hubwire.Request) (*remote, error) {
	f, err := c.h.retain(ctx, t, r.Topic)
	if err != nil {
		return nil, err
	}
	s := &c.first
	if c.used.Swap(true) {
		s = new(remote)
	}
	*s = remote{c: c, feed: f, watches: r.Presence}
	var from *Position
	if r.Epoch != "" {
		from = &Position{Epoch: r.Epoch, Offset: r.Offset}
	}
	h, err := f.join(ctx, s, from, r.Recent)
	if err != nil {
		return nil, err
	}
	start := Position{h.Top.Epoch, h.Prev}
	var recovered *bool
	if from != nil {
		recovered = &h.Recovered
		if h.Recovered && from.Epoch == start.Epoch {
			start.Offset = max(start.Offset, from.Offset)
		}
	}
	if t.presence {
		s.presence = c.h.retainPresence(t, r.Topic)
	}
	if !c.begin(s, subscribed(r.Topic, start, recovered)) {
		s.leave()
		return nil, ErrClosed
	}
	return s, nil
}

// begin answers the subscribe, then lets the history and what came since flow.
// It is false when the connection has ended.
func (c *client) begin(s *remote, answer *message) bool {
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		return false
	}
	c.remotes = append(c.remotes, s)
	c.replyLocked(answer)
	c.mu.Unlock()
	if s.presence != nil {
		s.presence.join(s)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.backlog != nil { // it was not ended meanwhile
		s.backlog.mute = false
		c.flush(s)
	}
	return true
}

func (c *client) unsubscribe(name string) {
	s := c.take(nil, name)
	if s == nil {
		c.refuse(hubwire.Request{Topic: name}, hubwire.CodeNotSubscribed, "this connection has not subscribed")
		return
	}
	s.leave()
	c.reply(ended(name, ""))
}
