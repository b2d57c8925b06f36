// Command chi serves the benchmark on chi.
package main

import (
	"net/http"

	"github.com/galeweb/gale/bench/http/internal/peer"
	"github.com/galeweb/gale/bench/http/internal/plainhttp"
	"github.com/go-chi/chi/v5"
)

func main() {
	peer.Main(func(o peer.Options) error {
		h, r := new(plainhttp.Handler), chi.NewRouter()
		r.Get("/plain", h.Plain)
		r.Post("/json", h.JSON)
		r.Get("/sleep", h.Sleep)
		r.Get("/mixed", h.Mixed)
		return http.ListenAndServe(o.Addr, r)
	})
}
