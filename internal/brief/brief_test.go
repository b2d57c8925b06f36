package brief_test

import (
	"context"
	"testing"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/brief"
)

// own counts what is derived from it.
type own struct {
	context.Context
	derived int
}

func (o *own) WithTimeout(d time.Duration) (context.Context, context.CancelFunc) {
	o.derived++
	return context.WithTimeout(o.Context, d)
}

func TestWithTimeout(t *testing.T) {
	t.Parallel()
	o := &own{Context: t.Context()}
	for _, parent := range []context.Context{o, t.Context()} {
		ctx, cancel := brief.WithTimeout(parent, time.Hour)
		_, bounded := ctx.Deadline()
		assert.True(t, bounded, "it has a deadline")
		cancel()
		assert.ErrorIs(t, ctx.Err(), context.Canceled)
	}
	assert.Equal(t, o.derived, 1)
}
