package obs_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/obs"
)

func TestRequestHoldsFacts(t *testing.T) {
	t.Parallel()
	r := obs.NewRequest("id", "trace")
	ctx := obs.WithRequest(t.Context(), r)
	assert.True(t, obs.RequestFrom(ctx) == r, "the context carries another Request")
	first := errors.New("first")
	r.SetRoute("/a")
	r.SetUser("7")
	r.SetError(first)
	r.SetError(errors.New("its consequence"))
	r.Add(slog.Int("n", 1))
	assert.Equal(t, []string{r.ID(), r.TraceID(), r.Route(), r.User()}, []string{"id", "trace", "/a", "7"})
	assert.ErrorIs(t, r.Err(), first)
	assert.Equal(t, len(r.Attrs()), 5)
	assert.Equal(t, obs.NewRequest("", "").Attrs(), []slog.Attr{})
}

func TestNilRequestKnowsNothing(t *testing.T) {
	t.Parallel()
	r := obs.RequestFrom(t.Context())
	r.SetRoute("/a")
	r.SetUser("7")
	r.SetError(errors.New("x"))
	r.Add(slog.Int("n", 1))
	assert.Equal(t, r.ID()+r.TraceID()+r.Route()+r.User(), "")
	assert.NoError(t, r.Err())
	assert.Equal(t, len(r.Attrs()), 0)
}

func TestRequestIsSharedByGoroutines(t *testing.T) {
	t.Parallel()
	r := obs.NewRequest("id", "")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			r.SetRoute("/a")
			r.SetUser("7")
			r.SetError(errors.New("x"))
			r.Add(slog.Int("n", 1))
			_, _, _, _ = r.Route(), r.User(), r.Err(), r.Attrs()
		})
	}
	wg.Wait()
	assert.Equal(t, len(r.Attrs()), 3+4)
}

func TestLoggerOfContext(t *testing.T) {
	t.Parallel()
	l := slog.New(slog.DiscardHandler)
	assert.True(t, obs.Logger(obs.WithLogger(t.Context(), l)) == l, "the context carries another logger")
	assert.True(t, obs.Logger(context.Background()) == slog.Default(), "no logger is not the default one")
}
