package gale_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"

	"github.com/galeweb/gale"
)

// BenchmarkStart is from Run to the first answer in the default chain; the
// goal for a whole process is 100 ms.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		ctx, cancel := context.WithCancel(b.Context())
		err := gale.Run(ctx, text("hello"), gale.Options{
			Addr: "127.0.0.1:0", OpsAddr: "127.0.0.1:0", Banner: io.Discard, Logger: slog.New(slog.DiscardHandler),
			Ready: func(addr net.Addr) {
				resp, err := http.Get("http://" + addr.String())
				if err != nil {
					b.Fatal(err)
				}
				_ = resp.Body.Close()
				cancel()
			},
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
