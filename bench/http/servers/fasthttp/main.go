// Command fasthttp serves the benchmark on fasthttp.
package main

import (
	"github.com/galeweb/gale/bench/http/internal/peer"
	"github.com/valyala/fasthttp"
)

func main() {
	peer.Main(func(o peer.Options) error {
		var mixed peer.Mixed
		s := &fasthttp.Server{Handler: func(c *fasthttp.RequestCtx) { handle(c, &mixed) }}
		if o.TLS() {
			return s.ListenAndServeTLS(o.Addr, o.Cert, o.Key)
		}
		return s.ListenAndServe(o.Addr)
	})
}

func handle(c *fasthttp.RequestCtx, mixed *peer.Mixed) {
	switch string(c.Path()) {
	case "/plain":
	case "/json":
		echo(c)
		return
	case "/sleep":
		peer.Block()
	case "/mixed":
		mixed.Block()
	default:
		c.SetStatusCode(fasthttp.StatusNotFound)
		return
	}
	c.SetContentType("text/plain")
	c.SetBodyString(peer.Hello)
}

func echo(c *fasthttp.RequestCtx) {
	body, err := peer.Echo(c.PostBody())
	if err != nil {
		c.Error(err.Error(), fasthttp.StatusBadRequest)
		return
	}
	c.SetContentType("application/json")
	c.SetBody(body)
}
