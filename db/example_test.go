package db_test

import (
	"fmt"

	"github.com/galeweb/gale/db"
)

// A list is paged by the keys of its order, never by OFFSET, which reads all
// it skips and shifts when rows come or go.
func ExampleNewPage() {
	type boat struct {
		ID   int64
		Name string
	}
	const limit = 2
	// What "SELECT id, name FROM boats WHERE id > $1 ORDER BY id LIMIT $2"
	// returns for 0 and limit+1.
	rows := []boat{{1, "Ada"}, {2, "Bora"}, {3, "Chinook"}}

	page := db.NewPage(rows, limit, func(b boat) string { return db.EncodeCursor(b.ID) })
	fmt.Println(page.Items, page.Next)

	var after int64
	if err := db.DecodeCursor(page.Next, &after); err != nil {
		fmt.Println(err)
	}
	fmt.Println("the next page begins after", after)
	// Output:
	// [{1 Ada} {2 Bora}] 1WzJd
	// the next page begins after 2
}
