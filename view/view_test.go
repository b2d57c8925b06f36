package view_test

import (
	"context"
	"errors"
	"html/template"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/view"
)

func tree(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func get(t *testing.T, render func(http.ResponseWriter, *http.Request) error) string {
	t.Helper()
	w := httptest.NewRecorder()
	assert.NoError(t, render(w, httptest.NewRequest("GET", "/users", nil)))
	return w.Body.String()
}

func TestPageFillsItsLayout(t *testing.T) {
	t.Parallel()
	set, err := view.New(tree(map[string]string{
		"layouts/base.html":  `<title>{{block "title" .}}gale{{end}}</title>{{template "partials/nav" .}}{{block "content" .}}{{end}}`,
		"layouts/plain.html": `plain:{{block "content" .}}{{end}}`,
		"partials/nav.html":  `<nav>{{.Path}} {{.App.User}}</nav>`,
		"users/show.html":    `{{define "title"}}{{.Data.Name}}{{end}}{{define "content"}}<b>{{.Data.Name}}</b>{{end}}`,
		"users/list.html":    `{{define "content"}}nobody{{end}}`,
		"login.html":         `{{/* layout: layouts/plain */}}{{define "content"}}in{{end}}`,
		"robots.html":        `{{/* layout: none */}}bare`,
	}), view.Options{App: func(*http.Request) any { return map[string]string{"User": "ann"} }})
	assert.NoError(t, err)
	for name, want := range map[string]string{
		"users/show": `<title>&lt;Bo&gt;</title><nav>/users ann</nav><b>&lt;Bo&gt;</b>`,
		"users/list": `<title>gale</title><nav>/users ann</nav>nobody`,
		"login":      `plain:in`,
		"robots":     `bare`,
	} {
		got := get(t, func(w http.ResponseWriter, r *http.Request) error {
			return set.Render(w, r, 200, name, map[string]string{"Name": "<Bo>"})
		})
		assert.Equal(t, got, want)
	}
	got := get(t, func(w http.ResponseWriter, r *http.Request) error {
		return set.Fragment(w, r, 200, "users/show", "content", map[string]string{"Name": "Bo"})
	})
	assert.Equal(t, got, "<b>Bo</b>")
}

func TestBrokenTemplateFailsTheStart(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, want string }{
		"syntax":          {`{{if}}`, "missing value for if"},
		"unknown func":    {`{{shout .}}`, `function "shout" not defined`},
		"missing partial": {`{{template "partials/none" .}}`, "partials/none"},
		"ambiguous":       {`<a href="{{if .}}x{{else}}y"{{end}}>`, "branches end in different contexts"},
		"unused fragment": {`a{{define "row"}}<a href="{{.}}{{end}}`, "ends in a non-text context"},
		"missing asset":   {`{{if true}}<img src="{{static "no.png"}}">{{end}}`, "no asset no.png"},
		"missing route":   {`{{range .Data}}<a href="{{url "nowhere"}}">x</a>{{end}}`, `no route is named "nowhere"`},
		"missing layout":  {`{{/* layout: layouts/none */}}x`, "layouts/none"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := view.New(tree(map[string]string{"page.html": tc.text}), view.Options{
				Static: func(name string) (string, error) { return "", errors.New("no asset " + name) },
				URL:    func(string, ...string) (string, error) { return "/", nil },
				HasURL: func(name string) bool { return name == "home" },
			})
			if err == nil {
				t.Fatal("New accepted it")
			}
			assert.Contains(t, err.Error(), tc.want)
			assert.Contains(t, err.Error(), "page")
		})
	}
}

func TestBrokenPartialFailsTheStart(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, want string }{
		"unsafe":         {`<a href="{{.}}`, "ends in a non-text context"},
		"missing asset":  {`<img src="{{static "no.png"}}">`, "no asset no.png"},
		"only in a page": {`{{template "of the page"}}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := view.New(tree(map[string]string{
				"layouts/base.html":    `{{template "content"}}`,
				"page.html":            `{{define "content"}}x{{end}}`,
				"partials/unused.html": tc.text,
			}), view.Options{Static: func(name string) (string, error) { return "", errors.New("no asset " + name) }})
			if tc.want == "" {
				assert.NoError(t, err)
				return
			}
			if err == nil {
				t.Fatal("New accepted it")
			}
			assert.Contains(t, err.Error(), tc.want)
		})
	}
}

// A page that fails half-way must not leave a half page behind.
func TestNothingIsWrittenOnError(t *testing.T) {
	t.Parallel()
	set, err := view.New(tree(map[string]string{"p.html": `begun {{.Data.Missing}}`}), view.Options{})
	assert.NoError(t, err)
	w := httptest.NewRecorder()
	err = set.Render(w, httptest.NewRequest("GET", "/", nil), 200, "p", map[string]int{})
	assert.True(t, err != nil, "a missing key is no error")
	assert.Equal(t, w.Body.Len(), 0)
	assert.Equal(t, len(w.Header()), 0)
	assert.ErrorIs(t, set.Render(w, nil, 200, "q", nil), view.ErrUnknown)
	assert.ErrorIs(t, set.Fragment(w, nil, 200, "p", "q", nil), view.ErrUnknown)
}

// What an attacker types is shown, never run, wherever it is put.
func TestEscapesByContext(t *testing.T) {
	t.Parallel()
	set, err := view.New(tree(map[string]string{
		"p.html": `<b>{{.Data}}</b><a href="{{.Data}}" title={{.Data}}>x</a><script nonce="{{.Nonce}}">var x = {{.Data}}</script>`,
	}), view.Options{Nonce: func(context.Context) string { return "n0nce" }})
	assert.NoError(t, err)
	for _, attack := range []string{`<script>alert(1)</script>`, `javascript:alert(1)`, `" onclick="alert(1)`, `</script><script>alert(1)//`} {
		got := get(t, func(w http.ResponseWriter, r *http.Request) error { return set.Render(w, r, 200, "p", attack) })
		assert.Contains(t, got, `nonce="n0nce"`)
		for _, bad := range []string{"<script>alert", `href="javascript:`, `" onclick="`} {
			if strings.Contains(got, bad) {
				t.Errorf("%q came through as %s", attack, got)
			}
		}
	}
}

func TestReloadSeesAChange(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "p.html")
	write := func(text string) { assert.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	write("one")
	set, err := view.New(os.DirFS(dir), view.Options{Reload: true})
	assert.NoError(t, err)
	render := func(w http.ResponseWriter, r *http.Request) error { return set.Render(w, r, 200, "p", nil) }
	assert.Equal(t, get(t, render), "one")
	write("second")
	assert.Equal(t, get(t, render), "second")
	write("{{if}}")
	assert.True(t, render(httptest.NewRecorder(), nil) != nil, "a broken file renders")
	write("mended")
	assert.Equal(t, get(t, render), "mended")
}

type badge string

func (b badge) Render(_ context.Context, w io.Writer) error {
	_, err := io.WriteString(w, "<i>"+template.HTMLEscapeString(string(b))+"</i>")
	return err
}

func TestComponents(t *testing.T) {
	t.Parallel()
	set, err := view.New(tree(map[string]string{"p.html": `<p>{{.Component .Data}}</p>`}), view.Options{})
	assert.NoError(t, err)
	got := get(t, func(w http.ResponseWriter, r *http.Request) error { return set.Render(w, r, 200, "p", badge("<new>")) })
	assert.Equal(t, got, "<p><i>&lt;new&gt;</i></p>")
	got = get(t, func(w http.ResponseWriter, r *http.Request) error { return set.Write(w, r, 201, badge("alone")) })
	assert.Equal(t, got, "<i>alone</i>")
}

func TestFunctions(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	set, err := view.New(tree(map[string]string{
		"p.html": `{{plural 1 "packet" "packets"}}|{{plural 2 "packet" "packets"}}|{{ago .Data}}|{{date .Data}}|{{clock .Data}}|{{(dict "a" 1).a}}|{{shout "x"}}`,
	}), view.Options{
		Now:   func() time.Time { return now.Add(3 * time.Hour) },
		Funcs: template.FuncMap{"shout": func(s string) string { return s + "!" }},
	})
	assert.NoError(t, err)
	got := get(t, func(w http.ResponseWriter, r *http.Request) error { return set.Render(w, r, 200, "p", &now) })
	stamp := `<time datetime="2026-03-04T05:06:07Z" title="4 Mar 2026 05:06:07 UTC">`
	assert.Equal(t, got, "1 packet|2 packets|"+stamp+"3 hours ago</time>|"+stamp+"4 Mar 2026</time>|"+stamp+"05:06:07</time>|1|x!")
}
