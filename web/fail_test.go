package web_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/web"
)

// logbook is a log that several goroutines may write.
type logbook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// observed gives requests a record and a logger into log.
func observed(log io.Writer, next http.Handler) http.Handler {
	logger := slog.New(slog.NewJSONHandler(log, nil))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := obs.WithLogger(obs.WithRequest(r.Context(), obs.NewRequest("req-1", "")), logger)
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// failing serves one request for target with a handler that returns err.
func failing(target string, err error) (rec *httptest.ResponseRecorder, log string) {
	var book logbook
	rec = httptest.NewRecorder()
	observed(&book, web.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return err })).
		ServeHTTP(rec, httptest.NewRequest("GET", target, nil))
	return rec, book.String()
}

func TestFailChoosesTheStatus(t *testing.T) {
	t.Parallel()
	taken := &web.Error{Status: 409, Code: "label_taken", Message: "That label is taken.", Err: errors.New("secret cause")}
	var typedNil *web.Error
	for _, tc := range []struct {
		name   string
		err    error
		status int
		shown  string
		logged bool
	}{
		{"own words", taken, 409, "That label is taken.", false},
		{"wrapped", fmt.Errorf("store: secret: %w", taken), 409, "label_taken", false},
		{"plain", errors.New("secret cause"), 500, "Something went wrong on our side.", true},
		{"too large", fmt.Errorf("secret: %w", &http.MaxBytesError{Limit: 17}), 413, "larger than the 17 bytes", false},
		{"server's own", &web.Error{Status: 503, Message: "Back soon."}, 503, "Back soon.", true},
		{"no such status", &web.Error{Status: 200, Message: "secret no more"}, 500, "Internal Server Error", true},
		{"someone else's deadline", context.DeadlineExceeded, 500, "on our side", true},
		{"someone else's cancellation", context.Canceled, 500, "on our side", true},
		{"typed nil", typedNil, 500, "on our side", true},
		{"joined", errors.Join(web.Invalid("/a", "is odd"), web.Invalid("limit", "is even")), 422, `"parameter":"limit"`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			rec, log := failing("/x", tc.err)
			assert.Equal(t, rec.Code, tc.status)
			assert.Contains(t, rec.Body.String(), tc.shown)
			assert.Equal(t, rec.Header().Get("Cache-Control"), "no-store")
			assert.True(t, !strings.Contains(rec.Body.String(), "secret cause"), "the cause is shown")
			assert.Equal(t, strings.Count(log, `"level":"ERROR"`), map[bool]int{true: 1}[tc.logged])
		})
	}
}

func TestFailLogsWhatAndWhereInOneSafeLine(t *testing.T) {
	t.Parallel()
	_, log := failing("/a%0ab", errors.New("disk\nfull"))
	assert.Equal(t, strings.Count(log, "\n"), 1)
	assert.Contains(t, log, `"err":"disk\nfull"`)
	assert.Contains(t, log, `"method":"GET","path":"/a%0ab"`)
}

func TestFailRecordsTheError(t *testing.T) {
	t.Parallel()
	record := obs.NewRequest("id", "")
	r := httptest.NewRequest("GET", "/", nil)
	cause := &web.Error{Status: 404}
	web.Fail(httptest.NewRecorder(), r.WithContext(obs.WithRequest(r.Context(), record)), cause)
	assert.ErrorIs(t, record.Err(), cause)
}

func TestFailAtTheRequestsDeadline(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	rec := httptest.NewRecorder()
	var log logbook
	observed(&log, web.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		return fmt.Errorf("query: %w", r.Context().Err())
	})).ServeHTTP(rec, httptest.NewRequest("GET", "/", nil).WithContext(ctx))
	assert.Equal(t, rec.Code, http.StatusServiceUnavailable)
	assert.Contains(t, rec.Body.String(), "took too long")
}

func TestFailDropsHeadersOfTheLostBody(t *testing.T) {
	t.Parallel()
	rec := httptest.NewRecorder()
	shared := http.Header{"Retry-After": {"3"}}
	web.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		for name, value := range map[string]string{
			"Content-Type": "image/png", "Content-Length": "99999", "Content-Encoding": "br", "ETag": `"1"`,
			"Cache-Control": "public, immutable", "Content-Disposition": "attachment", "Location": "/x", "Last-Modified": "now",
			"Content-Security-Policy": "default-src 'self'", "Set-Cookie": "a=b",
		} {
			w.Header().Set(name, value)
		}
		return &web.Error{Status: 503, Header: shared}
	}).ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
	h := rec.Result().Header
	assert.Equal(t, h.Get("Content-Type"), "application/problem+json")
	assert.Equal(t, h.Get("Content-Length"), fmt.Sprint(rec.Body.Len()))
	assert.Equal(t, h.Get("Cache-Control"), "no-store")
	for _, gone := range []string{"Content-Encoding", "ETag", "Content-Disposition", "Location", "Last-Modified"} {
		assert.Equal(t, h.Get(gone), "")
	}
	assert.Equal(t, h.Get("Content-Security-Policy"), "default-src 'self'")
	assert.Equal(t, h.Get("Set-Cookie"), "a=b")
	assert.Equal(t, h.Get("Retry-After"), "3")
	h["Retry-After"][0] = "changed"
	assert.Equal(t, shared.Get("Retry-After"), "3")
}

// holder is a wrapper that holds bytes back, as a compressor does.
type holder struct {
	http.ResponseWriter
	held []byte
}

func (h *holder) Write(p []byte) (int, error) { h.held = append(h.held, p...); return len(p), nil }
func (h *holder) Unwrap() http.ResponseWriter { return h.ResponseWriter }
func (h *holder) Discard()                    { h.held = nil }

func TestFailDiscardsWhatAWrapperHolds(t *testing.T) {
	t.Parallel()
	h := &holder{ResponseWriter: web.Wrap(httptest.NewRecorder())}
	web.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		_, _ = io.WriteString(w, "half a body")
		return errors.New("late")
	}).ServeHTTP(h, httptest.NewRequest("GET", "/", nil))
	assert.True(t, !bytes.Contains(h.held, []byte("half")), "the half body is still there")
	assert.Contains(t, string(h.held), "about:blank")
}

func TestErrorAfterTheFirstByteCutsTheConnection(t *testing.T) {
	t.Parallel()
	for _, length := range []string{"", "1000"} {
		t.Run("length "+length, func(t *testing.T) {
			t.Parallel()
			var log logbook
			srv := httptest.NewServer(observed(&log, web.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
				if length != "" {
					w.Header().Set("Content-Length", length)
				}
				_, _ = io.WriteString(w, "half a body")
				_ = http.NewResponseController(w).Flush()
				return &web.Error{Status: 404, Message: "must not be appended"}
			})))
			defer srv.Close()
			res, err := srv.Client().Get(srv.URL)
			assert.NoError(t, err)
			defer func() { _ = res.Body.Close() }()
			body, err := io.ReadAll(res.Body)
			assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
			assert.Equal(t, string(body), "half a body")
			assert.Contains(t, log.String(), "must not be appended")
			assert.Contains(t, log.String(), `"msg":"response aborted"`)
		})
	}
}

func TestClientGoneIsSilent(t *testing.T) {
	t.Parallel()
	brokenPipe := errors.New("broken pipe")
	for name, h := range map[string]web.HandlerFunc{
		"cancelled": func(_ http.ResponseWriter, r *http.Request) error {
			return fmt.Errorf("query: %w", r.Context().Err())
		},
		"write error of another name": func(http.ResponseWriter, *http.Request) error {
			return fmt.Errorf("copy: %w", &net.OpError{Op: "write", Err: brokenPipe})
		},
		"write error": func(w http.ResponseWriter, _ *http.Request) error { return web.Text(w, 200, "x") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log logbook
			ctx, cancel := context.WithCancel(t.Context())
			if name != "write error" {
				cancel()
			}
			defer cancel()
			rec := &brokenWriter{ResponseRecorder: httptest.NewRecorder(), err: brokenPipe}
			v := assert.Panics(t, func() {
				observed(&log, h).ServeHTTP(rec, httptest.NewRequest("GET", "/", nil).WithContext(ctx))
			})
			assert.Equal(t, v, any(http.ErrAbortHandler))
			assert.Equal(t, log.String(), "")
			assert.Equal(t, rec.Body.Len(), 0)
		})
	}
}

type brokenWriter struct {
	*httptest.ResponseRecorder
	err error
}

func (b *brokenWriter) Write([]byte) (int, error)       { return 0, b.err }
func (b *brokenWriter) WriteString(string) (int, error) { return 0, b.err }

func TestWriteMistakesAreLogged(t *testing.T) {
	t.Parallel()
	var log logbook
	rec := &brokenWriter{ResponseRecorder: httptest.NewRecorder(), err: http.ErrBodyNotAllowed}
	assert.Panics(t, func() {
		observed(&log, web.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
			return web.Text(w, http.StatusNoContent, "x")
		})).ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
	})
	assert.Contains(t, log.String(), "response aborted")
}
