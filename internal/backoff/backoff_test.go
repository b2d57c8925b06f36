package backoff_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/backoff"
)

func TestPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := backoff.Backoff{Least: time.Second, Most: 5 * time.Second}
		for _, most := range []time.Duration{1, 2, 4, 5, 5} {
			began := time.Now()
			assert.True(t, b.Pause(t.Context()), "it waits")
			d := time.Since(began)
			assert.True(t, d >= most*time.Second/2 && d <= most*time.Second, d.String())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.True(t, !b.Pause(ctx), "it gives up")
	})
}
