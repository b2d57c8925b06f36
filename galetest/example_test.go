package galetest_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/galeweb/gale/galetest"
)

// A test runs on each server; this one is called by the go command.
func ExampleRun() {
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "hello, wind")
	})
	_ = func(t *testing.T) { // func TestHello(t *testing.T)
		galetest.Run(t, hello, func(t *testing.T, c *galetest.Client) {
			c.Get("/").Status(200).Contains("wind")
		})
	}
}

func ExampleClock() {
	clock := galetest.NewClock(nil, time.Time{}) // in a test: its t
	expires := clock.Now().Add(time.Hour)
	clock.Advance(2 * time.Hour)
	fmt.Println(clock.Now().After(expires))
	// Output: true
}
