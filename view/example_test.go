package view_test

import (
	"fmt"
	"net/http/httptest"
	"testing/fstest"

	"github.com/galeweb/gale/view"
)

func Example() {
	templates := fstest.MapFS{
		"layouts/base.html": {Data: []byte(`<h1>{{block "title" .}}{{end}}</h1>{{block "content" .}}{{end}}`)},
		"hello.html":        {Data: []byte(`{{define "title"}}Hello{{end}}{{define "content"}}<p>{{.Data}}</p>{{end}}`)},
	}
	views, err := view.New(templates, view.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	w := httptest.NewRecorder()
	if err := views.Render(w, httptest.NewRequest("GET", "/", nil), 200, "hello", "wind & weather"); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(w.Body)
	// Output: <h1>Hello</h1><p>wind &amp; weather</p>
}
