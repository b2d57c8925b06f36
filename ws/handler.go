package ws

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/galeweb/gale/internal/origin"
	"github.com/galeweb/gale/internal/upgrade"
	"github.com/galeweb/gale/obs"
)

// Handler upgrades requests and serves their connections. Set the fields
// before the first request, keep it by pointer, and call [Handler.Drain] when
// the server stops: servers do not wait for upgraded connections.
//
// A request that is no proper WebSocket handshake gets a 4xx or 5xx answer in
// plain text. Put guards that answer 401 or 403 in front, as for any handler.
type Handler struct {
	// Open is called after the handshake and before the first Message, with the
	// request, which it must not keep. What it sends may go out only when it has
	// returned. An error closes the connection, and then Close is not called.
	Open func(c *Conn, r *http.Request) error
	// Message is called for each message. It may block; further messages then
	// wait in the network, and on the engine so does what is to be sent on this
	// connection. An error closes the connection: with its code and
	// reason when it is a [*CloseError], and otherwise with 1011, logged.
	//
	// When nil, each connection holds a goroutine, also on the engine (goroutine
	// mode): use [Conn.Messages] or [Conn.NextReader], called before Open
	// returns. When neither is called, messages are read and dropped.
	Message func(c *Conn, m Message) error
	// Close is called once for each connection whose Open succeeded, after its
	// last Message. cause is never nil: a [*CloseError], [ErrPongTimeout],
	// [ErrWriteTimeout] or an error of the network.
	Close func(c *Conn, cause error)
	// Writable is called when half of the queue is free again after an
	// [ErrQueueFull]. It may run beside the other callbacks and must not block.
	Writable func(c *Conn)

	// Subprotocols that the application speaks, the best first and 255 at most;
	// the first one that the client offers too is chosen. As a client, those to
	// offer.
	Subprotocols []string
	// CheckOrigin says whether a page may connect. Defaults to pages of the
	// same host, and clients that send no Origin, which browsers always do.
	CheckOrigin func(r *http.Request) bool
	// Compression says what is compressed. Defaults to nothing.
	Compression Compression
	// Keep returns the context whose values [Conn.Context] has. Defaults to that
	// of the request, which on the engine may keep the request and its header,
	// a few KiB, for as long as the connection lives: with many connections, keep
	// no more than what callbacks ask for, such as the user. Where no middleware
	// has wrapped the request's context, only the server's is kept.
	Keep func(r *http.Request) context.Context

	// ReadLimit is the largest message in bytes, counted when inflated; a larger
	// one closes the connection with 1009. Defaults to 1 MiB.
	ReadLimit int
	// StreamLimit is the same for messages that [Conn.NextReader] reads, of which
	// only a piece is in memory at a time. Defaults to 64 MiB; negative for no
	// limit.
	StreamLimit int64
	// QueueMessages and QueueBytes bound what the peer has not taken; the bytes
	// are besides 16 KiB that are on their way. A message of any size fits an
	// empty queue. More messages may be sent in answer to those that came in one
	// read, if there was room before. Default to 256 and 1 MiB.
	QueueMessages int
	QueueBytes    int
	// WriteTimeout is how long the peer may take for 16 KiB of what is written.
	// Defaults to 10 s.
	WriteTimeout time.Duration
	// PingEvery is the silence after which a ping is sent, up to a tenth earlier
	// so that many connections do not ping at once; negative turns pings off.
	// Defaults to 25 s, under the usual 30 s and 60 s of proxies.
	PingEvery time.Duration
	// PongTimeout is how long a sign of life may take after a ping. Defaults
	// to 10 s.
	PongTimeout time.Duration
	// DrainOver is over what time [Handler.Drain] spreads the closes of many
	// connections, so that they do not all come back at once elsewhere. Up to a
	// hundred close at once, and each further hundred 50 ms later or sooner.
	// Defaults to 5 s; negative closes all at once.
	DrainOver time.Duration

	// What connections share while they need it.
	buffers   sync.Pool // *[]byte
	boxes     sync.Pool // *outbox
	parsers   sync.Pool // *wsframe.Parser
	inflaters sync.Pool // *wsframe.Inflater
	deflaters sync.Pool // *wsframe.Deflater

	slow atomic.Int64 // for how many messages Message counts as slow

	mu       sync.Mutex
	conns    *Conn // the first of a list
	count    int
	draining bool
	gone     chan struct{} // closed when a Drain waits and no connection is left
}

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
	if h.isDraining() {
		w.Header().Set("Connection", "close")
		w.Header().Set("Retry-After", "1")
		http.Error(w, "server is restarting; connect again", http.StatusServiceUnavailable)
		return
	}
	answer, refusal := h.judge(w, r)
	if refusal != nil {
		http.Error(w, refusal.message, refusal.status)
		return
	}
	c := newConn(h, h.valuesOf(r), 0)
	c.agree(answer)
	if err := c.upgrade(w, r, answer); err != nil {
		obs.Logger(r.Context()).WarnContext(r.Context(), "ws: upgrade failed", "error", err)
	}
}

// judge returns the answer to a request, or why it is not upgraded.
func (h *Handler) judge(w http.ResponseWriter, r *http.Request) (answer, *handshakeError) {
	a, refusal := h.checkRequest(w, r)
	if refusal == nil && !h.checkOrigin(r) {
		refusal = &handshakeError{http.StatusForbidden, "origin is not allowed"}
	}
	if refusal == nil && !canUpgrade(w) {
		refusal = &handshakeError{http.StatusInternalServerError, "this connection cannot be upgraded"}
		obs.Logger(r.Context()).ErrorContext(r.Context(),
			"ws: response writer has no Hijack; a middleware around the handler hides it")
	}
	if refusal == nil && h.Compression.Enabled {
		var ok bool
		if a.deflate, ok = h.Compression.accept(r.Header.Values(extensionsHeader)); !ok {
			refusal = &handshakeError{http.StatusBadRequest, "Sec-WebSocket-Extensions is malformed"}
		}
	}
	a.subprotocol = chooseSubprotocol(h.Subprotocols, r.Header)
	return a, refusal
}

func (h *Handler) checkOrigin(r *http.Request) bool {
	if h.CheckOrigin != nil {
		return h.CheckOrigin(r)
	}
	return origin.Same(r)
}

// valuesOf returns the context whose values the connection keeps.
func (h *Handler) valuesOf(r *http.Request) context.Context {
	if h.Keep != nil {
		return context.WithoutCancel(h.Keep(r))
	}
	// The engine's own contexts know what outlives the request.
	if bare, ok := r.Context().(interface{ Base() context.Context }); ok {
		if base := bare.Base(); base.Done() == nil {
			return base
		}
		return context.WithoutCancel(bare.Base())
	}
	return context.WithoutCancel(r.Context())
}

// upgrade sends the 101 by way of the ResponseWriter, so that middleware sees
// it and may add its cookies, gives the connection to its driver, and runs Open.
func (c *Conn) upgrade(w http.ResponseWriter, r *http.Request, a answer) error {
	a.write(w.Header())
	w.WriteHeader(http.StatusSwitchingProtocols)
	if c.h.Message != nil {
		sock, err := c.keep(w)
		if err == nil {
			c.sock = sock
			if c.h.add(c) {
				c.open(r)
			} else {
				c.turnAway()
			}
			return nil
		}
		if !errors.Is(err, upgrade.ErrNoUpgrade) {
			return err
		}
	}
	nc, early, err := hijack(w)
	if err != nil {
		return err
	}
	if c.h.Message == nil {
		obs.LongLived(r.Context()) // Open may run for as long as the connection
	}
	newSocket(c, nc).serve(r, early)
	return nil
}

// keep leaves the connection to the server, when that can keep it.
func (c *Conn) keep(w http.ResponseWriter) (upgrade.Socket, error) {
	for {
		if u, ok := w.(upgrade.Upgrader); ok {
			return u.Upgrade((*protocol)(c))
		}
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return nil, upgrade.ErrNoUpgrade
		}
		w = u.Unwrap()
	}
}
