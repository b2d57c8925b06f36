package obs

import "context"

// LongLived says of the request in ctx that its handler is meant to run long:
// a WebSocket, server-sent events, a long poll, a stream. A [StallWatch] then
// never reports it. It does nothing for a context without a [Request].
func LongLived(ctx context.Context) {
	if r := RequestFrom(ctx); r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.longLived = true
	}
}

func (r *Request) isLongLived() bool {
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.longLived
}
