package galevalkey_test

import (
	"fmt"
	"net/http"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/galeweb/gale/drivers/galevalkey"
	"github.com/galeweb/gale/middleware"
	"github.com/galeweb/gale/ratelimit"
	"github.com/galeweb/gale/session"
)

// Sessions and limits that all instances share.
func ExampleNewRateLimits() {
	options, err := galevalkey.ParseURL("valkey://127.0.0.1:1")
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := valkey.NewClient(options)
	if err != nil {
		fmt.Println("no server answers there")
		return
	}
	defer client.Close()
	limits := ratelimit.New(ratelimit.Options{Store: galevalkey.NewRateLimits(client, galevalkey.StoreOptions{})})
	sessions := session.New(session.Options{Store: galevalkey.NewSessions(client, galevalkey.StoreOptions{})})
	handler := middleware.Chain(http.NotFoundHandler(),
		middleware.ClientIP(middleware.ClientIPOptions{}),
		limits.Middleware(ratelimit.Rule{
			Limit: ratelimit.Limit{Name: "address", Rate: 600, Per: time.Minute, Burst: 100},
			Key:   ratelimit.ByAddr(middleware.ClientAddr),
		}),
		sessions.Middleware)
	fmt.Println(http.ListenAndServe("127.0.0.1:8080", handler))
	// Output:
	// no server answers there
}
