// Command nethttp serves the benchmark on net/http.
package main

import (
	"net/http"

	"github.com/galeweb/gale/bench/http/internal/peer"
	"github.com/galeweb/gale/bench/http/internal/plainhttp"
)

func main() {
	peer.Main(func(o peer.Options) error {
		s := &http.Server{Addr: o.Addr, Handler: new(plainhttp.Handler)}
		if o.TLS() {
			return s.ListenAndServeTLS(o.Cert, o.Key)
		}
		return s.ListenAndServe()
	})
}
