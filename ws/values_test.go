package ws_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/ctxkey"
	"github.com/galeweb/gale/internal/exchange"
	"github.com/galeweb/gale/ws"
)

var (
	nameKey  = ctxkey.New[string]("user")
	otherKey = ctxkey.New[string]("other")
)

// TestValues: what a connection keeps of its request's context.
func TestValues(t *testing.T) {
	t.Parallel()
	wrap := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithCancel(otherKey.With(nameKey.With(r.Context(), "alice"), "x"))
			defer cancel()
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
	keep := func(r *http.Request) context.Context {
		user, _ := nameKey.Value(r.Context())
		return nameKey.With(context.Background(), user)
	}
	for _, c := range []struct {
		name        string
		wrap        func(http.Handler) http.Handler
		keep        func(*http.Request) context.Context
		user, other string
	}{
		{"bare", func(h http.Handler) http.Handler { return h }, nil, "", ""},
		{"wrapped", wrap, nil, "alice", "x"},
		{"kept", wrap, keep, "alice", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			handler := func(testing.TB) http.Handler {
				return c.wrap(&ws.Handler{Keep: c.keep, Message: func(conn *ws.Conn, _ ws.Message) error {
					ctx := conn.Context()
					user, _ := nameKey.Value(ctx)
					other, _ := otherKey.Value(ctx)
					state := "open"
					if ctx.Err() != nil {
						state = "ended"
					}
					if c.name == "bare" && exchange.FromContext(ctx) != nil {
						state += ", with the request"
					}
					// One derived from it ends with it.
					derived, cancel := context.WithCancel(ctx)
					defer cancel()
					if derived.Err() != nil {
						state = "derived one ended"
					}
					return conn.SendText(user + "," + other + "," + state)
				}})
			}
			galetest.RunWith(t, galetest.Options{}, handler, func(t *testing.T, client *galetest.Client) {
				s := client.WebSocket("/")
				s.SendText("who?")
				assert.Equal(t, s.Text(), c.user+","+c.other+",open")
			})
		})
	}
}

// TestContextEnds: whoever derived from it, waits for it or asks later hears
// why.
func TestContextEnds(t *testing.T) {
	t.Parallel()
	handler := func(tb testing.TB) http.Handler {
		return &ws.Handler{
			Message: func(c *ws.Conn, _ ws.Message) error {
				derived, cancel := context.WithCancel(c.Context())
				defer cancel()
				told := make(chan struct{})
				context.AfterFunc(c.Context(), func() { close(told) })
				c.Close(4002, "enough")
				<-derived.Done()
				<-told
				for _, ctx := range []context.Context{c.Context(), derived} {
					assert.ErrorIs(tb, ctx.Err(), context.Canceled)
					assert.Equal(tb, context.Cause(ctx).Error(), `ws: closed with code 4002 "enough"`)
				}
				return nil
			},
			Close: func(c *ws.Conn, cause error) {
				assert.Equal(tb, context.Cause(c.Context()).Error(), cause.Error())
			},
		}
	}
	galetest.RunWith(t, galetest.Options{}, handler, func(_ *testing.T, client *galetest.Client) {
		s := client.WebSocket("/")
		s.SendText("x")
		s.Closed(4002)
	})
}
