package ws

import (
	"context"
	"iter"
	"math/rand/v2"
	"time"
)

const (
	// drainBatch connections are closed every drainEvery, or more of them when
	// DrainOver would be exceeded.
	drainBatch = 100
	drainEvery = 50 * time.Millisecond
)

// add registers c; false means that the Handler is draining.
func (h *Handler) add(c *Conn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conns != nil {
		h.conns.prev, c.next = c, h.conns
	}
	h.conns = c
	h.count++
	return !h.draining
}

func (h *Handler) remove(c *Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		h.conns = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.prev, c.next = nil, nil
	h.count--
	if h.count == 0 && h.gone != nil {
		close(h.gone)
		h.gone = nil
	}
}

func (h *Handler) isDraining() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.draining
}

// turnAway ends a connection that came while the Handler began to drain.
func (c *Conn) turnAway() {
	c.restart()
	c.mu.Lock()
	c.flags |= opened
	gone := c.state == stateClosed
	c.mu.Unlock()
	if gone {
		c.finish()
	}
}

func (c *Conn) restart() { c.Close(CodeServiceRestart, "service restart") }

// All returns the connections that are open now. It may be called at any time;
// those that come or go meanwhile may be among them or not.
func (h *Handler) All() iter.Seq[*Conn] {
	return func(yield func(*Conn) bool) {
		for _, c := range h.snapshot() {
			if !yield(c) {
				return
			}
		}
	}
}

func (h *Handler) snapshot() []*Conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]*Conn, 0, h.count)
	for c := h.conns; c != nil; c = c.next {
		all = append(all, c)
	}
	return all
}

// Drain refuses new connections with 503, closes all others with 1012 (service
// restart) after sending what is queued, in random order and over
// [Handler.DrainOver], and waits until their last callback has returned. When
// ctx has a deadline, the closes are spread over half of the time that is left
// at most. When ctx ends first, Drain cuts them off and returns the cause; a
// callback that is still running then is told by its [Conn.Context], and waited
// for by a second Drain.
func (h *Handler) Drain(ctx context.Context) error {
	h.mu.Lock()
	h.draining = true
	h.mu.Unlock()
	err := h.closeAll(ctx)
	if err == nil {
		select {
		case <-h.left():
			return nil
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	for c := range h.All() {
		c.mu.Lock()
		c.failLocked(err)
		c.mu.Unlock()
	}
	return err
}

// closeAll closes in batches; it fails when ctx ends.
func (h *Handler) closeAll(ctx context.Context) error {
	all := h.snapshot()
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	batch := h.drainBatch(ctx, len(all))
	ticker := time.NewTicker(drainEvery)
	defer ticker.Stop()
	for len(all) > 0 {
		now := all[:min(batch, len(all))]
		all = all[len(now):]
		for _, c := range now {
			c.restart()
		}
		if len(all) == 0 {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// drainBatch returns how many of n connections are closed at a time.
func (h *Handler) drainBatch(ctx context.Context, n int) int {
	over := or(h.DrainOver, 5*time.Second)
	if deadline, ok := ctx.Deadline(); ok {
		over = min(over, time.Until(deadline)/2)
	}
	batches := int(over / drainEvery)
	if batches < 1 {
		return max(n, 1)
	}
	return max(drainBatch, (n+batches-1)/batches)
}

// left returns a channel that is closed when no connection is left.
func (h *Handler) left() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.gone == nil {
		h.gone = make(chan struct{})
	}
	gone := h.gone
	if h.count == 0 {
		close(gone)
		h.gone = nil
	}
	return gone
}
