package ratelimit_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/galeweb/gale/middleware"
	"github.com/galeweb/gale/ratelimit"
)

func Example() {
	limits := ratelimit.New(ratelimit.Options{})
	site := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })
	handler := middleware.Chain(site,
		middleware.ClientIP(middleware.ClientIPOptions{}),
		limits.Middleware(
			ratelimit.Rule{
				Limit: ratelimit.Limit{Name: "address", Rate: 60, Per: time.Hour, Burst: 2},
				Key:   ratelimit.ByAddr(middleware.ClientAddr),
			},
		))

	for range 3 {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		fmt.Println(w.Code, w.Header().Get("RateLimit-Policy"))
	}
	// Output:
	// 200 "address";q=2;w=120
	// 200 "address";q=2;w=120
	// 429 "address";q=2;w=120
}

// Outside of a middleware: what a user may send through a WebSocket.
func ExampleLimiter_Allow() {
	limits := ratelimit.New(ratelimit.Options{})
	messages := ratelimit.Limit{Name: "messages", Rate: 1, Per: time.Second, Burst: 2}
	for range 3 {
		res, err := limits.Allow(context.Background(), messages, "user 7")
		fmt.Println(res.Allowed, res.Denied, err)
	}
	// Output:
	// true  <nil>
	// true  <nil>
	// false messages <nil>
}
