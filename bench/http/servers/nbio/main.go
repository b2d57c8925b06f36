// Command nbio serves the benchmark on nbio with an http.Handler.
package main

import (
	"github.com/galeweb/gale/bench/http/internal/peer"
	"github.com/galeweb/gale/bench/http/internal/plainhttp"
	"github.com/lesismal/nbio/logging"
	"github.com/lesismal/nbio/nbhttp"
)

func main() {
	peer.Main(func(o peer.Options) error {
		logging.SetLevel(logging.LevelError)
		s := nbhttp.NewServer(nbhttp.Config{Network: "tcp", Addrs: []string{o.Addr}, Handler: new(plainhttp.Handler)})
		if err := s.Start(); err != nil {
			return err
		}
		select {}
	})
}
