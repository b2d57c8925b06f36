package router_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/router"
)

func named() *router.Router {
	r := router.New()
	r.Get("/{$}", echo).Name("home")
	r.Get("/tree/", echo).Name("tree")
	r.Get("/a b/{id}/edit", echo).Name("edit")
	r.Get("/files/{dir}/{path...}", echo).Name("file")
	r.Get("/%2e%2e%2Fx/é", echo).Name("odd")
	r.Host("example.com", func(r *router.Router) { r.Get("/{id}", echo).Name("hosted") })
	return r
}

func TestURL(t *testing.T) {
	t.Parallel()
	r := named()
	for _, c := range []struct {
		want string
		args []string
	}{
		{"/", []string{"home"}},
		{"/tree/", []string{"tree"}},
		{"/a%20b/42/edit", []string{"edit", "id", "42"}},
		{"/a%20b/%2F%2Fevil.com%2F../edit", []string{"edit", "id", "//evil.com/.."}},
		{"/a%20b/a%3Fb%23c%25/edit", []string{"edit", "id", "a?b#c%"}},
		{"/a%20b/%5C%0D%0A/edit", []string{"edit", "id", "\\\r\n"}},
		{"/a%20b/.../edit", []string{"edit", "id", "..."}},
		{"/files/d/a/b%20c/", []string{"file", "path", "a/b c/", "dir", "d"}},
		{"/..%2Fx/%C3%A9", []string{"odd"}},
		{"//example.com/%2Fevil", []string{"hosted", "id", "/evil"}},
	} {
		got, err := r.URL(c.args[0], c.args[1:]...)
		assert.NoError(t, err)
		assert.Equal(t, got, c.want)
	}
}

func TestURLRefuses(t *testing.T) {
	t.Parallel()
	r := named()
	for _, c := range []struct {
		want string
		args []string
	}{
		{`no route is named "gone"`, []string{"gone"}},
		{`no route is named ""`, []string{""}},
		{`value "id" is missing`, []string{"edit"}},
		{"odd number", []string{"edit", "id"}},
		{"no wildcard {x}", []string{"edit", "id", "1", "x", "2"}},
		{"no wildcard {}", []string{"tree", "", "x"}},
		{`value "id" is given twice`, []string{"edit", "id", "1", "id", "2"}},
		{"empty segment", []string{"edit", "id", ""}},
		{"dot segment", []string{"edit", "id", ".."}},
		{"dot segment", []string{"edit", "id", "."}},
		{"lone slash", []string{"edit", "id", "/"}},
		{"dot segment", []string{"file", "dir", "d", "path", "a/../b"}},
		{"dot segment", []string{"file", "dir", "d", "path", "a/."}},
		{"empty segment", []string{"file", "dir", "d", "path", ""}},
		{"empty segment", []string{"file", "dir", "d", "path", "/"}},
		{"empty segment", []string{"file", "dir", "d", "path", "/etc"}},
		{"empty segment", []string{"file", "dir", "d", "path", "a//b"}},
		{"empty segment", []string{"file", "dir", "d", "path", "a//"}},
	} {
		got, err := r.URL(c.args[0], c.args[1:]...)
		if err == nil {
			t.Errorf("URL(%q) = %q, want an error", c.args, got)
			continue
		}
		assert.Contains(t, err.Error(), c.want)
		assert.Equal(t, got, "")
	}
}

// TestURLComesBack: whatever the values, a URL leads to its route and brings
// the same values.
func TestURLComesBack(t *testing.T) {
	t.Parallel()
	var id, path string
	r := router.New()
	keep := func(_ http.ResponseWriter, r *http.Request) error {
		id, path = r.PathValue("id"), r.PathValue("path")
		return nil
	}
	r.Get("/x/{id}", keep).Name("one")
	r.Get("/y/{id}/{path...}", keep).Name("rest")
	value := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a/.%\\?#é:]{1,6}`))
	rapid.Check(t, func(t *rapid.T) {
		name, pairs := "one", []string{"id", value.Draw(t, "id")}
		if rapid.Bool().Draw(t, "rest") {
			name, pairs = "rest", append(pairs, "path", value.Draw(t, "path"))
		}
		u, err := r.URL(name, pairs...)
		if err != nil {
			return
		}
		id, path = "", ""
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, u, nil))
		if got, want := id+"\n"+path, strings.Join([]string{pairs[1], append(pairs, "", "")[3]}, "\n"); got != want || w.Code != http.StatusOK {
			t.Fatalf("%q came back as %q with status %d", u, got, w.Code)
		}
	})
}
