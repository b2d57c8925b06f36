package hub

import (
	"context"
	"crypto/rand"
)

// newNode returns the name of this node.
func newNode() string { return rand.Text()[:10] }

// visitor is who a client is, as far as somebody wants to know.
type visitor struct {
	ctx context.Context // that of Authenticate, or nil
}

// admit takes a connection in, unless the hub is being drained.
func (h *Hub) admit(l link, kind transport) (*client, error) {
	c := &client{h: h, link: l, kind: kind, known: true, number: h.numbers.Add(1)}
	h.clientsMu.Lock()
	defer h.clientsMu.Unlock()
	if h.draining {
		return nil, ErrClosed
	}
	c.place = len(h.clients)
	h.clients = append(h.clients, c)
	h.metrics.connections[kind].Inc()
	return c, nil
}

// dismiss is called when the connection has ended.
func (h *Hub) dismiss(c *client) {
	h.clientsMu.Lock()
	defer h.clientsMu.Unlock()
	last := len(h.clients) - 1
	h.clients[c.place] = h.clients[last]
	h.clients[c.place].place = c.place
	h.clients[last] = nil
	h.clients = h.clients[:last]
	h.metrics.connections[c.kind].Dec()
}

// context has the values of the connection and ends with it.
func (c *client) context() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.who != nil && c.who.ctx != nil {
		return c.who.ctx
	}
	return c.link.context()
}

// nameLocked is who the client is for those who look after the service.
func (c *client) nameLocked() string { return c.link.addr() }
