package reencrypt_test

import (
	"context"
	"fmt"

	"github.com/galeweb/gale/keyring/reencrypt"
)

// The store here is one in memory; for a table of a database there is
// NewTable.
func Example() {
	store := &rows{n: 250}
	progress, err := reencrypt.Run(context.Background(), store, reencrypt.Options{})
	fmt.Println(progress.Rows, progress.Changed, err)
	// Output: 250 250 <nil>
}
