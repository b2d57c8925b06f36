package gale_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"

	"github.com/galeweb/gale"
	"github.com/galeweb/gale/router"
	"github.com/galeweb/gale/web"
)

func Example() {
	ctx, stop := context.WithCancel(context.Background())

	r := router.New()
	r.Get("/{$}", func(w http.ResponseWriter, r *http.Request) error {
		return web.Text(w, http.StatusOK, "hello, wind\n")
	})
	err := gale.Run(ctx, r, gale.Options{
		// The rest is for this example only; gale.Options{} will do.
		Addr: "127.0.0.1:0", OpsAddr: "off", Banner: io.Discard, Logger: slog.New(slog.DiscardHandler),
		Ready: func(addr net.Addr) {
			resp, err := http.Get("http://" + addr.String())
			if err != nil {
				log.Fatal(err)
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			fmt.Print(string(body))
			stop()
		},
	})
	fmt.Println("stopped:", err)
	// Output:
	// hello, wind
	// stopped: <nil>
}

func ExampleRun() {
	r := router.New()
	r.Get("/hello/{name}", func(w http.ResponseWriter, r *http.Request) error {
		return web.Text(w, http.StatusOK, "hello, "+r.PathValue("name")+"\n")
	})
	if err := gale.Run(context.Background(), r, gale.Options{}); err != nil {
		log.Fatal(err)
	}
}
