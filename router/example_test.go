package router_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/galeweb/gale/router"
)

func Example() {
	r := router.New()
	r.Use(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			fmt.Println(req.Method, req.URL, "by", req.Pattern)
			next.ServeHTTP(w, req)
		})
	})
	r.Group("/packets", func(r *router.Router) {
		r.Get("/{id}", func(w http.ResponseWriter, req *http.Request) error {
			_, err := fmt.Fprint(w, "packet ", req.PathValue("id"))
			return err
		}).Name("packet.show")
	})

	u, err := r.URL("packet.show", "id", "a/b")
	if err != nil {
		panic(err)
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, u, nil))
	fmt.Println(w.Body)
	// Output:
	// GET /packets/a%2Fb by GET /packets/{id}
	// packet a/b
}

func ExampleRouter_Routes() {
	r := router.New()
	r.Mount("/debug", http.NotFoundHandler()).Name("debug")
	r.Host("admin.example.com", func(r *router.Router) {
		r.Handle("POST /users", http.NotFoundHandler()).Name("user.add")
	})
	for route := range r.Routes() {
		fmt.Println(route.Pattern, route.Name)
	}
	// Output:
	// /debug/ debug
	// POST admin.example.com/users user.add
}
