// Command gin serves the benchmark on Gin, in release mode and without a logger.
package main

import (
	"io"
	"net/http"

	"github.com/galeweb/gale/bench/http/internal/peer"
	"github.com/gin-gonic/gin"
)

func main() {
	gin.SetMode(gin.ReleaseMode)
	peer.Main(func(o peer.Options) error {
		var mixed peer.Mixed
		r := gin.New()
		plain := func(c *gin.Context) { c.Data(http.StatusOK, "text/plain", []byte(peer.Hello)) }
		r.GET("/plain", plain)
		r.POST("/json", echo)
		r.GET("/sleep", func(c *gin.Context) { peer.Block(); plain(c) })
		r.GET("/mixed", func(c *gin.Context) { mixed.Block(); plain(c) })
		return r.Run(o.Addr)
	})
}

func echo(c *gin.Context) {
	body, err := io.ReadAll(c.Request.Body)
	if err == nil {
		body, err = peer.Echo(body)
	}
	if err != nil {
		c.String(http.StatusBadRequest, "%v", err)
		return
	}
	c.Data(http.StatusOK, "application/json", body)
}
