package middleware_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/middleware"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/web"
)

func panicking(v any) http.Handler {
	return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(v) })
}

func TestRecoverAnswersAndLogsOnce(t *testing.T) {
	t.Parallel()
	var book logBook
	var rec *obs.Request
	note := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec = obs.RequestFrom(r.Context())
			next.ServeHTTP(w, r)
		})
	}
	h := middleware.Chain(panicking("the password is swordfish"), book.inject, middleware.RequestID, note, middleware.Recover)
	res := do(h, get("/"))
	assert.Equal(t, res.Code, 500)
	assert.True(t, !strings.Contains(res.Body.String(), "swordfish"), "the client sees the panic")
	line := book.only(t)
	assert.Equal(t, line["level"], any("ERROR"))
	assert.Contains(t, line["error"].(string), "swordfish")
	assert.Contains(t, line["stack"].(string), "recover_test.go")
	assert.Contains(t, rec.Err().Error(), "swordfish")
}

func TestRecoverKeepsTheCause(t *testing.T) {
	t.Parallel()
	rec := obs.NewRequest("id", "")
	r := get("/")
	r = r.WithContext(obs.WithRequest(r.Context(), rec))
	var book logBook
	res := do(book.inject(middleware.Recover(panicking(&web.Error{Status: 404, Err: io.EOF}))), r)
	assert.Equal(t, res.Code, 500)
	assert.ErrorIs(t, rec.Err(), io.EOF)
}

func TestRecoverPassesAbortOn(t *testing.T) {
	t.Parallel()
	var book logBook
	v := assert.Panics(t, func() { do(book.inject(middleware.Recover(panicking(http.ErrAbortHandler))), get("/")) })
	assert.Equal(t, v, any(http.ErrAbortHandler))
	assert.Equal(t, len(book.records(t)), 0)
}

// A client must not take half a body for a whole one.
func TestRecoverAbortsAResponseThatHasBegun(t *testing.T) {
	t.Parallel()
	var book logBook
	s := newServer(t, book.inject(middleware.Recover(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("half"))
		_ = http.NewResponseController(w).Flush()
		panic(errors.New("oops"))
	}))))
	res, err := s.Client().Get(s.URL)
	assert.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	assert.Equal(t, string(body), "half")
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Equal(t, book.only(t)["error"], any("panic: oops"))
}
