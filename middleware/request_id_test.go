package middleware_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/middleware"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/web"
)

// seen serves r under mw and returns the record that the handler saw.
func seen(t *testing.T, mw func(http.Handler) http.Handler, r *http.Request) (rec *obs.Request, sent string) {
	t.Helper()
	res := do(mw(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.True(t, web.WriterFrom(w) != nil, "no web.Writer")
		rec = obs.RequestFrom(r.Context())
	})), r)
	return rec, res.Header().Get("X-Request-Id")
}

func TestRequestIDIsNewAndSent(t *testing.T) {
	t.Parallel()
	a, sent := seen(t, middleware.RequestID, get("/"))
	b, _ := seen(t, middleware.RequestID, get("/"))
	assert.Equal(t, sent, a.ID())
	assert.True(t, len(a.ID()) >= 26, "id holds less than 128 bits: "+a.ID())
	assert.True(t, a.ID() != b.ID(), "two requests have one id")
}

func TestRequestIDIgnoresTheClientsByDefault(t *testing.T) {
	t.Parallel()
	rec, sent := seen(t, middleware.RequestID, get("/", "X-Request-Id", "of-my-victim"))
	assert.True(t, rec.ID() != "of-my-victim" && sent != "of-my-victim", "the client chose the id")
}

func TestRequestIDTakesOnlyWellFormedOnes(t *testing.T) {
	t.Parallel()
	mw := middleware.RequestIDWith(middleware.RequestIDOptions{
		TrustIncoming: true,
		New:           func() string { return "new" },
	})
	for in, want := range map[string]string{
		"a-Z_0.9":                 "a-Z_0.9",
		strings.Repeat("a", 64):   strings.Repeat("a", 64),
		strings.Repeat("a", 65):   "new",
		"":                        "new",
		"a\nlevel=ERROR msg=oops": "new",
		"a b":                     "new",
		`a"`:                      "new",
		"é":                       "new",
		"\x1b[31m":                "new",
	} {
		rec, sent := seen(t, mw, get("/", "X-Request-Id", in))
		assert.Equal(t, rec.ID(), want)
		assert.Equal(t, sent, want)
	}
	rec, _ := seen(t, mw, get("/", "X-Request-Id", "a", "X-Request-Id", "b"))
	assert.Equal(t, rec.ID(), "new")
}

func TestRequestIDKeepsTheRecordOfAnOuterLayer(t *testing.T) {
	t.Parallel()
	var outer string
	var inner *obs.Request
	h := middleware.RequestID(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		outer = obs.RequestFrom(r.Context()).ID()
		middleware.RequestID(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			inner = obs.RequestFrom(r.Context())
		})).ServeHTTP(w, r)
	}))
	res := do(h, get("/"))
	assert.Equal(t, inner.ID(), outer)
	assert.Equal(t, res.Header()["X-Request-Id"], []string{outer})
}

func TestTraceparent(t *testing.T) {
	t.Parallel()
	const (
		trace  = "4bf92f3577b34da6a3ce929d0e0e4736"
		parent = "00f067aa0ba902b7"
	)
	for in, want := range map[string]string{
		"00-" + trace + "-" + parent + "-01":                   trace,
		"00-" + trace + "-" + parent + "-00":                   trace,
		"cc-" + trace + "-" + parent + "-01-what-comes-later":  trace,
		"cc-" + trace + "-" + parent + "-01":                   trace,
		"cc-" + trace + "-" + parent + "-01x":                  "",
		"00-" + trace + "-" + parent + "-01-more":              "",
		"ff-" + trace + "-" + parent + "-01":                   "",
		"00-" + strings.Repeat("0", 32) + "-" + parent + "-01": "",
		"00-" + trace + "-" + strings.Repeat("0", 16) + "-01":  "",
		"00-" + strings.ToUpper(trace) + "-" + parent + "-01":  "",
		"00_" + trace + "-" + parent + "-01":                   "",
		"00-" + trace + "-" + parent + "-0g":                   "",
		"00-" + trace[:31] + "\n-" + parent + "-01":            "",
		"00-" + trace + "-" + parent:                           "",
		"":                                                     "",
	} {
		rec, _ := seen(t, middleware.RequestID, get("/", "Traceparent", in))
		if rec.TraceID() != want {
			t.Errorf("%q gives trace id %q, want %q", in, rec.TraceID(), want)
		}
	}
	valid := "00-" + trace + "-" + parent + "-01"
	rec, _ := seen(t, middleware.RequestID, get("/", "Traceparent", valid, "Traceparent", valid))
	assert.Equal(t, rec.TraceID(), "")
}
