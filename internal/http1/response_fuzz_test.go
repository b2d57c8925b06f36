package http1_test

import (
	"bytes"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/internal/http1"
)

// answer is a response that a handler gives, and the request it answers.
type answer struct {
	method     string
	minor      int
	connection string // of the request
	keepAlives bool   // of the server
	status     int
	header     http.Header
	trailer    http.Header // set after the head
	body       string
	flush      int // 0 never, 1 before the body, 2 after it
}

func (a *answer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	for k, v := range a.header {
		w.Header()[k] = v
	}
	w.WriteHeader(a.status)
	if a.flush == 1 {
		w.(http.Flusher).Flush()
	}
	io.WriteString(w, a.body)
	if a.flush == 2 {
		w.(http.Flusher).Flush()
	}
	for k, v := range a.trailer {
		w.Header()[k] = v
	}
}

// request is what the client sends: the request, and one that ends the
// connection, whose answer shows that it was kept.
func (a *answer) request() string {
	s := a.method + " / HTTP/1." + strconv.Itoa(a.minor) + "\r\nHost: a\r\n"
	if a.connection != "" {
		s += "Connection: " + a.connection + "\r\n"
	}
	return s + "\r\nGET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
}

// kept is the answer of net/http to the last request.
const kept = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"

// std is what net/http sends.
func (a *answer) std(t *testing.T) []byte {
	t.Helper()
	client, server := net.Pipe()
	defer client.Close()
	l := &listener{conn: server, closed: make(chan struct{})}
	mux := http.NewServeMux()
	mux.Handle("/", a)
	mux.HandleFunc("/last", func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Date"] = nil
		w.WriteHeader(204)
	})
	srv := &http.Server{Handler: mux, ErrorLog: log.New(io.Discard, "", 0)}
	srv.SetKeepAlivesEnabled(a.keepAlives)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = srv.Serve(l)
	}()
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = io.WriteString(client, a.request())
	}()
	_ = client.SetDeadline(time.Now().Add(10 * time.Second))
	out, err := io.ReadAll(client)
	if err != nil {
		t.Fatalf("net/http: %v after %q", err, out)
	}
	_ = srv.Close()
	<-served
	<-written
	return out
}

// own is what gale sends.
func (a *answer) own() (head, all []byte, framing http1.Framing) {
	in := http1.Request{}
	line := strings.Index(a.request(), "GET /last")
	if err := http1.Parse(a.request()[:line], &in, nil, http1.Limits{}); err != nil {
		panic(err)
	}
	r := http1.Response{
		Minor: a.minor, Method: a.method, Status: a.status, Header: a.header, Complete: a.flush == 0,
		KeepAlive: a.keepAlives, RequestClose: in.Close,
	}
	declared := int64(-1)
	if v := a.header["Content-Length"]; len(v) > 0 {
		declared, _ = strconv.ParseInt(v[0], 10, 64)
	}
	body := a.body
	if a.status < 200 || a.status == 204 || a.status == 304 || declared >= 0 && int64(len(body)) > declared {
		body = "" // net/http refuses it
	}
	if a.flush != 1 {
		r.Body = []byte(body)
	}
	head, framing = http1.AppendResponse(nil, &r)
	all = bytes.Clone(head)
	if framing.Body {
		if framing.Chunked {
			all = http1.AppendChunk(all, []byte(body))
			after := a.header.Clone()
			for k, v := range a.trailer {
				after[k] = v
			}
			all = http1.AppendChunkEnd(all, http1.Trailers(http1.AnnouncedTrailers(a.header), after))
		} else {
			all = append(all, body...)
		}
	}
	// net/http also closes after a body that is longer than declared, of which it sends nothing.
	wrong := a.method != "HEAD" && declared >= 0 && a.status >= 200 && a.status != 204 && a.status != 304 &&
		int64(len(a.body)) != declared
	if !framing.Close && !wrong && a.keepAlives {
		all = append(all, kept...)
	}
	return head, all, framing
}

// freely reports fields of which gale, unlike net/http, does not send all.
func freely(h http.Header) bool {
	for k, v := range h {
		if len(v) == 0 {
			continue
		}
		if strings.EqualFold(k, "Transfer-Encoding") && k != "Transfer-Encoding" {
			return true
		}
		if strings.EqualFold(k, "Content-Length") {
			if k != "Content-Length" || len(v) != 1 || strings.Trim(v[0], "0123456789") != "" || v[0] == "" || len(v[0]) > 18 {
				return true
			}
		}
	}
	return false
}

// parseHeader makes a header of lines "Name: value"; a name alone has no values.
func parseHeader(lines string) http.Header {
	h := make(http.Header)
	for line := range strings.SplitSeq(lines, "\x00") {
		key, value, ok := strings.Cut(line, ": ")
		if ok {
			h[key] = append(h[key], value)
		} else if h[key] == nil && key != "" {
			h[key] = nil
		}
	}
	return h
}

func (a *answer) check(t *testing.T) {
	t.Helper()
	head, own, framing := a.own()
	if std := a.std(t); !bytes.Equal(std, own) {
		t.Fatalf("%+v\n     gale %q\n net/http %q", *a, own, std)
	}
	a.readBack(t, head, own, framing)
}

// FuzzResponse compares whole answers with those of a net/http server.
func FuzzResponse(f *testing.F) {
	for i, s := range []string{
		"", "Content-Type: text/plain", "Content-Length: 5", "Content-Length: 3", "Connection: close", "Connection: keep-alive",
		"Transfer-Encoding: identity", "Transfer-Encoding: chunked", "Transfer-Encoding: gzip\x00Content-Length: 5",
		"Trailer: A, If-Match, b\x00A: 1", "Trailer:X: y", "Content-Type", "Content-Length", "B: x\r\nY: z\x00A:  q \x00B: y",
		"bad name: x\x00: y\x00Ok: z", "Upgrade: x\x00Connection: Upgrade", "Content-Encoding: gzip", "Connection: x, close",
		"Content-Length: 5\x00Connection: keep-alive", "Server: gale\x00Vary: a\x00vary: b\x00X-A: 1",
	} {
		f.Add(s, "A: 2\x00Trailer:Z: 3", "hello", uint32(i*7919), uint16(i))
		f.Add(s, "", "<html>", uint32(i), uint16(200))
	}
	methods := []string{"GET", "HEAD", "POST"}
	statuses := []int{200, 204, 304, 101, 404, 500, 206}
	connections := []string{"", "close", "keep-alive"}
	f.Fuzz(func(t *testing.T, header, trailer, body string, knobs uint32, status uint16) {
		pick := func(n int) int {
			i := int(knobs % uint32(n))
			knobs /= uint32(n)
			return i
		}
		a := answer{
			method: methods[pick(3)], minor: pick(2), connection: connections[pick(3)], keepAlives: pick(4) > 0,
			flush: pick(3), status: statuses[pick(7)], header: parseHeader(header), trailer: parseHeader(trailer), body: body,
		}
		if pick(4) == 0 {
			a.status = 200 + int(status)%800
		}
		a.header["Date"] = nil
		if len(body) > 2048 || freely(a.header) || freely(a.trailer) || hasFramingTrailer(a.header, a.trailer) {
			return
		}
		a.check(t)
	})
}

// hasFramingTrailer reports trailers that gale does not send.
func hasFramingTrailer(headers ...http.Header) bool {
	for _, h := range headers {
		for k := range h {
			if name, ok := strings.CutPrefix(k, http.TrailerPrefix); ok &&
				(strings.EqualFold(name, "Content-Length") || strings.EqualFold(name, "Transfer-Encoding")) {
				return true
			}
		}
	}
	return false
}

// listener gives one connection.
type listener struct {
	conn   net.Conn
	closed chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	if c := l.conn; c != nil {
		l.conn = nil
		return c, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *listener) Close() error {
	close(l.closed)
	return nil
}

func (l *listener) Addr() net.Addr { return &net.TCPAddr{} }
