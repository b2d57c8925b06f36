package session_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/galeweb/gale/session"
)

func Example() {
	sessions := session.New(session.Options{})
	mux := http.NewServeMux()
	mux.HandleFunc("POST /signin", func(w http.ResponseWriter, r *http.Request) {
		if err := session.From(r.Context()).SignIn(r.Context(), "alice"); err != nil {
			http.Error(w, "try again", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "user %q", session.From(r.Context()).User())
	})
	h := sessions.Middleware(mux)

	signIn := httptest.NewRecorder()
	h.ServeHTTP(signIn, httptest.NewRequest(http.MethodPost, "https://app.example/signin", nil))
	cookie := signIn.Result().Cookies()[0]

	page := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "https://app.example/", nil)
	r.AddCookie(cookie)
	h.ServeHTTP(page, r)
	fmt.Println(cookie.Name, page.Body)
	// Output: __Host-session user "alice"
}
