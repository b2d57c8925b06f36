package hub

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/galeweb/gale/ws"
)

const (
	// maxSubscriptions bounds what one connection can make the hub hold.
	maxSubscriptions = 128
	// maxRequest is the largest message from a client, in bytes: a subscribe
	// with the longest name is under 1 KiB.
	maxRequest = 4 << 10
	// The socket's own queue is short, so that the topic's policy, which knows
	// what may be dropped, decides early.
	socketMessages = 64
	socketBytes    = 256 << 10
	// subscribeTimeout bounds Authorize and the broker for one request.
	subscribeTimeout = 10 * time.Second
)

func (h *Hub) newTransport(checkOrigin func(*http.Request) bool) *ws.Handler {
	clientOf := func(c *ws.Conn) *client {
		v, ok := h.clients.Load(c)
		if !ok {
			return nil // Writable may come late, after Close
		}
		return v.(*client)
	}
	return &ws.Handler{
		Open: func(c *ws.Conn, _ *http.Request) error {
			h.clients.Store(c, &client{h: h, conn: c, remotes: make(map[string]*remote)})
			h.metrics.connections.Inc()
			return nil
		},
		Message: func(c *ws.Conn, m ws.Message) error { return clientOf(c).message(m) },
		Close: func(c *ws.Conn, _ error) {
			clientOf(c).leaveAll()
			h.clients.Delete(c)
			h.metrics.connections.Dec()
		},
		Writable: func(c *ws.Conn) {
			if cl := clientOf(c); cl != nil {
				cl.writable()
			}
		},
		Subprotocols:  []string{Subprotocol},
		CheckOrigin:   checkOrigin,
		ReadLimit:     maxRequest,
		QueueMessages: socketMessages,
		QueueBytes:    socketBytes,
	}
}

// message handles one request. What is wrong with it is told to the client;
// the connection stays.
func (c *client) message(m ws.Message) error {
	if m.Binary {
		return &ws.CloseError{Code: ws.CodeUnsupported, Reason: "binary message"}
	}
	r, err := parseRequest(m.Data)
	if err != nil {
		c.reply(reply{Type: "error", Code: codeBadMessage, Message: "message is not a JSON object of this protocol"})
		return nil
	}
	switch r.Type {
	case "subscribe":
		c.subscribe(r)
	case "unsubscribe":
		c.unsubscribe(r.Topic)
	case "ping":
		c.reply(reply{Type: "pong"})
	default:
		c.reply(reply{Type: "error", Code: codeBadMessage, Message: "unknown type"})
	}
	return nil
}

func (c *client) subscribe(r request) {
	refuse := func(code, message string) {
		c.reply(reply{Type: "error", Topic: r.Topic, Code: code, Message: message})
	}
	t := c.h.topicOf(r.Topic)
	switch {
	case t == nil:
		refuse(codeUnknownTopic, "there is no such topic")
		return
	case c.has(r.Topic):
		refuse(codeSubscribed, "this connection has subscribed already")
		return
	case c.count() >= maxSubscriptions:
		refuse(codeTooMany, fmt.Sprintf("a connection may have %d subscriptions", maxSubscriptions))
		return
	}
	ctx, cancel := context.WithTimeout(c.conn.Context(), subscribeTimeout)
	defer cancel()
	err := t.authorize(ctx, r.Topic, t.pattern.params(r.Topic))
	if errors.Is(err, ErrForbidden) {
		refuse(codeForbidden, "you may not subscribe to this topic")
		return
	}
	if err == nil {
		err = c.attach(ctx, t, r)
	}
	if err != nil {
		if c.conn.Context().Err() == nil && !errors.Is(err, ErrClosed) {
			c.h.logger.ErrorContext(ctx, "hub: subscribe failed", "topic", r.Topic, "error", err)
		}
		refuse(codeUnavailable, "subscribing failed; try again later")
	}
}

func (c *client) attach(ctx context.Context, t *topic, r request) error {
	f, err := c.h.retain(ctx, t, r.Topic)
	if err != nil {
		return err
	}
	s := &remote{c: c, feed: f, queue: queue{limit: t.queue, policy: t.policy}}
	if !f.add(s) {
		c.h.release(f)
		return ErrClosed
	}
	var from *Position
	if r.Epoch != "" {
		from = &Position{Epoch: r.Epoch, Offset: r.Offset}
	}
	history, start, err := t.catchUp(ctx, r.Topic, from, r.Recent)
	if err != nil {
		f.leave(s)
		return err
	}
	answer := reply{Type: "subscribed", Topic: r.Topic, Epoch: start.Epoch, Offset: &start.Offset}
	if from != nil {
		answer.Recovered = &history.Recovered
	}
	c.begin(s, answer, history)
	return nil
}

func (c *client) unsubscribe(name string) {
	s := c.take(name)
	if s == nil {
		c.reply(reply{Type: "error", Topic: name, Code: codeNotSubscribed, Message: "this connection has not subscribed"})
		return
	}
	s.feed.leave(s)
	c.reply(reply{Type: "unsubscribed", Topic: name})
}

func (c *client) leaveAll() {
	for _, s := range c.takeAll() {
		s.feed.leave(s)
	}
}
