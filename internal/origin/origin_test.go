package origin_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/galeweb/gale/internal/origin"
)

func TestSame(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		origins []string
		want    bool
	}{
		{nil, true},
		{[]string{"https://app.example"}, true},
		{[]string{"http://app.example"}, true},
		{[]string{"https://APP.example"}, true},
		{[]string{"https://app.example:8443"}, false},
		{[]string{"https://evil.example"}, false},
		{[]string{"https://app.example.evil.example"}, false},
		{[]string{"https://app.example@evil.example"}, false},
		{[]string{"https://evil.example/app.example"}, false},
		{[]string{"https://app.example/"}, false},
		{[]string{"https://app.example?x"}, false},
		{[]string{"https://app.example", "https://evil.example"}, false},
		{[]string{"null"}, false},
		{[]string{""}, false},
		{[]string{"app.example"}, false},
		{[]string{"//app.example"}, false},
		{[]string{"https://app.example%zz"}, false},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://app.example/live", nil)
		r.Header["Origin"] = c.origins
		if got := origin.Same(r); got != c.want {
			t.Errorf("%q: %v, want %v", c.origins, got, c.want)
		}
	}
}
