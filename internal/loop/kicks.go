//go:build linux

package loop

import "sync"

// Batcher is a Source whose connection is kicked together with many others; see
// [Conn.Batch].
type Batcher interface {
	Source
	// Woken takes the place of Serve after a kick: there is no input. The caller
	// owns the connection, and has others to see to after it: what may take its
	// time is for Serve on another worker ([Set.Serve]).
	Woken(w *Worker)
}

// Batch has kicks of the connection, whose source must be a [Batcher], not take
// a worker each: one worker of its loop calls Woken for all that were kicked,
// one after the other. Only the owner may call it; it is for good.
func (c *Conn) Batch() { c.state.Or(batched) }

// keptKicked is how much room for kicked connections a loop keeps.
const keptKicked = 1 << 10

// kicks is the kicked connections of one loop. It owns them. The longer they
// wait, the more kicks and output each of them gathers.
type kicks struct {
	set *Set

	mu      sync.Mutex
	waiting []*Conn
	serving bool

	now  []*Conn // taken from waiting; whoever serves owns this
	next int
}

// add takes a connection that a kick made the caller's.
func (k *kicks) add(c *Conn) {
	k.mu.Lock()
	k.waiting = append(k.waiting, c)
	begin := !k.serving
	k.serving = true
	k.mu.Unlock()
	if begin {
		k.set.Serve(k)
	}
}

// take reports whether there is something to serve.
func (k *kicks) take() bool {
	if k.next < len(k.now) {
		return true
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.now, k.waiting, k.next = k.waiting, k.now[:0], 0
	if len(k.now) > 0 {
		return true
	}
	if cap(k.now) > keptKicked {
		k.now = nil
	}
	if cap(k.waiting) > keptKicked {
		k.waiting = nil
	}
	k.serving = false
	return false
}

// Serve implements [Source].
func (k *kicks) Serve(w *Worker) {
	ended := false
	defer func() {
		if !ended { // by runtime.Goexit in Woken
			k.set.Serve(k)
		}
	}()
	for k.take() {
		c := k.now[k.next]
		k.now[k.next] = nil
		k.next++
		c.src.(Batcher).Woken(w)
	}
	ended = true
}

// HungUp implements [Source].
func (k *kicks) HungUp() {}

// TakenOver implements [Source].
func (k *kicks) TakenOver() {}
