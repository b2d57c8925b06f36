// Command hertz serves the benchmark on Hertz with its default transport.
package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/app/server"
	"github.com/cloudwego/hertz/pkg/common/hlog"
	"github.com/galeweb/gale/bench/http/internal/peer"
)

func main() {
	peer.Main(func(o peer.Options) error {
		hlog.SetLevel(hlog.LevelError)
		var mixed peer.Mixed
		h := server.New(server.WithHostPorts(o.Addr))
		plain := func(_ context.Context, c *app.RequestContext) {
			c.Data(http.StatusOK, "text/plain", []byte(peer.Hello))
		}
		h.GET("/plain", plain)
		h.POST("/json", echo)
		h.GET("/sleep", func(ctx context.Context, c *app.RequestContext) { peer.Block(); plain(ctx, c) })
		h.GET("/mixed", func(ctx context.Context, c *app.RequestContext) { mixed.Block(); plain(ctx, c) })
		h.Spin()
		return errors.New("hertz: ended")
	})
}

func echo(_ context.Context, c *app.RequestContext) {
	body, err := peer.Echo(c.Request.Body())
	if err != nil {
		c.String(http.StatusBadRequest, err.Error())
		return
	}
	c.Data(http.StatusOK, "application/json", body)
}
