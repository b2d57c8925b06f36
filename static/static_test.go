package static_test

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/static"
)

func newFiles(t *testing.T, o static.Options) *static.Files {
	t.Helper()
	files, err := static.New(fstest.MapFS{
		"css/app.css":    {Data: []byte("body{}")},
		"css/app.css.br": {Data: []byte("brotli")},
		"css/app.css.gz": {Data: []byte("gzip")},
		"big.bin":        {Data: []byte("0123456789")},
		"dump.gz":        {Data: []byte("alone")},
		".env":           {Data: []byte("SECRET=1")},
		".git/config":    {Data: []byte("secret")},
	}, o)
	assert.NoError(t, err)
	return files
}

func serve(tb testing.TB, h http.Handler, method, target string, header ...string) *http.Response {
	tb.Helper()
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return galetest.Record(tb, h, r).Result()
}

func address(t *testing.T, f *static.Files, name string) string {
	t.Helper()
	u, err := f.URL(name)
	assert.NoError(t, err)
	return strings.TrimPrefix(u, "/static")
}

func TestFingerprintedFilesAreKeptForEver(t *testing.T) {
	t.Parallel()
	f := newFiles(t, static.Options{})
	at := address(t, f, "css/app.css")
	assert.True(t, strings.HasPrefix(at, "/css/app.") && strings.HasSuffix(at, ".css") && len(at) == len("/css/app..css")+10, "address is "+at)
	res := serve(t, f, "GET", at)
	assert.Equal(t, res.StatusCode, 200)
	assert.Equal(t, res.Header.Get("Cache-Control"), "public, max-age=31536000, immutable")
	assert.Equal(t, res.Header.Get("Content-Type"), "text/css; charset=utf-8")
	assert.Equal(t, res.Header.Get("X-Content-Type-Options"), "nosniff")

	plain := serve(t, f, "GET", "/css/app.css")
	assert.Equal(t, plain.Header.Get("Cache-Control"), "no-cache")
	again := serve(t, f, "GET", "/css/app.css", "If-None-Match", plain.Header.Get("Etag"))
	assert.Equal(t, again.StatusCode, http.StatusNotModified)
}

func TestPrecompressedSiblings(t *testing.T) {
	t.Parallel()
	f := newFiles(t, static.Options{})
	for accepts, want := range map[string]struct{ coding, body string }{
		"":                   {"", "body{}"},
		"gzip, br":           {"br", "brotli"},
		"gzip":               {"gzip", "gzip"},
		"zstd":               {"", "body{}"},
		"br;q=0, gzip;q=0.1": {"gzip", "gzip"},
	} {
		res := serve(t, f, "GET", "/css/app.css", "Accept-Encoding", accepts)
		body := make([]byte, 16)
		n, _ := res.Body.Read(body)
		assert.Equal(t, res.Header.Get("Content-Encoding"), want.coding)
		assert.Equal(t, string(body[:n]), want.body)
		assert.Equal(t, res.Header.Get("Vary"), "Accept-Encoding")
		assert.Equal(t, res.Header.Get("Content-Type"), "text/css; charset=utf-8")
	}
	assert.Equal(t, serve(t, f, "GET", "/dump.gz").StatusCode, 200)
}

func TestRangesAndMethods(t *testing.T) {
	t.Parallel()
	f := newFiles(t, static.Options{})
	res := serve(t, f, "GET", "/big.bin", "Range", "bytes=2-4")
	assert.Equal(t, res.StatusCode, http.StatusPartialContent)
	assert.Equal(t, res.Header.Get("Content-Range"), "bytes 2-4/10")
	assert.Equal(t, serve(t, f, "HEAD", "/big.bin").ContentLength, 10)
	post := serve(t, f, "POST", "/big.bin")
	assert.Equal(t, post.StatusCode, http.StatusMethodNotAllowed)
	assert.Equal(t, post.Header.Get("Allow"), "GET, HEAD")
}

// Nothing but the listed files can be had, whatever is asked for.
func TestNoWayOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	assert.NoError(t, os.Mkdir(root, 0o700))
	assert.NoError(t, os.WriteFile(filepath.Join(dir, "secret"), []byte("s"), 0o600))
	assert.NoError(t, os.WriteFile(filepath.Join(root, "a.txt"), []byte("a"), 0o600))
	assert.NoError(t, os.Symlink(filepath.Join(dir, "secret"), filepath.Join(root, "link")))
	onDisk, err := static.New(os.DirFS(root), static.Options{})
	assert.NoError(t, err)
	for _, h := range []http.Handler{onDisk, newFiles(t, static.Options{})} {
		for _, p := range []string{
			"/", "/css", "/css/", "/../secret", "/..%2fsecret", "/%2e%2e/secret", "/css/../../secret", "/.env", "/.git/config", "/link",
			"/css/app.css/", "/css/app.css%00", "//css/app.css", "/css\\app.css", "/css/app.css.br",
		} {
			r := httptest.NewRequest("GET", "/", nil)
			r.URL.Path = p
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			assert.Equal(t, w.Code, http.StatusNotFound)
		}
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	f := newFiles(t, static.Options{Prefix: "/assets/", Host: "https://cdn.example.com/"})
	u, err := f.URL("big.bin")
	assert.NoError(t, err)
	assert.True(t, strings.HasPrefix(u, "https://cdn.example.com/assets/big."), u)
	sri, err := f.Integrity("big.bin")
	assert.NoError(t, err)
	assert.True(t, strings.HasPrefix(sri, "sha384-"), sri)
	_, err = f.URL("none.css")
	assert.ErrorIs(t, err, static.ErrUnknown)
	_, err = f.Integrity("none.css")
	assert.ErrorIs(t, err, static.ErrUnknown)
	_, err = static.New(os.DirFS(filepath.Join(t.TempDir(), "none")), static.Options{})
	assert.ErrorIs(t, err, fs.ErrNotExist)
}
