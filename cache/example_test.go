package cache_test

import (
	"context"
	"fmt"
	"time"

	"github.com/galeweb/gale/cache"
)

func Example() {
	rates := cache.New[float64](cache.Options{Prefix: "rate:", TTL: time.Minute})
	load := func(context.Context) (float64, error) {
		fmt.Println("asking the bank")
		return 11.25, nil
	}
	for range 2 {
		rate, err := rates.GetOrLoad(context.Background(), "EUR", load)
		fmt.Println(rate, err)
	}
	// Output:
	// asking the bank
	// 11.25 <nil>
	// 11.25 <nil>
}
