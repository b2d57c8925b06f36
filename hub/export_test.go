package hub

// Subscribers counts the subscriptions over the network to a name.
func (h *Hub) Subscribers(name string) int {
	f := h.feed(name)
	if f == nil {
		return 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.remotes)
}
