package exchange_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/exchange"
	"github.com/galeweb/gale/internal/memnet"
)

// serveOn runs h on a request with a parent context, and returns what it was
// served by.
func serveOn(t *testing.T, parent context.Context, h http.HandlerFunc) (*exchange.Exchange, exchange.Outcome) {
	t.Helper()
	return serveConfig(t, parent, config(h, &logs{}))
}

func serveConfig(t *testing.T, parent context.Context, c *exchange.Config) (*exchange.Exchange, exchange.Outcome) {
	t.Helper()
	x := exchange.New(c, &wire{}, parent, "192.0.2.1:1234", nil)
	if err := x.Parse(get); err != nil {
		t.Fatal(err)
	}
	return x, x.Serve()
}

func TestContextEndsWithItsHandler(t *testing.T) {
	t.Parallel()
	var asked, unasked context.Context
	serveOn(t, context.Background(), func(_ http.ResponseWriter, r *http.Request) {
		asked = r.Context()
		assert.NoError(t, asked.Err())
		select {
		case <-asked.Done():
			t.Error("done too early")
		default:
		}
	})
	serveOn(t, context.Background(), func(_ http.ResponseWriter, r *http.Request) { unasked = r.Context() })
	for _, ctx := range []context.Context{asked, unasked} {
		assert.ErrorIs(t, ctx.Err(), context.Canceled)
		<-ctx.Done()
		assert.ErrorIs(t, context.Cause(ctx), context.Canceled)
	}
}

func TestCancelTellsTheCause(t *testing.T) {
	t.Parallel()
	gone := errors.New("the client has gone")
	for _, early := range []bool{true, false} {
		serveOn(t, context.Background(), func(_ http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			if early {
				_ = ctx.Done()
			}
			exchange.FromContext(ctx).Cancel(gone)
			<-ctx.Done()
			assert.ErrorIs(t, ctx.Err(), context.Canceled)
			assert.ErrorIs(t, context.Cause(ctx), gone)
			derived, cancel := context.WithCancel(ctx)
			defer cancel()
			assert.ErrorIs(t, context.Cause(derived), gone)
		})
	}
}

func TestParentEndsTheContext(t *testing.T) {
	t.Parallel()
	closed := errors.New("the server is closed")
	for _, asked := range []bool{true, false} {
		parent, cancel := context.WithCancelCause(context.Background())
		serveOn(t, parent, func(_ http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			if asked {
				_ = ctx.Done()
			}
			cancel(closed)
			assert.ErrorIs(t, ctx.Err(), context.Canceled)
			assert.ErrorIs(t, context.Cause(ctx), closed)
			<-ctx.Done()
		})
	}
}

func TestContextHasTheParentsDeadline(t *testing.T) {
	t.Parallel()
	at := time.Now().Add(time.Hour)
	parent, cancel := context.WithDeadline(context.Background(), at)
	defer cancel()
	serveOn(t, parent, func(_ http.ResponseWriter, r *http.Request) {
		got, ok := r.Context().Deadline()
		assert.True(t, ok && got.Equal(at), "the parent's deadline")
	})
}

func TestContextValues(t *testing.T) {
	t.Parallel()
	type key struct{}
	srv, drain := &http.Server{}, make(chan struct{})
	parent := context.WithValue(context.Background(), key{}, "parent")
	c := config(func(_ http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		assert.Equal(t, ctx.Value(key{}), any("parent"))
		assert.True(t, ctx.Value(http.ServerContextKey) == any(srv), "the server")
		assert.Equal(t, ctx.Value(http.LocalAddrContextKey), any(memnet.Addr("server:80")))
		assert.True(t, exchange.Draining(ctx) == (<-chan struct{})(drain), "the drain channel")
		exchange.FromContext(ctx).Annotate("route")
	}, &logs{})
	c.HTTP, c.Drain = srv, drain
	x, _ := serveConfig(t, parent, c)
	assert.Equal(t, x.Note(), any("route"))
	assert.True(t, x.Request().Context().Value(http.LocalAddrContextKey) == nil, "the wire is let go of")
	assert.True(t, exchange.FromContext(context.Background()) == nil, "no exchange")
	assert.True(t, exchange.Draining(context.Background()) == nil, "no drain channel")
}

// Contexts derived from a request's cost no goroutine. It is not parallel: it
// counts the goroutines of the process.
func TestDerivedContextsNeedNoGoroutine(t *testing.T) {
	serveOn(t, context.Background(), func(_ http.ResponseWriter, r *http.Request) {
		before := runtime.NumGoroutine()
		var cancels []context.CancelFunc
		for range 100 {
			a, cancel := context.WithCancel(r.Context())
			b, cancel2 := context.WithTimeout(a, time.Hour)
			stop := context.AfterFunc(r.Context(), func() {})
			_ = b.Done()
			cancels = append(cancels, cancel, cancel2, func() { stop() })
		}
		assert.True(t, runtime.NumGoroutine() < before+50, "no goroutine for each context")
		for _, cancel := range cancels {
			cancel()
		}
	})
}

func TestContextUnderRace(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	serveOn(t, context.Background(), func(_ http.ResponseWriter, r *http.Request) {
		for range 8 {
			all.Go(func() {
				ctx, cancel := context.WithCancel(r.Context())
				defer cancel()
				<-ctx.Done()
				assert.ErrorIs(t, r.Context().Err(), context.Canceled)
			})
			all.Go(func() { exchange.FromContext(r.Context()).Cancel(nil) })
		}
	})
	all.Wait()
}

func TestCloseNotify(t *testing.T) {
	t.Parallel()
	serveOn(t, context.Background(), func(w http.ResponseWriter, r *http.Request) {
		gone := w.(interface{ CloseNotify() <-chan bool }).CloseNotify()
		exchange.FromContext(r.Context()).Cancel(errors.New("gone"))
		assert.True(t, <-gone, "told")
	})
}
