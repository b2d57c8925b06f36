package plainhttp_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/galeweb/gale/bench/http/internal/plainhttp"
)

func TestHandler(t *testing.T) {
	t.Parallel()
	h := new(plainhttp.Handler)
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/plain", "", http.StatusOK, "Hello, World!"},
		{"GET", "/sleep", "", http.StatusOK, "Hello, World!"},
		{"GET", "/mixed", "", http.StatusOK, "Hello, World!"},
		{"POST", "/json", `{"id":1}`, http.StatusOK, `{"id":1,"channel":"","name":"","tags":null,"lat":0,"lon":0,"live":false}`},
		{"POST", "/json", `{`, http.StatusBadRequest, "unexpected end of JSON input\n"},
		{"GET", "/", "", http.StatusNotFound, "404 page not found\n"},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(c.method, c.path, strings.NewReader(c.body)))
		if w.Code != c.status || w.Body.String() != c.want {
			t.Errorf("%s %s: %d %q", c.method, c.path, w.Code, w.Body.String())
		}
	}
}
