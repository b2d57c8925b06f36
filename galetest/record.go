package galetest

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"

	"github.com/galeweb/gale/engine"
)

// Record has h answer r into a recorder, for tests that look at one answer, and
// then on gale's server, on the event loop and away from it, where the answer
// must be the same: status, header, trailer and body. So h must answer the same
// request in the same way each time. On the servers h finds the context, the
// RemoteAddr and the TLS of r, too.
func Record(tb testing.TB, h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	tb.Helper()
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			tb.Fatalf("galetest: read the request's body: %v", err)
		}
	}
	again := func() *http.Request {
		c := r.Clone(r.Context())
		c.Body = http.NoBody
		if len(body) > 0 {
			c.Body = io.NopCloser(bytes.NewReader(body))
		}
		return c
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, again())
	want := answerOf(tb, r.Method, rec.Result())
	for _, mode := range []engine.Mode{engine.Loop, engine.AlwaysSlow} {
		got := answerOf(tb, r.Method, replay(tb, mode, h, again()))
		if want.Header["Content-Type"] == nil { // a server guesses one where a recorder does not
			got.Header.Del("Content-Type")
		}
		if !reflect.DeepEqual(got, want) {
			tb.Errorf("galetest: %s %s: gale's server in mode %s answers\n%+v, recorded was\n%+v", r.Method, r.URL, mode, got, want)
			break
		}
	}
	return rec
}

// replay sends r to a server that has h answer.
func replay(tb testing.TB, mode engine.Mode, h http.Handler, r *http.Request) *http.Response {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("galetest: %v", err)
	}
	srv := &engine.Server{
		Mode: mode, ErrorLog: slog.New(slog.DiscardHandler),
		BaseContext: func(net.Listener) context.Context { return r.Context() },
		Handler: http.HandlerFunc(func(w http.ResponseWriter, got *http.Request) {
			got.RemoteAddr, got.TLS = r.RemoteAddr, r.TLS
			h.ServeHTTP(w, got)
		}),
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	defer func() {
		_ = srv.Close()
		<-done
	}()
	sent := r.Clone(tb.Context())
	sent.URL.Scheme, sent.URL.Host, sent.RequestURI = "http", l.Addr().String(), ""
	if _, ok := sent.Header["User-Agent"]; !ok {
		sent.Header.Set("User-Agent", "")
	}
	resp, err := (&http.Transport{DisableKeepAlives: true, DisableCompression: true}).RoundTrip(sent)
	if err != nil {
		tb.Fatalf("galetest: %s %s in mode %s: %v", r.Method, r.URL, mode, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatalf("galetest: %s %s in mode %s: read the response: %v", r.Method, r.URL, mode, err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(b))
	return resp
}

// answer is what of a response must not depend on the server.
type answer struct {
	Status          int
	Header, Trailer http.Header
	Body            string
}

func answerOf(tb testing.TB, method string, resp *http.Response) answer {
	tb.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatalf("galetest: %v", err)
	}
	a := answer{Status: resp.StatusCode, Header: resp.Header.Clone(), Trailer: make(http.Header), Body: string(b)}
	maps.Copy(a.Trailer, resp.Trailer)
	for _, name := range []string{"Date", "Content-Length", "Connection", "Trailer"} {
		a.Header.Del(name)
	}
	if method == http.MethodHead || a.Status == http.StatusNoContent || a.Status == http.StatusNotModified {
		a.Body = ""
		clear(a.Trailer)
		a.Header.Del("Content-Type") // a recorder guesses it from a body that is not sent
	}
	return a
}
