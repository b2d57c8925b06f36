// Command echo serves the benchmark on Echo.
package main

import (
	"io"
	"net/http"

	"github.com/galeweb/gale/bench/http/internal/peer"
	"github.com/labstack/echo/v5"
)

func main() {
	peer.Main(func(o peer.Options) error {
		var mixed peer.Mixed
		e := echo.New()
		plain := func(c *echo.Context) error { return c.Blob(http.StatusOK, "text/plain", []byte(peer.Hello)) }
		e.GET("/plain", plain)
		e.POST("/json", packet)
		e.GET("/sleep", func(c *echo.Context) error { peer.Block(); return plain(c) })
		e.GET("/mixed", func(c *echo.Context) error { mixed.Block(); return plain(c) })
		return http.ListenAndServe(o.Addr, e)
	})
}

func packet(c *echo.Context) error {
	body, err := io.ReadAll(c.Request().Body)
	if err == nil {
		body, err = peer.Echo(body)
	}
	if err != nil {
		return c.String(http.StatusBadRequest, err.Error())
	}
	return c.Blob(http.StatusOK, "application/json", body)
}
