package engine_test

import (
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/galeweb/gale/engine"
)

func Example() {
	srv := &engine.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "hello, wind")
	})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	done := make(chan error)
	go func() { done <- srv.Serve(l) }()

	resp, err := http.Get("http://" + l.Addr().String())
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	fmt.Println(string(body))

	_ = srv.Close()
	fmt.Println(<-done)
	// Output:
	// hello, wind
	// http: Server closed
}
