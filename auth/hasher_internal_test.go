package auth

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/web"
)

// A flood of sign-ins must cost no more than its share: one works, two wait,
// the next is told to come back.
func TestTheQueueIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher(HasherOptions{MemoryKiB: 64, Time: 1, Workers: 1, Queue: 3})
		assert.NoError(t, h.pool.enter(t.Context())) // a hash that takes its time
		ctx, leave := context.WithCancel(t.Context())
		for _, ctx := range []context.Context{ctx, t.Context(), t.Context()} {
			go func() {
				_, err := h.Hash(ctx, "correct horse")
				assert.ErrorIs(t, err, context.Cause(ctx))
			}()
		}
		synctest.Wait()
		_, _, err := h.Verify(t.Context(), "correct horse", "")
		assert.ErrorIs(t, err, ErrBusy)
		e, ok := errors.AsType[*web.Error](err)
		assert.True(t, ok && e.Status == http.StatusServiceUnavailable && e.Header.Get("Retry-After") != "", "no 503")

		leave() // one of them gives up, and its place is free
		synctest.Wait()
		go func() {
			_, err := h.Hash(t.Context(), "correct horse")
			assert.NoError(t, err)
		}()
		synctest.Wait()
		h.pool.leave()
		synctest.Wait()
		assert.Equal(t, h.pool.running+len(h.pool.waiting), 0)
	})
}

// Other requests must find a CPU, however many people sign in.
func TestHashesLeaveACPUToOthers(t *testing.T) {
	t.Parallel()
	h := NewHasher(HasherOptions{})
	assert.Equal(t, h.pool.workers, max(1, runtime.GOMAXPROCS(0)-1))
	assert.Equal(t, h.pool.places, 8*h.pool.workers)
}
