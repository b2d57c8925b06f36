// Package owed keeps names about which something has to be said later, by one
// goroutine, each once however often it came up.
package owed

import "sync"

// Names is a bounded set of names. The zero value with a Most is ready for use
// by any goroutine.
type Names struct {
	// Most is how many are kept; more are forgotten.
	Most int

	mu    sync.Mutex
	all   map[string]struct{}
	taken bool // somebody takes them
}

// Add adds a name. begin says that nobody takes them: the caller sees to it that
// somebody calls Take until there are none.
func (n *Names) Add(name string) (begin bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.all == nil {
		n.all = make(map[string]struct{})
	}
	if len(n.all) < n.Most {
		n.all[name] = struct{}{}
	}
	begin = !n.taken
	n.taken = true
	return begin
}

// Take takes one name out; when there is none, the next Add begins anew.
func (n *Names) Take() (name string, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name := range n.all {
		delete(n.all, name)
		return name, true
	}
	n.taken = false
	return "", false
}
