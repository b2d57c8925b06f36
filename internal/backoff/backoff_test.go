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
			assert.True(t, b.Pause(t.Context()), "nothing ended it")
			took := time.Since(began)
			assert.True(t, took >= most*time.Second/2 && took <= most*time.Second, "a pause is at most what it has grown to, and at least half of that")
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		began := time.Now()
		assert.True(t, !b.Pause(ctx), "the context ended first")
		assert.Equal(t, time.Since(began), time.Second)
	})
}
