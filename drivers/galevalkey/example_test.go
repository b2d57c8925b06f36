package galevalkey_test

import (
	"context"
	"fmt"

	"github.com/galeweb/gale/drivers/galevalkey"
	"github.com/galeweb/gale/hub"
)

// What is wrong with a URL is said without showing it.
func ExampleOpen() {
	broker, err := galevalkey.Open(context.Background(), "valkey://:secret@localhost/first", galevalkey.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer broker.Close(context.Background())
	h := hub.New(hub.Options{Broker: broker})
	fmt.Println(h != nil)
	// Output:
	// valkey: the URL does not parse; write valkey://user:password@host:6379/0, with special characters escaped as %XX
}
