package exchange

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// requestContext is the context of one request. It costs nothing until
// somebody asks for its Done: only then is a cancellable context of the
// standard library made below it, to which derived contexts tie themselves
// without a goroutine, and which carries the cause.
type requestContext struct {
	x      *Exchange
	parent context.Context

	inner atomic.Pointer[cancellable]
	ended atomic.Bool // written under mu

	mu   sync.Mutex
	wire Wire // for what may be asked while others read and write; nil once ended
}

type cancellable struct {
	context.Context
	cancel context.CancelCauseFunc
}

// exchangeKey finds the exchange a context belongs to.
type exchangeKey struct{}

// FromContext returns the exchange whose request ctx is of, or nil.
func FromContext(ctx context.Context) *Exchange {
	x, _ := ctx.Value(exchangeKey{}).(*Exchange)
	return x
}

// Draining returns a channel that is closed when the server that serves the
// request of ctx begins to shut down. It is nil when ctx is of no exchange.
func Draining(ctx context.Context) <-chan struct{} {
	if x := FromContext(ctx); x != nil {
		return x.cfg.Drain
	}
	return nil
}

// Deadline implements context.Context.
func (c *requestContext) Deadline() (time.Time, bool) { return c.parent.Deadline() }

// Base returns the context that this one was made from. It outlives the request
// and keeps nothing of it, which is what upgraded connections want.
func (c *requestContext) Base() context.Context { return c.parent }

// Done implements context.Context.
func (c *requestContext) Done() <-chan struct{} { return c.ensure().Done() }

// Err implements context.Context.
func (c *requestContext) Err() error {
	if in := c.inner.Load(); in != nil {
		return in.Err()
	}
	if c.ended.Load() {
		return context.Canceled
	}
	return c.parent.Err()
}

// Value implements context.Context. Keys it does not know go to the inner
// context, which is how the context package finds the one to tie to.
func (c *requestContext) Value(key any) any {
	switch key {
	case exchangeKey{}:
		return c.x
	case http.ServerContextKey:
		if c.x.cfg.HTTP != nil {
			return c.x.cfg.HTTP
		}
	case http.LocalAddrContextKey:
		if a := c.localAddr(); a != nil {
			return a
		}
	}
	if in := c.inner.Load(); in != nil {
		return in.Value(key)
	}
	return c.parent.Value(key)
}

// String names the context in messages of contexts derived from it.
func (c *requestContext) String() string { return "exchange.Request" }

// cancel ends the context early. A cause of nil means context.Canceled.
func (c *requestContext) cancel(cause error) {
	if c.ended.Load() {
		return
	}
	c.ensure().cancel(cause)
}

// ensure returns the inner context, which it makes when there is none.
func (c *requestContext) ensure() *cancellable {
	if in := c.inner.Load(); in != nil {
		return in
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if in := c.inner.Load(); in != nil {
		return in
	}
	in := &cancellable{}
	in.Context, in.cancel = context.WithCancelCause(c.parent)
	if c.ended.Load() {
		in.cancel(context.Canceled)
	}
	c.inner.Store(in)
	return in
}

func (c *requestContext) localAddr() net.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wire == nil {
		return nil
	}
	return c.wire.LocalAddr()
}

// unlink cuts the context off from the wire.
func (c *requestContext) unlink() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wire = nil
}

// after calls f once the context was cancelled while its handler ran.
func (c *requestContext) after(f func()) {
	context.AfterFunc(c, func() {
		if !c.ended.Load() {
			f()
		}
	})
}

// setDeadline calls set with the wire, while that is this exchange's.
func (c *requestContext) setDeadline(set func(Wire) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wire == nil {
		return ErrFinished
	}
	return set(c.wire)
}

// end cancels the context because its handler has returned.
func (c *requestContext) end() {
	c.mu.Lock()
	c.wire = nil
	c.ended.Store(true)
	in := c.inner.Load()
	c.mu.Unlock()
	if in != nil {
		in.cancel(context.Canceled)
	}
}
