package ws

import (
	"context"
	"sync"
	"time"

	"github.com/galeweb/gale/internal/brief"
)

// Context is cancelled when the connection begins to close or breaks; its cause
// is that of the end. It carries the values of the request's context, or those
// that [Handler.Keep] chose. It costs nothing until somebody asks for its Done,
// as a context derived from it does.
func (c *Conn) Context() context.Context { return (*connContext)(c) }

var _ brief.Context = (*connContext)(nil)

// connContext is a Conn as a context. The cancellable context of the standard
// library, to which derived ones tie themselves, is made below it on demand.
type connContext Conn

// Deadline implements context.Context.
func (x *connContext) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done implements context.Context.
func (x *connContext) Done() <-chan struct{} {
	c := (*Conn)(x)
	c.mu.Lock()
	defer c.mu.Unlock()
	done := c.inner().Done()
	c.life.lent = true
	return done
}

// WithTimeout implements brief.Context.
func (x *connContext) WithTimeout(d time.Duration) (context.Context, context.CancelFunc) {
	c := (*Conn)(x)
	c.mu.Lock()
	defer c.mu.Unlock()
	ctx, cancel := context.WithTimeout(c.inner(), d)
	c.life.brief++
	return ctx, sync.OnceFunc(func() {
		cancel()
		c.mu.Lock()
		defer c.mu.Unlock()
		l := c.life
		if l.brief--; l.brief == 0 && !l.lent && l.done == nil && c.state == stateOpen {
			c.life = nil
		}
	})
}

// inner returns the cancellable context, which it makes when there is none,
// under mu.
func (c *Conn) inner() context.Context {
	l := c.alive()
	if l.ctx == nil {
		l.ctx, l.cancel = context.WithCancelCause(c.values)
		if c.state != stateOpen {
			l.cancel(l.cause)
		}
	}
	return l.ctx
}

// Err implements context.Context.
func (x *connContext) Err() error {
	c := (*Conn)(x)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != stateOpen {
		return context.Canceled
	}
	return nil
}

// Value implements context.Context. What the context package looks for to tie
// a derived context, or to learn the cause, is found in the inner one.
func (x *connContext) Value(key any) any {
	c := (*Conn)(x)
	c.mu.Lock()
	from := c.values
	if c.state != stateOpen || c.life != nil && c.life.ctx != nil {
		from = c.inner()
	}
	c.mu.Unlock()
	return from.Value(key)
}

// String names the context in messages of contexts derived from it.
func (x *connContext) String() string { return "ws.Conn" }
