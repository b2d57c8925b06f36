package middleware_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/middleware"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/web"
)

// probe tells, from between two middleware of the chain, what those outside
// have put into the request and the response.
func probe(w http.ResponseWriter, r *http.Request) (facts string) {
	add := func(on bool, name string) {
		if on {
			facts += name + " "
		}
	}
	ctx := r.Context()
	add(obs.RequestFrom(ctx) != nil, "id")
	add(middleware.ClientAddr(ctx).IsValid(), "client")
	add(w.Header().Get("X-Frame-Options") != "", "headers")
	_, err := io.Copy(io.Discard, r.Body)
	add(err != nil, "limit")
	_, deadline := ctx.Deadline()
	add(deadline, "timeout")
	_, compress := w.(interface{ Discard() })
	add(compress, "compress")
	return strings.TrimSpace(facts)
}

// The order is a promise: see the comment of Default for the reasons.
func TestDefaultOrder(t *testing.T) {
	t.Parallel()
	mws := middleware.Default(middleware.DefaultOptions{
		Metrics:   func(next http.Handler) http.Handler { return next },
		BodyLimit: 1,
		Timeout:   middleware.TimeoutOptions{After: time.Minute},
	})
	var got []string
	for n := range len(mws) + 1 {
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got = append(got, probe(w, r)) })
		r := httptest.NewRequest("POST", "/", strings.NewReader("long"))
		do(middleware.Chain(h, mws[:n]...), r)
	}
	assert.Equal(t, got, []string{
		"",
		"id",
		"id", // access log: see TestDefaultLogsWhatRecoverAnswers
		"id", // metrics: likewise
		"id", // recover
		"id client",
		"id client headers",
		"id client headers", // cross-origin: see TestDefaultRefusalsHaveSecurityHeaders
		"id client headers limit",
		"id client headers limit timeout",
		"id client headers limit timeout compress",
	})
}

func TestDefaultLogsWhatRecoverAnswers(t *testing.T) {
	t.Parallel()
	var book logBook
	var status int
	h := middleware.Chain(panicking("oops"), append([]func(http.Handler) http.Handler{book.inject},
		middleware.Default(middleware.DefaultOptions{
			Metrics: func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					next.ServeHTTP(w, r)
					status = web.WriterFrom(w).Status()
				})
			},
		})...)...)
	res := do(h, get("/", "Accept-Encoding", "gzip"))
	assert.Equal(t, res.Code, 500)
	assert.Equal(t, status, 500)
	recs := book.records(t)
	assert.Equal(t, len(recs), 2)
	assert.Equal(t, recs[0]["msg"], any("panic"))
	assert.Equal(t, recs[1]["msg"], any("request"))
	assert.Equal(t, recs[1]["status"], any(500.0))
}

func TestDefaultRefusalsHaveSecurityHeaders(t *testing.T) {
	t.Parallel()
	h := middleware.Chain(ok, middleware.Default(middleware.DefaultOptions{})...)
	res := do(h, request("POST", "/", "Sec-Fetch-Site", "cross-site"))
	assert.Equal(t, res.Code, 403)
	assert.Equal(t, res.Header().Get("X-Frame-Options"), "DENY")
	assert.True(t, res.Header().Get("X-Request-Id") != "", "a refusal without id")
}

// The log counts what went over the wire.
func TestDefaultLogsCompressedBytes(t *testing.T) {
	t.Parallel()
	var book logBook
	h := middleware.Chain(send(200, long, "Content-Type", "text/plain"),
		middleware.Default(middleware.DefaultOptions{
			AccessLog: middleware.AccessLogOptions{Logger: book.logger()},
			Timeout:   middleware.TimeoutOptions{After: time.Minute},
		})...)
	res := do(h, get("/", "Accept-Encoding", "zstd"))
	assert.Equal(t, book.only(t)["bytes"], any(float64(res.Body.Len())))
	assert.Equal(t, decode(t, res), long)
}

// A nonce asked for below Timeout and Compress reaches the header.
func TestDefaultNonce(t *testing.T) {
	t.Parallel()
	var nonce string
	h := middleware.Chain(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		nonce = middleware.Nonce(r.Context())
		_, _ = io.WriteString(w, long)
	}), middleware.Default(middleware.DefaultOptions{Timeout: middleware.TimeoutOptions{After: time.Minute}})...)
	res := do(h, get("/", "Accept-Encoding", "gzip"))
	assert.Contains(t, res.Header().Get("Content-Security-Policy"), "script-src 'self' 'nonce-"+nonce+"'")
}

func TestDefaultLimitsBodies(t *testing.T) {
	t.Parallel()
	h := middleware.Chain(count, middleware.Default(middleware.DefaultOptions{})...)
	res := do(h, httptest.NewRequest("POST", "/", bytes.NewReader(make([]byte, middleware.DefaultBodyLimit+1))))
	assert.Equal(t, res.Code, 413)
}

func TestWithout(t *testing.T) {
	t.Parallel()
	all := len(middleware.Default(middleware.DefaultOptions{}))
	assert.Equal(t, all, 8)
	for _, o := range []middleware.DefaultOptions{
		{WithoutAccessLog: true},
		{WithoutRecover: true},
		{WithoutSecurityHeaders: true},
		{WithoutCrossOrigin: true},
		{WithoutBodyLimit: true},
		{WithoutCompress: true},
	} {
		assert.Equal(t, len(middleware.Default(o)), all-1)
	}
	bare := middleware.Chain(panicking("oops"), middleware.Default(middleware.DefaultOptions{
		WithoutAccessLog: true, WithoutRecover: true, WithoutSecurityHeaders: true,
		WithoutCrossOrigin: true, WithoutBodyLimit: true, WithoutCompress: true,
	})...)
	rec := httptest.NewRecorder()
	assert.Equal(t, assert.Panics(t, func() {
		bare.ServeHTTP(rec, request("POST", "/", "Sec-Fetch-Site", "cross-site"))
	}), any("oops"))
	assert.Equal(t, rec.Header().Get("X-Frame-Options"), "")
}

func TestEachMiddlewareWorksAlone(t *testing.T) {
	t.Parallel()
	for i, mw := range middleware.Default(middleware.DefaultOptions{Timeout: middleware.TimeoutOptions{After: time.Minute}}) {
		res := do(mw(ok), httptest.NewRequest("POST", "/", strings.NewReader("body")))
		if res.Code != 200 || res.Body.String() != "ok" {
			t.Errorf("middleware %d alone: %d %q", i, res.Code, res.Body)
		}
	}
}

// A handler that only signs in sends nothing, and yet the cookie must go out.
func TestOnHeaderOfASilentHandler(t *testing.T) {
	t.Parallel()
	silent := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		web.WriterFrom(w).OnHeader(func() { w.Header().Set("X-Hook", "ran") })
	})
	for _, o := range []middleware.DefaultOptions{{}, {Timeout: middleware.TimeoutOptions{After: time.Minute}}} {
		res := do(middleware.Chain(silent, middleware.Default(o)...), get("/"))
		assert.Equal(t, res.Header().Get("X-Hook"), "ran")
	}
}
