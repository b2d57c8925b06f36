package galememcached_test

import (
	"context"
	"fmt"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/galeweb/gale/cache"
	"github.com/galeweb/gale/drivers/galememcached"
)

// A cache whose servers are away is an error, which cache.Cache only logs.
func Example() {
	var servers []string // of the configuration
	client := memcache.New(servers...)
	client.Timeout = 200 * time.Millisecond
	defer client.Close()
	prices := cache.New[int](cache.Options{Store: galememcached.NewCache(client, galememcached.Options{}), Prefix: "price:", TTL: time.Minute})
	_, err := prices.Get(context.Background(), "EUR")
	fmt.Println(err)
	// Output:
	// cache: get "price:EUR": galememcached: get: memcache: no servers configured or available
}
