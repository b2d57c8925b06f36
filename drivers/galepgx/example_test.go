package galepgx_test

import (
	"context"
	"fmt"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/drivers/galepgx"
)

// What is wrong with a URL is said without showing it.
func ExampleDriver() {
	_, err := db.Open(context.Background(), "postgres://app:secret@localhost/app?sslmode=maybe", db.Options{
		Drivers: []db.Driver{galepgx.Driver()},
	})
	fmt.Println(err)
	// Output:
	// db: open: postgres: sslmode is invalid
}
