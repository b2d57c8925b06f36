package ws_test

import (
	"context"
	"fmt"
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
