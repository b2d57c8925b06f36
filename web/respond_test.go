package web_test

import (
	"bytes"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/web"
)

func TestWholeResponses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		send              func(w http.ResponseWriter) error
		contentType, body string
	}{
		{func(w http.ResponseWriter) error { return web.Text(w, 201, "å<") }, "text/plain; charset=utf-8", "å<"},
		{func(w http.ResponseWriter) error { return web.HTML(w, 201, "<p>") }, "text/html; charset=utf-8", "<p>"},
		{func(w http.ResponseWriter) error { return web.WriteJSON(w, 201, []string(nil)) }, "application/json", "[]"},
		{func(w http.ResponseWriter) error {
			w.Header().Set("Content-Type", "application/geo+json")
			return web.WriteJSON(w, 201, map[string]int{"a": 1})
		}, "application/geo+json", `{"a":1}`},
	} {
		rec := httptest.NewRecorder()
		assert.NoError(t, tc.send(rec))
		assert.Equal(t, rec.Code, 201)
		assert.Equal(t, rec.Body.String(), tc.body)
		assert.Equal(t, rec.Header().Get("Content-Type"), tc.contentType)
		assert.Equal(t, rec.Header().Get("X-Content-Type-Options"), "nosniff")
		assert.Equal(t, rec.Header().Get("Content-Length"), map[bool]string{true: "3"}[len(tc.body) == 3]+map[string]string{"[]": "2", `{"a":1}`: "7"}[tc.body])
	}
}

func TestWriteJSONSendsNothingOnAnError(t *testing.T) {
	t.Parallel()
	rec := httptest.NewRecorder()
	w := web.Wrap(rec)
	assert.Contains(t, web.WriteJSON(w, 200, []any{1, func() {}}).Error(), "web: encode []interface {}")
	assert.True(t, !w.Written(), "half an answer was sent")
}

func TestFile(t *testing.T) {
	t.Parallel()
	fsys := fstest.MapFS{
		"a/page.html": {Data: []byte("<p>hi")},
		"upload":      {Data: []byte("<html><script>alert(1)</script>")},
		"secret":      {Data: []byte("x")},
	}
	get := func(name string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "/", nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		rec := httptest.NewRecorder()
		web.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error { return web.File(w, r, fsys, name) }).ServeHTTP(rec, r)
		return rec
	}
	rec := get("a/page.html", "Range", "bytes=1-2")
	assert.Equal(t, rec.Code, http.StatusPartialContent)
	assert.Equal(t, rec.Body.String(), "p>")
	assert.Equal(t, rec.Header().Get("Content-Type"), "text/html; charset=utf-8")
	// Neither we nor the browser guess that an upload is a page.
	rec = get("upload")
	assert.Equal(t, rec.Header().Get("Content-Type"), "application/octet-stream")
	assert.Equal(t, rec.Header().Get("X-Content-Type-Options"), "nosniff")
	for _, name := range []string{"none", "a", "../secret", "/secret", "a/../secret", "", "."} {
		assert.Equal(t, get(name).Code, http.StatusNotFound)
	}
}

// stuck is a file system whose files do not seek, or that refuses to open.
type stuck struct{ err error }

func (s stuck) Open(name string) (fs.File, error) {
	f, err := fstest.MapFS{"x": {}}.Open(name)
	if s.err != nil {
		err = s.err
	}
	return struct{ fs.File }{f}, err
}

func TestFileErrors(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("GET", "/", nil)
	assert.Contains(t, web.File(httptest.NewRecorder(), r, stuck{}, "x").Error(), "cannot seek")
	assert.Contains(t, web.File(httptest.NewRecorder(), r, stuck{fs.ErrPermission}, "x").Error(), "403 Forbidden")
	assert.ErrorIs(t, web.File(httptest.NewRecorder(), r, stuck{fs.ErrClosed}, "x"), fs.ErrClosed)
}

func TestAttachment(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"report.pdf":           `attachment; filename=report.pdf`,
		`a "b".txt`:            `attachment; filename="a \"b\".txt"`,
		"räksmörgås.txt":       `attachment; filename*=utf-8''r%C3%A4ksm%C3%B6rg%C3%A5s.txt`,
		"../../etc/passwd":     `attachment; filename=.._.._etc_passwd`,
		`..\boot.ini`:          `attachment; filename=.._boot.ini`,
		"a\r\nSet-Cookie: b=c": `attachment; filename="aSet-Cookie: b=c"`,
		"photo\u202egpj.exe":   `attachment; filename=photogpj.exe`,
		"":                     `attachment`,
		"..":                   `attachment`,
	} {
		rec := httptest.NewRecorder()
		web.Attachment(rec, name)
		assert.Equal(t, rec.Header().Get("Content-Disposition"), want)
	}
	rec := httptest.NewRecorder()
	web.Attachment(rec, strings.Repeat("å", 1000))
	assert.Equal(t, strings.Count(rec.Header().Get("Content-Disposition"), "%C3%A5"), 127)
	assert.True(t, !bytes.Contains([]byte(rec.Header().Get("Content-Disposition")), []byte("%EF")), "cut inside a rune")
}
