package middleware_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/middleware"
	"github.com/galeweb/gale/web"
)

var long = strings.Repeat("the wind blows over the sea; ", 100)

// send answers with body; pairs are header names and values.
func send(status int, body string, pairs ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(pairs); i += 2 {
			w.Header().Set(pairs[i], pairs[i+1])
		}
		w.WriteHeader(status)
		for b := []byte(body); len(b) > 0; {
			n, err := w.Write(b[:min(len(b), 100)])
			if err != nil {
				return
			}
			b = b[n:]
		}
	})
}

// decode returns the body of res without its coding.
func decode(t *testing.T, res *httptest.ResponseRecorder) string {
	t.Helper()
	r := io.Reader(res.Body)
	switch res.Header().Get("Content-Encoding") {
	case "gzip":
		zr, err := gzip.NewReader(r)
		assert.NoError(t, err)
		r = zr
	case "zstd":
		zr, err := zstd.NewReader(r)
		assert.NoError(t, err)
		defer zr.Close()
		r = zr
	}
	b, err := io.ReadAll(r)
	assert.NoError(t, err)
	return string(b)
}

func TestCompress(t *testing.T) {
	t.Parallel()
	mw := middleware.Compress(middleware.CompressOptions{Types: []string{"application/X-Sail"}})
	const text, all = "text/plain", "gzip, zstd"
	for _, c := range []struct {
		name, accept string
		h            http.Handler
		coding, vary string
	}{
		{"zstd", all, send(200, long, "Content-Type", text), "zstd", "Accept-Encoding"},
		{"gzip", "gzip, br", send(200, long, "Content-Type", text), "gzip", "Accept-Encoding"},
		{"none", "", send(200, long, "Content-Type", text), "", "Accept-Encoding"},
		{"refused", "gzip;q=0", send(200, long, "Content-Type", text), "", "Accept-Encoding"},
		{"sniffed", all, send(200, "<!doctype html>"+long), "zstd", "Accept-Encoding"},
		{"known length", all, send(200, long, "Content-Type", "application/problem+json", "Content-Length", fmt.Sprint(len(long))), "zstd", "Accept-Encoding"},
		{"error page", all, send(404, long, "Content-Type", "text/html; charset=utf-8"), "zstd", "Accept-Encoding"},
		{"own type", all, send(200, long, "Content-Type", "application/x-sail"), "zstd", "Accept-Encoding"},
		{"other Vary", all, send(200, long, "Content-Type", text, "Vary", "Cookie"), "zstd", "Cookie,Accept-Encoding"},
		{"same Vary", all, send(200, long, "Content-Type", text, "Vary", "Cookie, accept-encoding"), "zstd", "Cookie, accept-encoding"},
		{"short", all, send(200, "short", "Content-Type", text), "", "Accept-Encoding"},
		{"short, known length", all, send(200, "short", "Content-Type", text, "Content-Length", "5"), "", "Accept-Encoding"},
		{"short and sniffed", all, send(200, "short"), "", "Accept-Encoding"},
		{"image", all, send(200, long, "Content-Type", "image/webp"), "", ""},
		{"sniffed image", all, send(200, "\x89PNG\x0D\x0A\x1A\x0A"+long), "", ""},
		{"encoded", all, send(200, long, "Content-Type", text, "Content-Encoding", "br"), "br", ""},
		{"partial", all, send(206, long, "Content-Type", text, "Content-Range", "bytes 0-9/10"), "", ""},
		{"digest", all, send(200, long, "Content-Type", text, "Content-Digest", "sha-256=:…:"), "", ""},
		{"no-transform", all, send(200, long, "Content-Type", text, "Cache-Control", "public, No-Transform"), "", ""},
		{"no content", all, send(204, ""), "", ""},
		{"silent", all, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), "", ""},
		{"opted out", all, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			middleware.NoCompress(r.Context())
			send(200, long, "Content-Type", text).ServeHTTP(w, r)
		}), "", ""},
	} {
		res := do(mw(c.h), get("/", "Accept-Encoding", c.accept))
		plain := do(c.h, get("/"))
		if got := res.Header().Get("Content-Encoding"); got != c.coding {
			t.Errorf("%s: coding %q, want %q", c.name, got, c.coding)
		}
		if got := strings.Join(res.Header()["Vary"], ","); got != c.vary {
			t.Errorf("%s: Vary %q, want %q", c.name, got, c.vary)
		}
		if got := decode(t, res); got != plain.Body.String() || res.Code != plain.Code {
			t.Errorf("%s: %d with %d bytes, want %d with %d", c.name, res.Code, len(got), plain.Code, plain.Body.Len())
		}
		if c.coding == "zstd" || c.coding == "gzip" {
			assert.Equal(t, res.Header().Get("Content-Length"), "")
			assert.True(t, res.Header().Get("Content-Type") != "", c.name+": the browser must guess the type")
		}
	}
	middleware.NoCompress(t.Context())
}

func TestCompressOfHEAD(t *testing.T) {
	t.Parallel()
	h := middleware.Compress(middleware.CompressOptions{})(send(200, "", "Content-Type", "text/plain", "Content-Length", "5000"))
	res := do(h, request("HEAD", "/", "Accept-Encoding", "gzip"))
	assert.Equal(t, res.Header().Get("Content-Encoding"), "")
	assert.Equal(t, res.Header().Get("Content-Length"), "5000")
	assert.Equal(t, res.Header().Get("Vary"), "Accept-Encoding")
}

func TestCompressValidators(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{"a.txt": {Data: []byte(long), ModTime: time.Unix(1e9, 0)}}
	h := middleware.Compress(middleware.CompressOptions{})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Etag", `"v1"`)
		http.ServeFileFS(w, r, files, "a.txt")
	}))
	res := do(h, get("/", "Accept-Encoding", "gzip"))
	assert.Equal(t, res.Header().Get("Etag"), `W/"v1"`)
	assert.Equal(t, res.Header().Get("Accept-Ranges"), "")
	assert.Equal(t, decode(t, res), long)

	res = do(h, get("/", "Accept-Encoding", "gzip", "If-None-Match", `W/"v1"`))
	assert.Equal(t, res.Code, 304)
	assert.Equal(t, res.Header().Get("Etag"), `W/"v1"`)
	assert.Equal(t, res.Header().Get("Vary"), "Accept-Encoding")

	res = do(h, get("/", "Accept-Encoding", "gzip", "If-None-Match", `"v1"`))
	assert.Equal(t, res.Code, 304)
	assert.Equal(t, res.Header().Get("Etag"), `"v1"`)

	res = do(h, get("/", "Accept-Encoding", "gzip", "Range", "bytes=4-7"))
	assert.Equal(t, res.Code, 206)
	assert.Equal(t, res.Body.String(), "wind")
	assert.Equal(t, res.Header().Get("Etag"), `"v1"`)

	// The weak ETag of a compressed body does not vouch for a range of it.
	res = do(h, get("/", "Accept-Encoding", "gzip", "Range", "bytes=4-7", "If-Range", `W/"v1"`))
	assert.Equal(t, res.Code, 200)
}

// Each event must reach the browser when it is flushed.
func TestCompressOfEvents(t *testing.T) {
	t.Parallel()
	for coding, open := range map[string]func(io.Reader) (io.Reader, error){
		"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"zstd": func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r, zstd.WithDecoderConcurrency(1)) },
	} {
		next := make(chan int)
		s := newServer(t, middleware.Compress(middleware.CompressOptions{})(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.(http.Flusher).Flush() // the header goes out before the first event
			for n := range next {
				_, _ = fmt.Fprintf(w, "data: %d\n", n)
				_ = http.NewResponseController(w).Flush()
			}
		})))
		r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL, nil)
		assert.NoError(t, err)
		r.Header.Set("Accept-Encoding", coding)
		res, err := s.Client().Do(r)
		assert.NoError(t, err)
		assert.Equal(t, res.Header.Get("Content-Encoding"), coding)
		next <- 0
		body, err := open(res.Body)
		assert.NoError(t, err)
		lines := bufio.NewReader(body)
		for n := range 5 {
			line, err := lines.ReadString('\n')
			assert.NoError(t, err)
			assert.Equal(t, line, fmt.Sprintf("data: %d\n", n))
			next <- n + 1
		}
		close(next)
		_, err = io.ReadAll(lines)
		assert.NoError(t, err)
		_ = res.Body.Close()
	}
}

// A flush may come before any byte, and none may follow it.
func TestCompressOfAnEmptyStream(t *testing.T) {
	t.Parallel()
	for _, coding := range []string{"gzip", "zstd"} {
		res := do(middleware.Compress(middleware.CompressOptions{})(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			assert.NoError(t, http.NewResponseController(w).Flush())
		})), get("/", "Accept-Encoding", coding))
		assert.Equal(t, res.Header().Get("Content-Encoding"), coding)
		assert.True(t, res.Body.Len() > 0, coding+": an empty body does not decode")
		assert.Equal(t, decode(t, res), "")
	}
}

func TestCompressReadFrom(t *testing.T) {
	t.Parallel()
	mw := middleware.Compress(middleware.CompressOptions{})
	for _, contentType := range []string{"text/plain", "image/webp", ""} {
		res := do(mw(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if contentType != "" {
				w.Header().Set("Content-Type", contentType)
			}
			n, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader(long))
			assert.NoError(t, err)
			assert.Equal(t, n, int64(len(long)))
		})), get("/", "Accept-Encoding", "zstd"))
		assert.Equal(t, res.Header().Get("Content-Encoding") == "zstd", contentType != "image/webp")
		assert.Equal(t, decode(t, res), long)
	}
}

// What a handler wrote before its error is not in the error's response.
func TestCompressAndErrors(t *testing.T) {
	t.Parallel()
	h := middleware.Compress(middleware.CompressOptions{})(web.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(200)
		_, _ = w.Write([]byte("half"))
		return &web.Error{Status: 409, Message: "No."}
	}))
	res := do(h, get("/", "Accept-Encoding", "gzip"))
	assert.Equal(t, res.Code, 409)
	assert.True(t, !strings.Contains(decode(t, res), "half"), "the response begins with the half that failed")
}

// A compressed body that a panic cuts must not look whole.
func TestCompressAndPanics(t *testing.T) {
	t.Parallel()
	s := newServer(t, middleware.Compress(middleware.CompressOptions{})(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<p>"+long)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})))
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL, nil)
	assert.NoError(t, err)
	r.Header.Set("Accept-Encoding", "gzip")
	res, err := s.Client().Do(r)
	assert.NoError(t, err)
	defer res.Body.Close()
	_, err = io.ReadAll(res.Body)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestCompressHijack(t *testing.T) {
	t.Parallel()
	s := newServer(t, middleware.Compress(middleware.CompressOptions{})(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine")
		_ = c.Close()
	})))
	res, err := s.Client().Get(s.URL)
	assert.NoError(t, err)
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	assert.Equal(t, string(body), "mine")
}

// Encoders are shared: no response may hold a byte of another.
func TestCompressKeepsRequestsApart(t *testing.T) {
	t.Parallel()
	h := middleware.Compress(middleware.CompressOptions{})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(bytes.Repeat([]byte(r.URL.Path), 500))
		if strings.HasSuffix(r.URL.Path, "0") {
			panic(http.ErrAbortHandler)
		}
	}))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				path := fmt.Sprintf("/%d/%d", i, j)
				rec := httptest.NewRecorder()
				func() {
					defer func() { _ = recover() }()
					h.ServeHTTP(rec, get(path, "Accept-Encoding", []string{"gzip", "zstd"}[j%2]))
				}()
				if !strings.HasSuffix(path, "0") && decode(t, rec) != strings.Repeat(path, 500) {
					t.Errorf("%s got another body", path)
				}
			}
		})
	}
	wg.Wait()
}
