// Command hello is the first program of the README, whose size is measured.
package main

import (
	"context"
	"log"
	"net/http"

	"github.com/galeweb/gale"
	"github.com/galeweb/gale/router"
	"github.com/galeweb/gale/web"
)

func main() {
	r := router.New()
	r.Get("/{$}", func(w http.ResponseWriter, r *http.Request) error {
		return web.Text(w, http.StatusOK, "hello, wind\n")
	})
	if err := gale.Run(context.Background(), r, gale.Options{}); err != nil {
		log.Fatal(err)
	}
}
