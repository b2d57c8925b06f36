package ws

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/galeweb/gale/obs"
)

// Handler upgrades requests and serves their connections. Set the fields
// before the first request, keep it by pointer, and call [Handler.Drain] when
// the server stops: net/http does not know hijacked connections.
//
// A request that is no proper WebSocket handshake gets a 4xx or 5xx answer in
// plain text. Put guards that answer 401 or 403 in front, as for any handler.
type Handler struct {
	// Open is called after the handshake and before the first Message. An
	// error closes the connection, and then Close is not called.
	Open func(c *Conn) error
	// Message is called for each message. It may block; further messages then
	// wait in the network. An error closes the connection: with its code and
	// reason when it is a [*CloseError], and otherwise with 1011, logged.
	//
	// When nil, use [Conn.Messages], called before Open returns; when that is
	// not called either, messages are read and dropped.
	Message func(c *Conn, m Message) error
	// Close is called once for each connection whose Open succeeded, after its
	// last Message. cause is never nil: a [*CloseError], [ErrPongTimeout],
	// [ErrWriteTimeout] or an error of the network.
	Close func(c *Conn, cause error)
	// Writable is called when there is room again after an [ErrQueueFull]. It
	// may run beside the other callbacks and must not block.
	Writable func(c *Conn)

	// Subprotocols that the application speaks, the best first; the first one
	// that the client offers too is chosen. As a client, those to offer.
	Subprotocols []string
	// CheckOrigin says whether a page may connect. Defaults to pages of the
	// same host, and clients that send no Origin, which browsers always do.
	CheckOrigin func(r *http.Request) bool

	// ReadLimit is the largest message in bytes; a larger one closes the
	// connection with 1009. Defaults to 1 MiB.
	ReadLimit int
	// QueueMessages and QueueBytes bound what waits to be sent to one peer. A
	// message of any size fits an empty queue. Default to 256 and 1 MiB.
	QueueMessages int
	QueueBytes    int
	// WriteTimeout is how long the peer may take nothing of what is written.
	// Defaults to 10 s.
	WriteTimeout time.Duration
	// PingEvery is the silence after which a ping is sent; negative turns
	// pings off. Defaults to 25 s, under the usual 30 s and 60 s of proxies.
	PingEvery time.Duration
	// PongTimeout is how long a sign of life may take after a ping. Defaults
	// to 10 s.
	PongTimeout time.Duration

	joins sync.Pool // of *[]byte, in which frames are joined for one write

	mu       sync.Mutex
	conns    map[*Conn]struct{}
	draining bool
}

// closeTimeout is how long the peer may take for its half of the close
// handshake, and what is still queued for getting out.
const closeTimeout = 5 * time.Second

func (h *Handler) readLimit() int              { return or(h.ReadLimit, 1<<20) }
func (h *Handler) queueMessages() int          { return or(h.QueueMessages, 256) }
func (h *Handler) queueBytes() int             { return or(h.QueueBytes, 1<<20) }
func (h *Handler) writeTimeout() time.Duration { return or(h.WriteTimeout, 10*time.Second) }
func (h *Handler) pingEvery() time.Duration    { return or(h.PingEvery, 25*time.Second) }
func (h *Handler) pongTimeout() time.Duration  { return or(h.PongTimeout, 10*time.Second) }

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

// ServeHTTP upgrades the request. In callback mode it returns after Open, and
// the connection lives on.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	draining := h.draining
	h.mu.Unlock()
	if draining {
		w.Header().Set("Connection", "close")
		http.Error(w, "server is restarting; connect again", http.StatusServiceUnavailable)
		return
	}
	accept, refusal := checkRequest(w, r)
	if refusal == nil && !h.checkOrigin(r) {
		refusal = &handshakeError{http.StatusForbidden, "origin is not allowed"}
	}
	if refusal == nil && !canHijack(w) {
		refusal = &handshakeError{http.StatusInternalServerError, "this connection cannot be upgraded"}
		obs.Logger(r.Context()).ErrorContext(r.Context(),
			"ws: response writer has no Hijack; a middleware around the handler hides it")
	}
	if refusal != nil {
		http.Error(w, refusal.message, refusal.status)
		return
	}
	subprotocol := chooseSubprotocol(h.Subprotocols, r.Header)
	nc, early, err := upgrade(w, accept, subprotocol)
	if err != nil {
		obs.Logger(r.Context()).WarnContext(r.Context(), "ws: upgrade failed", "error", err)
		return
	}
	obs.LongLived(r.Context())
	c := newConn(r.Context(), h, nc, r, subprotocol)
	c.serve(early)
}

func (h *Handler) checkOrigin(r *http.Request) bool {
	if h.CheckOrigin != nil {
		return h.CheckOrigin(r)
	}
	return sameOrigin(r)
}

func (h *Handler) add(c *Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conns == nil {
		h.conns = make(map[*Conn]struct{})
	}
	h.conns[c] = struct{}{}
}

func (h *Handler) remove(c *Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, c)
}

// Drain refuses new connections with 503, closes all others with 1012 (service
// restart) after sending what is queued, and waits until their last callback
// has returned. When ctx ends first it cuts them off and returns the cause; a
// callback that is still running then is told by its [Conn.Context].
func (h *Handler) Drain(ctx context.Context) error {
	for {
		h.mu.Lock()
		h.draining = true
		conns := make([]*Conn, 0, len(h.conns))
		for c := range h.conns {
			conns = append(conns, c)
		}
		h.mu.Unlock()
		if len(conns) == 0 {
			return nil
		}
		for _, c := range conns {
			c.Close(CodeServiceRestart, "service restart")
		}
		for _, c := range conns {
			select {
			case <-c.Done():
			case <-ctx.Done():
				for _, c := range conns {
					c.hangUp()
				}
				return context.Cause(ctx)
			}
		}
	}
}
