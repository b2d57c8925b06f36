package hub

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/galeweb/gale/internal/brief"
	"github.com/galeweb/gale/internal/hubwire"
	"github.com/galeweb/gale/ws"
)

// Identity is who a connection is.
type Identity struct {
	// User is the id of the user; "" for nobody in particular.
	User string
	// Session is the id of his session, for [Match]. It is shown to nobody.
	Session string
	// Until is when the connection is closed, with code 1008: the end of the
	// credential that it came with, by the system's clock; [Options].Extend may
	// move it. Defaults to never.
	Until time.Time
	// Info is what presence tells of the connection besides the user, such as a
	// name to show: anything that encodes as at most 1 KiB of JSON. Defaults to
	// nothing.
	Info any
}

// maxInfo bounds what one connection adds to the presence that others get.
const maxInfo = 1 << 10

// newNode returns the name of this node.
func newNode() string { return rand.Text()[:10] }

// visitor is who a client is, as far as somebody wants to know.
type visitor struct {
	ctx           context.Context // that of Authenticate, or nil
	user, session string
	info          jsontext.Value
	until         time.Time
	timer         *time.Timer // of AuthTimeout, then of until
}

// admit takes a connection in, unless the hub is being drained. When it is not
// known who he is yet, his first message must say so.
func (h *Hub) admit(l link, kind transport, known bool) (*client, error) {
	c := &client{h: h, link: l, kind: kind, known: known, number: h.numbers.Add(1)}
	c.remotes = c.room[:0]
	if known {
		c.who = h.visitor(l.context())
	}
	c.mu.Lock() // the timers want it
	if !known {
		c.who = &visitor{timer: time.AfterFunc(h.o.AuthTimeout, func() { c.turnAway(hubwire.CodeUnauthenticated, ws.CodePolicy) })}
	} else if c.who != nil {
		c.expireLocked()
	}
	c.mu.Unlock()
	h.clientsMu.Lock()
	defer h.clientsMu.Unlock()
	if h.draining {
		c.over()
		return nil, ErrClosed
	}
	c.place = len(h.clients)
	h.clients = append(h.clients, c)
	h.metrics.connections[kind].Inc()
	h.listening.Do(func() { h.spawn(h.keepListening) })
	return c, nil
}

// dismiss is called when the connection has ended.
func (h *Hub) dismiss(c *client) {
	h.clientsMu.Lock()
	defer h.clientsMu.Unlock()
	last := len(h.clients) - 1
	h.clients[last].place = c.place
	h.clients[c.place], h.clients[last] = h.clients[last], nil
	h.clients = h.clients[:last]
	h.metrics.connections[c.kind].Dec()
	if h.draining && last == 0 {
		close(h.empty)
	}
}

// visitor returns whose connection it is, or nil when nobody wants to know.
func (h *Hub) visitor(ctx context.Context) *visitor {
	if h.o.Identify == nil {
		return nil
	}
	id := h.o.Identify(ctx)
	v := &visitor{user: id.User, session: id.Session, until: id.Until}
	if id.Info != nil {
		info, err := json.Marshal(id.Info)
		if err == nil && len(info) > maxInfo {
			err = errors.New("it is over 1 KiB")
		}
		if err != nil {
			h.logger.ErrorContext(ctx, "hub: Identity.Info is left out", "error", err)
			return v
		}
		v.info = info
	}
	return v
}

// authenticate takes the first message of a client who must say who he is.
func (c *client) authenticate(r hubwire.Request, err error) {
	if err != nil || r.Type != "auth" {
		c.turnAway(hubwire.CodeUnauthenticated, ws.CodePolicy)
		return
	}
	ctx, err := c.h.authenticated(c.link.context(), r.Token)
	switch {
	case errors.Is(err, ErrForbidden):
		c.turnAway(hubwire.CodeUnauthenticated, ws.CodePolicy)
	case err != nil:
		c.turnAway(hubwire.CodeUnavailable, ws.CodeTryLater)
	default:
		who := c.h.visitor(ctx)
		if who == nil {
			who = &visitor{}
		}
		who.ctx = ctx
		c.mu.Lock()
		defer c.mu.Unlock()
		c.who.timer.Stop()
		c.who, c.known = who, true
		c.expireLocked()
		c.replyLocked(encode(hubwire.Plain{Type: "welcome"}))
	}
}

// expireLocked has the connection closed when its credential ends.
func (c *client) expireLocked() {
	if !c.who.until.IsZero() && !c.ended {
		c.who.timer = time.AfterFunc(time.Until(c.who.until), func() { c.h.spawn(c.extend) })
	}
}

// extend closes the connection unless its credential has got a later end.
func (c *client) extend(context.Context) {
	ctx, cancel := c.bounded()
	defer cancel()
	until, err := c.h.o.Extend(ctx)
	switch {
	case err != nil && c.link.context().Err() == nil:
		c.h.logger.ErrorContext(ctx, "hub: Extend failed", "error", err)
		c.restart() // who comes again is asked who he is
	case !time.Now().Before(until):
		c.link.close(ws.CodePolicy, "access has ended")
	default:
		c.mu.Lock()
		defer c.mu.Unlock()
		c.who.until = time.Now().Add(max(time.Until(until), time.Second)) // its clock may be behind
		c.expireLocked()
	}
}

// authenticated returns the context of whose token it is. An error that is not
// [ErrForbidden] was logged.
func (h *Hub) authenticated(ctx context.Context, token string) (context.Context, error) {
	own, err := h.o.Authenticate(ctx, token)
	if err != nil && !errors.Is(err, ErrForbidden) && ctx.Err() == nil {
		h.logger.ErrorContext(ctx, "hub: Authenticate failed", "error", err)
	}
	return own, err
}

// turnAway closes the connection of a client who did not say who he is.
func (c *client) turnAway(code string, closeCode int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known {
		return // he has, just now
	}
	c.who.timer.Stop()
	c.replyLocked(encode(hubwire.Error{Type: "error", Code: code, Message: "authentication failed"}))
	c.link.close(closeCode, "authentication failed")
}

// visitor returns who the client is; nil when nobody wants to know.
func (c *client) visitor() *visitor {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.who
}

// is reports whether both are the same user in the same session.
func (v *visitor) is(other *visitor) bool {
	if v == nil || other == nil {
		return v == other
	}
	return v.user == other.user && v.session == other.session
}

// context has the values of the connection and ends with it.
func (c *client) context() context.Context {
	if v := c.visitor(); v != nil && v.ctx != nil {
		return v.ctx
	}
	return c.link.context()
}

// bounded is context for Authorize and the broker. That of Authenticate gets a
// deadline instead of its end: to watch for that would cost each connection some
// 250 bytes for as long as it lives.
func (c *client) bounded() (context.Context, context.CancelFunc) {
	if v := c.visitor(); v != nil && v.ctx != nil {
		return context.WithTimeout(context.WithoutCancel(v.ctx), subscribeTimeout)
	}
	return brief.WithTimeout(c.link.context(), subscribeTimeout)
}

// id names the connection among those of all nodes.
func (c *client) id() string { return c.h.node + "-" + strconv.FormatUint(c.number, 36) }

// nameLocked is who the client is for those who look after the service.
func (c *client) nameLocked() string {
	if c.who != nil && c.who.user != "" {
		return c.who.user
	}
	return c.link.addr()
}
