package origin_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/origin"
)

func TestSame(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		origins []string
		want    bool
	}{
		{nil, true},
		{[]string{"https://gale.test"}, true},
		{[]string{"http://GALE.test"}, true},
		{[]string{"https://gale.test:8443"}, false},
		{[]string{"https://evil.example"}, false},
		{[]string{"https://gale.test.evil.example"}, false},
		{[]string{"https://gale.test", "https://evil.example"}, false},
		{[]string{"null"}, false},
		{[]string{""}, false},
		{[]string{"https://gale.test/path"}, false},
		{[]string{"https://user@gale.test"}, false},
		{[]string{"gale.test"}, false},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://gale.test/live", nil)
		r.Header["Origin"] = c.origins
		assert.True(t, origin.Same(r) == c.want, fmt.Sprint(c.origins))
	}
}
