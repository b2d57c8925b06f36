//go:build linux

package loop

import (
	"sync"
	"time"
)

// The wheel keeps deadlines coarsely: it looks at a connection a tick after its
// deadline, or later. Moving a deadline on, as every request does, is one store
// to memory; the wheel finds out when it comes to the connection's slot.
const (
	tick  = 250 * time.Millisecond
	slots = 512
)

type wheel struct {
	mu    sync.Mutex
	slots [slots]*Conn // heads of doubly linked lists
	last  int64        // the tick up to which the slots were looked at
}

func tickOf(at int64) int64 { return (at + int64(tick) - 1) / int64(tick) }

// SetDeadline has the connection kicked some time after at, a time of
// [Set.Now]; 0 for no deadline. The owner must check [Conn.Expired]: kicks come
// for other reasons, and a deadline that was moved may still kick.
func (c *Conn) SetDeadline(at int64) {
	c.deadline.Store(at)
	if at != 0 && at < c.due.Load() {
		c.loop.wheel.move(c, at)
	}
}

// Expired reports whether the deadline has passed at now.
func (c *Conn) Expired(now int64) bool {
	at := c.deadline.Load()
	return at != 0 && at <= now
}

func (w *wheel) add(c *Conn, now int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.place(c, now)
}

// place links c, which is in no slot, for its deadline; now is for one that has
// none. A deadline that its owner moves meanwhile is seen by one of the two:
// either it compares with the slot stored here, or its store is found here.
func (w *wheel) place(c *Conn, now int64) {
	for {
		at := c.deadline.Load()
		if at == 0 {
			w.link(c, now+int64((slots-1)*tick))
		} else {
			w.link(c, at)
		}
		if c.deadline.Load() == at {
			return
		}
		w.unlink(c)
	}
}

func (w *wheel) move(c *Conn, at int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.unlink(c) {
		w.link(c, at)
	}
}

func (w *wheel) remove(c *Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unlink(c)
}

// link puts c where it is looked at soon after at, or as late as the wheel goes.
func (w *wheel) link(c *Conn, at int64) {
	t := min(max(tickOf(at), w.last+1), w.last+slots-1)
	c.due.Store(t * int64(tick))
	head := &w.slots[t%slots]
	c.prev, c.next = nil, *head
	if *head != nil {
		(*head).prev = c
	}
	*head = c
}

// unlink reports whether c was in the wheel.
func (w *wheel) unlink(c *Conn) bool {
	due := c.due.Load()
	if due == 0 {
		return false
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		w.slots[due/int64(tick)%slots] = c.next
	}
	c.prev, c.next = nil, nil
	c.due.Store(0)
	return true
}

// advance looks at the slots up to now and returns the connections whose
// deadlines have passed. Those stay in the wheel, to be kicked again if the
// first kick crossed with a change of owner.
func (w *wheel) advance(now int64) (expired []*Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	stop := now / int64(tick)
	for w.last < stop {
		w.last++
		c := w.slots[w.last%slots]
		w.slots[w.last%slots] = nil
		for c != nil {
			next := c.next
			if c.Expired(now) {
				expired = append(expired, c)
				w.link(c, now+int64(time.Second))
			} else {
				w.place(c, now)
			}
			c = next
		}
	}
	return expired
}
