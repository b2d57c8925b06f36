// Command gale serves the benchmark on gale's engine.
package main

import (
	"net"

	"github.com/galeweb/gale/bench/http/internal/peer"
	"github.com/galeweb/gale/bench/http/internal/plainhttp"
	"github.com/galeweb/gale/engine"
)

func main() {
	peer.Main(func(o peer.Options) error {
		l, err := net.Listen("tcp", o.Addr)
		if err != nil {
			return err
		}
		// The limit of connections is lifted, since 19,000 are held open; all
		// else is as users get it.
		s := &engine.Server{Handler: new(plainhttp.Handler), Mode: engine.Mode(o.Mode), MaxConns: -1, MaxConnsPerAddr: -1}
		if o.TLS() {
			return s.ServeTLS(l, o.Cert, o.Key)
		}
		return s.Serve(l)
	})
}
