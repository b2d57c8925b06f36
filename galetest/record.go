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
)

// Serve sends r to a server on which h answers, and returns the answer: the
// real thing for tests that were written for a recorder. The server is the first
// that a test would run on by [Run]. h finds the context, the RemoteAddr and the
// TLS of r.
func Serve(tb testing.TB, h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	tb.Helper()
	resp, body := replay(tb, Options{}.servers()[0], h, r)
	rec := httptest.NewRecorder()
	maps.Copy(rec.Header(), resp.Header)
	rec.Code = resp.StatusCode
	rec.Body.Write(body)
	return rec
}

// Record has h answer r into a recorder, and then on each server that a test
// would run on by [Run], where the answer must be the same: status, header,
// trailer and body. So h must answer the same request in the same way each time.
// Otherwise it is as [Serve].
func Record(tb testing.TB, h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	tb.Helper()
	var sent []byte
	if r.Body != nil {
		var err error
		if sent, err = io.ReadAll(r.Body); err != nil {
			tb.Fatalf("galetest: read the request's body: %v", err)
		}
	}
	again := func() *http.Request {
		c := r.Clone(r.Context())
		c.Body = http.NoBody
		if len(sent) > 0 {
			c.Body = io.NopCloser(bytes.NewReader(sent))
		}
		return c
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, again())
	want := answerOf(r.Method, rec.Result(), rec.Body.Bytes())
	for _, name := range (Options{}).servers() {
		resp, body := replay(tb, name, h, again())
		got := answerOf(r.Method, resp, body)
		if want.Header["Content-Type"] == nil { // a server guesses one where a recorder does not
			got.Header.Del("Content-Type")
		}
		if !reflect.DeepEqual(got, want) {
			tb.Errorf("galetest: %s %s: the server %s answers\n%+v, recorded was\n%+v", r.Method, r.URL, name, got, want)
			break
		}
	}
	return rec
}

// replay sends r to a server that has h answer.
func replay(tb testing.TB, name string, h http.Handler, r *http.Request) (*http.Response, []byte) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("galetest: %v", err)
	}
	answer := http.HandlerFunc(func(w http.ResponseWriter, got *http.Request) {
		got.RemoteAddr, got.TLS = r.RemoteAddr, r.TLS
		h.ServeHTTP(w, got)
	})
	base := func(net.Listener) context.Context { return r.Context() }
	srv := newServer(tb, name, answer, slog.New(slog.DiscardHandler), base, nil)
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
		tb.Fatalf("galetest: %s %s on the server %s: %v", r.Method, r.URL, name, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatalf("galetest: %s %s on the server %s: read the response: %v", r.Method, r.URL, name, err)
	}
	return resp, body
}

// answer is what of a response must not depend on the server.
type answer struct {
	Status          int
	Header, Trailer http.Header
	Body            string
}

func answerOf(method string, resp *http.Response, body []byte) answer {
	a := answer{Status: resp.StatusCode, Header: resp.Header.Clone(), Trailer: make(http.Header), Body: string(body)}
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
