package static_test

import (
	"fmt"
	"testing/fstest"

	"github.com/galeweb/gale/static"
)

func Example() {
	files, err := static.New(fstest.MapFS{"app.css": {Data: []byte("body{margin:0}")}}, static.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(files.URL("app.css"))
	// Output: /static/app.2007703776.css <nil>
}
