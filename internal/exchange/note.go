package exchange

import "sync"

// note is a value that any goroutine may set and see.
type note struct {
	mu sync.Mutex
	v  any
}

func (n *note) set(v any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.v = v
}

func (n *note) get() any {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.v
}
