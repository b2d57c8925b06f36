package ws_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/galeweb/gale/ws"
)

func Example() {
	h := &ws.Handler{
		Message: func(c *ws.Conn, m ws.Message) error {
			return c.SendText("you said " + string(m.Data))
		},
	}
	server := httptest.NewServer(h)
	defer server.Close()
	ctx := context.Background()
	defer h.Drain(ctx)

	c, err := ws.Dial(ctx, server.URL, ws.DialOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	c.SendText("hello, wind")
	for m, err := range c.Messages() {
		fmt.Println(string(m.Data), err)
		c.Close(ws.CodeNormal, "")
	}
	<-c.Done()
	// Output: you said hello, wind <nil>
}

type userKey struct{}

// signedIn stands for the middleware that knows who asks.
func signedIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, "ada")))
	})
}

func ExampleHandler_keep() {
	h := &ws.Handler{
		Keep: func(r *http.Request) context.Context {
			return context.WithValue(context.Background(), userKey{}, r.Context().Value(userKey{}))
		},
		Message: func(c *ws.Conn, _ ws.Message) error {
			return c.SendText(fmt.Sprint("hello, ", c.Context().Value(userKey{})))
		},
	}
	server := httptest.NewServer(signedIn(h))
	defer server.Close()
	ctx := context.Background()
	defer h.Drain(ctx)

	c, err := ws.Dial(ctx, server.URL, ws.DialOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	c.SendText("who am I?")
	for m := range c.Messages() {
		fmt.Println(string(m.Data))
		c.Close(ws.CodeNormal, "")
	}
	<-c.Done()
	// Output: hello, ada
}
