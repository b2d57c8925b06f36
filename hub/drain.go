package hub

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/galeweb/gale/internal/hubwire"
	"github.com/galeweb/gale/ws"
)

// Drain refuses new connections and subscriptions, ends subscriptions in the
// process with [ErrClosed], and asks every client to connect again a little
// later: in random order, spread over Options.DrainOver or half the time that
// ctx has, so that they do not all come at once to wherever they come. Until
// then messages flow. Drain returns when the connections are gone or ctx ends,
// which cuts them off.
//
// It does not stop Publish, which other nodes may still hear, and does not
// close the broker.
func (h *Hub) Drain(ctx context.Context) error {
	h.mu.Lock()
	h.closed = true
	feeds := slices.Collect(maps.Values(h.feeds))
	h.mu.Unlock()
	for _, f := range feeds {
		if !f.topic.inner {
			f.close(ErrClosed)
		}
	}
	h.clientsMu.Lock()
	h.draining = true
	clients := slices.Clone(h.clients)
	h.clientsMu.Unlock()

	h.sendAway(ctx, clients)
	err := h.ws.Drain(ctx)
	if len(clients) > 0 && err == nil {
		select {
		case <-h.empty:
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	h.runningMu.Lock()
	h.stop()
	h.runningMu.Unlock()
	h.running.Wait()
	h.withdraw(ctx)
	return err
}

// sendAway closes the connections one by one.
func (h *Hub) sendAway(ctx context.Context, clients []*client) {
	over := max(h.o.DrainOver, 0)
	if deadline, ok := ctx.Deadline(); ok {
		over = min(over, time.Until(deadline)/2)
	}
	rand.Shuffle(len(clients), func(i, j int) { clients[i], clients[j] = clients[j], clients[i] })
	began := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i, c := range clients {
		if wait := over*time.Duration(i)/time.Duration(len(clients)) - time.Since(began); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				over = 0
			}
		}
		c.restart()
	}
}

// restart closes the connection with a hint when to come again.
func (c *client) restart() {
	after := 100*time.Millisecond + rand.N(time.Second+max(c.h.o.DrainOver, 0)/2)
	m := encode(hubwire.Plain{Type: "reconnect", After: after.Milliseconds()})
	m.After = after
	c.mu.Lock()
	defer c.mu.Unlock()
	c.replyLocked(m)
	c.link.close(ws.CodeServiceRestart, "service restart")
}
