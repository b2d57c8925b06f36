package galetest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
)

func TestRecord(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		w.Header().Set("Trailer", "X-Sum")
		w.WriteHeader(http.StatusAccepted)
		body, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s %s %q %v", r.Method, r.RequestURI, r.Host, r.RemoteAddr, body, err)
		w.Header().Set("X-Sum", "1")
	})
	rec := galetest.Record(t, h, httptest.NewRequest("POST", "/a?b=c", strings.NewReader("body")))
	assert.Equal(t, rec.Code, http.StatusAccepted)
	assert.Equal(t, rec.Body.String(), `POST /a?b=c example.com 192.0.2.1:1234 "body" <nil>`)
	assert.True(t, calls.Load() > 1, "no server was asked")

	galetest.Record(t, h, httptest.NewRequest("HEAD", "/", nil))
	rec = galetest.Serve(t, h, httptest.NewRequest("PUT", "/", strings.NewReader("once")))
	assert.Equal(t, rec.Code, http.StatusAccepted)
	assert.Contains(t, rec.Body.String(), `192.0.2.1:1234 "once" <nil>`)
	galetest.Record(t, http.RedirectHandler("/x", http.StatusFound), httptest.NewRequest("GET", "/", nil))
}

func TestRecordSeesAnswersThatDiffer(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	try(t, func(tb testing.TB) {
		galetest.Record(tb, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, calls.Add(1))
		}), httptest.NewRequest("GET", "/", nil))
	}).failedWith(t, "the server engine answers")
}
