// Package brief derives contexts for a short time from those that live long, of
// which there may be a hundred thousand: package context would leave some
// hundred bytes behind in each.
package brief

import (
	"context"
	"time"
)

// Context is a context that derives without traces.
type Context interface {
	context.Context
	// WithTimeout is context.WithTimeout. What the context made for it is let go
	// when the function that it returns is called.
	WithTimeout(d time.Duration) (context.Context, context.CancelFunc)
}

// WithTimeout is context.WithTimeout, or that of ctx when it is a Context.
func WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if own, ok := ctx.(Context); ok {
		return own.WithTimeout(d)
	}
	return context.WithTimeout(ctx, d)
}
