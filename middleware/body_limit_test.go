package middleware_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/middleware"
	"github.com/galeweb/gale/web"
)

// count answers with how much of the body could be read.
var count = web.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	_, err = w.Write(bytes.Repeat([]byte("."), len(b)))
	return err
})

// post returns a request with size bytes of body; unknown hides their number.
func post(size int, unknown bool) *http.Request {
	var body io.Reader = strings.NewReader(strings.Repeat("b", size))
	if unknown {
		body = io.MultiReader(body)
	}
	return httptest.NewRequest("POST", "/", body)
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	h := middleware.BodyLimit(10)(count)
	for _, unknown := range []bool{false, true} {
		res := do(h, post(10, unknown))
		assert.Equal(t, res.Code, 200)
		assert.Equal(t, res.Body.Len(), 10)
		res = do(h, post(11, unknown))
		assert.Equal(t, res.Code, 413)
		assert.Equal(t, res.Header().Get("Connection"), "close")
	}
	assert.Equal(t, do(h, get("/")).Code, 200)
}

func TestBodyLimitIsAMaxBytesError(t *testing.T) {
	t.Parallel()
	do(middleware.BodyLimit(10)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		maxErr, ok := errors.AsType[*http.MaxBytesError](err)
		assert.True(t, ok, "not a MaxBytesError")
		assert.Equal(t, maxErr.Limit, 10)
		assert.NoError(t, r.Body.Close())
	})), post(11, false))
}

// A body that is announced as too large is not read at all.
func TestBodyLimitJudgesContentLengthFirst(t *testing.T) {
	t.Parallel()
	body := &untouchable{t: t}
	r := httptest.NewRequest("POST", "/", body)
	r.ContentLength = 1 << 40
	assert.Equal(t, do(middleware.BodyLimit(10)(count), r).Code, 413)
}

type untouchable struct{ t *testing.T }

func (u *untouchable) Read([]byte) (int, error) {
	u.t.Error("a byte of the body was read")
	return 0, io.EOF
}

func TestBodyLimitOfARouteOutranksTheChain(t *testing.T) {
	t.Parallel()
	raise := middleware.Chain(count, middleware.BodyLimit(10), middleware.BodyLimit(50), middleware.BodyLimit(100))
	lower := middleware.Chain(count, middleware.BodyLimit(100), middleware.BodyLimit(50), middleware.BodyLimit(10))
	for _, unknown := range []bool{false, true} {
		assert.Equal(t, do(raise, post(100, unknown)).Body.Len(), 100)
		assert.Equal(t, do(raise, post(101, unknown)).Code, 413)
		assert.Equal(t, do(lower, post(10, unknown)).Body.Len(), 10)
		assert.Equal(t, do(lower, post(11, unknown)).Code, 413)
	}
}

// A bomb: 10 bytes arrive, and a middleware makes thousand of each.
func TestBodyLimitInsideADecoder(t *testing.T) {
	t.Parallel()
	inflate := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				web.Fail(w, r, err)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(bytes.Repeat(b, 1000)))
			r.ContentLength = -1
			next.ServeHTTP(w, r)
		})
	}
	h := middleware.Chain(count, middleware.BodyLimit(20), inflate, middleware.BodyLimit(5000))
	assert.Equal(t, do(h, post(5, false)).Body.Len(), 5000)
	assert.Equal(t, do(h, post(6, false)).Code, 413)
	assert.Equal(t, do(h, post(21, false)).Code, 413)
}

func TestBodyLimitOnTheWire(t *testing.T) {
	t.Parallel()
	s := newServer(t, middleware.BodyLimit(10)(count))
	res, err := s.Client().Post(s.URL, "text/plain", io.MultiReader(strings.NewReader(strings.Repeat("b", 1<<20))))
	assert.NoError(t, err)
	defer res.Body.Close()
	assert.Equal(t, res.StatusCode, 413)
	assert.True(t, res.Close, "the connection is kept for the rest of the body")
}

func TestBodyLimitWiring(t *testing.T) {
	t.Parallel()
	assert.Contains(t, assert.Panics(t, func() { middleware.BodyLimit(0) }).(string), "positive")
}
