package hubclient

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/galeweb/gale/ws"
)

// serve takes the messages of a connection until it ends. It returns why, and
// how long to wait when the server has said so.
func (c *Client) serve(conn *ws.Conn) (hint time.Duration, err error) {
	stop := context.AfterFunc(c.ctx, func() { conn.Close(ws.CodeNormal, "") })
	c.attach(conn)
	c.become(Open)
	var leave *time.Timer
	var again time.Time
	for m, broken := range conn.Messages() {
		if err = broken; err != nil {
			break
		}
		in, wrong := decode(m)
		if wrong != nil {
			conn.Close(ws.CodeInvalidData, "not of this protocol")
			err = wrong
			break
		}
		if in.Type == "reconnect" {
			again = time.Now().Add(in.after())
			if leave == nil {
				leave = time.AfterFunc(in.after(), func() { conn.Close(ws.CodeNormal, "") })
			}
			continue
		}
		c.take(conn, in)
	}
	if leave != nil {
		leave.Stop()
		hint = max(time.Until(again), 1)
	}
	c.detach()
	stop()
	<-conn.Done()
	if err == nil {
		err = context.Cause(conn.Context())
	}
	return hint, err
}

func decode(m ws.Message) (*incoming, error) {
	in := &incoming{}
	if err := json.Unmarshal(m.Data, in); err != nil {
		return nil, fmt.Errorf("hubclient: message is not of the protocol: %w", err)
	}
	return in, nil
}

// attach gives everything that waits to the new connection: the subscriptions,
// from where they stand, then the calls that were not sent yet.
func (c *Client) attach(conn *ws.Conn) {
	c.mu.Lock()
	c.conn = conn
	calls := c.out
	c.out = nil
	for _, name := range slices.Sorted(maps.Keys(c.subs)) {
		c.out = append(c.out, frame{data: c.subs[name].request()})
	}
	c.out = append(c.out, calls...)
	c.mu.Unlock()
	c.flush()
}

// detach ends what depended on the connection: calls that were sent, and
// whatever was to be said on it.
func (c *Client) detach() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn = nil
	c.out = slices.DeleteFunc(c.out, func(f frame) bool { return f.call == nil })
	clear(c.leaving)
	for _, call := range c.calls {
		if call.sent {
			c.settle(call, nil, ErrDisconnected)
		}
	}
}

// flush sends what waits, as far as the connection has room; its Writable calls
// again.
func (c *Client) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.conn != nil && len(c.out) > 0 {
		f := c.out[0]
		if f.call == nil || !f.call.over {
			if c.conn.Send(ws.Message{Data: f.data}) != nil {
				return // it is full, or over
			}
			if f.call != nil {
				f.call.sent = true
			}
		}
		c.out = c.out[1:]
	}
}

func (c *Client) send(f frame) {
	c.mu.Lock()
	c.out = append(c.out, f)
	c.mu.Unlock()
	c.flush()
}

// take handles a message.
func (c *Client) take(conn *ws.Conn, in *incoming) {
	if in.Type == "result" || in.Type == "error" && in.ID != 0 {
		c.answer(in)
		return
	}
	b := c.inboxFor(in)
	switch {
	case in.Type == "error" && in.Topic == "":
		c.o.Logger.ErrorContext(c.ctx, "hubclient: the server complains", "code", in.Code, "message", in.Message)
	case b == nil:
	case in.Type == "unsubscribed":
		c.forget(b, in.err(), false)
	case in.Type != "error":
		b.take(in)
		b.hold(conn.Context())
	case in.Code == "unavailable":
		b.again(c.o.MinWait + c.pause(3))
	case in.Code != "already_subscribed" && in.Code != "not_subscribed":
		c.forget(b, in.err(), false)
	}
}

// inboxFor returns the subscription that a message is for. Until the answer to
// an unsubscribe comes, all of its topic is for one that is over.
func (c *Client) inboxFor(in *incoming) *inbox {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := c.leaving[in.Topic]; n > 0 {
		if in.Type == "unsubscribed" || in.Code == "not_subscribed" {
			c.leaving[in.Topic] = n - 1
		}
		return nil
	}
	return c.subs[in.Topic]
}

// forget ends a subscription, and tells the server if it does not know.
func (c *Client) forget(b *inbox, cause error, tell bool) {
	c.mu.Lock()
	mine := c.subs[b.topic] == b
	if mine {
		delete(c.subs, b.topic)
	}
	if mine && tell && c.conn != nil {
		c.leaving[b.topic]++
		c.out = append(c.out, frame{data: outgoing{Type: "unsubscribe", Topic: b.topic}.encode()})
	}
	c.mu.Unlock()
	b.end(cause)
	c.flush()
}

// end ends everything that is left when the client does.
func (c *Client) end(cause error) {
	c.mu.Lock()
	subs := c.subs
	c.subs = nil
	c.out = nil
	for _, call := range c.calls {
		c.settle(call, nil, cause)
	}
	c.mu.Unlock()
	for _, b := range subs {
		b.end(cause)
	}
	c.become(Closed)
}
