package engine

import (
	"sync"
	"time"
)

// handshakes are those that run. When there are too many, the one that has kept
// us waiting the longest makes room: else a few clients that begin handshakes
// and never end them would keep everybody out.
type handshakes struct {
	most int // <= 0: no limit

	mu  sync.Mutex
	all map[*conn]*handshake
}

type handshake struct{ since time.Time } // when the wait for the client began; zero: it does not wait

// patience is how long a handshake may wait for its client when others want its
// place: a few round trips around the world.
const patience = time.Second

// enter counts the handshake of c, unless there are too many.
func (h *handshakes) enter(c *conn) bool {
	if h.most <= 0 {
		return true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.all) >= h.most {
		slow := h.slowest(time.Now())
		if slow == nil {
			return false
		}
		slow.n.refused.add("handshakes")
		delete(h.all, slow)
		slow.cut(errCutHandshake)
	}
	if h.all == nil {
		h.all = map[*conn]*handshake{}
	}
	h.all[c] = &handshake{}
	return true
}

// slowest returns the connection that has kept us waiting the longest, if that
// was long. The lock is held.
func (h *handshakes) slowest(now time.Time) (slow *conn) {
	first := now.Add(-patience)
	for c, s := range h.all {
		if !s.since.IsZero() && s.since.Before(first) {
			slow, first = c, s.since
		}
	}
	return slow
}

// waits notes that the handshake of c begins or ends to wait for the client.
func (h *handshakes) waits(c *conn, begins bool) {
	if h.most <= 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.all[c]
	switch {
	case s == nil: // it has made room
	case begins:
		s.since = time.Now()
	default:
		s.since = time.Time{}
	}
}

func (h *handshakes) leave(c *conn) {
	if h.most <= 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.all, c)
}
