package exchange_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/galeweb/gale/internal/assert"
)

type differential struct {
	name, in string
	h        http.HandlerFunc
}

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// set answers with "hello" and that header.
func set(pairs ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i < len(pairs); i += 2 {
			w.Header().Add(pairs[i], pairs[i+1])
		}
		hello(w, r)
	}
}

func sized(sizes ...int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for _, n := range sizes {
			_, _ = w.Write(bytes.Repeat([]byte("x"), n))
		}
	}
}

func strs(sizes ...int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for _, n := range sizes {
			_, _ = io.WriteString(w, strings.Repeat("x", n))
		}
	}
}

// echo tells what it read of the body, and how reading ended.
func echo(w http.ResponseWriter, r *http.Request) {
	p, err := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%d %q %v %v", len(p), head(p), err, r.Trailer)
}

func head(p []byte) []byte { return p[:min(len(p), 40)] }

func post(body string) string {
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func chunked(parts ...string) string {
	s := "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, p := range parts {
		s += strconv.FormatInt(int64(len(p)), 16) + "\r\n" + p + "\r\n"
	}
	return s + "0\r\n\r\n"
}

const (
	get10     = "GET / HTTP/1.0\r\nHost: a\r\n\r\n"
	keep10    = "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"
	closing   = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	headReq   = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
	head10    = "HEAD / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"
	expecting = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n12345"
)

func responses() []differential {
	return []differential{
		{"nothing", get, func(http.ResponseWriter, *http.Request) {}},
		{"hello", get, hello},
		{"empty write", get, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(nil) }},
		{"404", get, status(404)},
		{"204", get, status(204)},
		{"304", get, status(304)},
		{"unknown status", get, status(799)},
		{"204 with body", get, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(204)
			_, err := w.Write([]byte("x"))
			if !errors.Is(err, http.ErrBodyNotAllowed) {
				panic(err)
			}
		}},
		{"304 with type", get, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "a/b")
			w.Header().Set("Content-Length", "7")
			w.WriteHeader(304)
		}},
		{"204 with length", get, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "7")
			w.WriteHeader(204)
		}},
		{"http.Error", get, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", 500) }},
		{"redirect", get, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusFound) }},
		{"not found", get, http.NotFound},
		{"cookie", get, func(w http.ResponseWriter, r *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
			http.SetCookie(w, &http.Cookie{Name: "c", Value: "d"})
			hello(w, r)
		}},
		{"superfluous", get, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(201)
			w.WriteHeader(500)
		}},
		{"superfluous after write", get, func(w http.ResponseWriter, r *http.Request) {
			hello(w, r)
			w.WriteHeader(500)
		}},
		{"header after status", get, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(200)
			w.Header().Set("X-Late", "1")
			hello(w, r)
		}},
		{"kept header after status", get, func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			h.Set("X-Early", "1")
			w.WriteHeader(200)
			h.Set("X-Late", "1")
			h.Del("X-Early")
			hello(w, r)
		}},
		{"header after flush", get, func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			w.Header().Set("X-Late", "1")
			hello(w, r)
		}},
		{"2048", get, sized(2048)},
		{"2049", get, sized(2049)},
		{"1 and 2048", get, sized(1, 2048)},
		{"2047 and 2", get, sized(2047, 2)},
		{"many", get, sized(100, 5000, 1, 1, 2048, 4096, 7)},
		{"large", get, sized(100_000)},
		{"large twice", get, sized(20_000, 20_000)},
		{"string 2048", get, strs(2048)},
		{"string 2049", get, strs(2049)},
		{"strings", get, strs(100, 5000, 1, 2048, 4096, 7)},
		{"read from", get, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.(io.ReaderFrom).ReadFrom(io.LimitReader(strings.NewReader(strings.Repeat("y", 70_000)), 69_999))
		}},
		{"read from small", get, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.Copy(w, io.LimitReader(strings.NewReader("yyy"), 2))
		}},
		{"flush", get, func(w http.ResponseWriter, r *http.Request) {
			hello(w, r)
			w.(http.Flusher).Flush()
			hello(w, r)
		}},
		{"flush first", get, func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() }},
		{"flush 1.0", get10, func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() }},
		{"length", get, set("Content-Length", "5")},
		{"length too short", get, set("Content-Length", "4")},
		{"length too long", get, set("Content-Length", "9")},
		{"length bad", get, set("Content-Length", "x")},
		{"length negative", get, set("Content-Length", "-1")},
		{"length empty", get, set("Content-Length", "")},
		{"length and large", get, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100000")
			sized(100_000)(w, r)
		}},
		{"type", get, set("Content-Type", "text/x")},
		{"type nil", get, func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Content-Type"] = nil
			hello(w, r)
		}},
		{"encoded", get, set("Content-Encoding", "gzip")},
		{"date", get, set("Date", "x")},
		{"date nil", get, func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Date"] = nil
			hello(w, r)
		}},
		{"close", get, set("Connection", "close")},
		{"connection other", get, set("Connection", "X-Hop")},
		{"te identity", get, set("Transfer-Encoding", "identity")},
		{"te chunked", get, set("Transfer-Encoding", "chunked")},
		{"te gzip", get, set("Transfer-Encoding", "gzip")},
		{"trailer", get, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Trailer", "X-A, X-B")
			hello(w, r)
			w.Header().Set("X-A", "1")
		}},
		{"trailer prefix", get, func(w http.ResponseWriter, r *http.Request) {
			hello(w, r)
			w.(http.Flusher).Flush()
			w.Header().Set(http.TrailerPrefix+"X-A", "1")
		}},
		{"trailer prefix early", get, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set(http.TrailerPrefix+"X-A", "1")
			hello(w, r)
		}},
		{"trailer forbidden", get, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Trailer", "Content-Length, X-C")
			hello(w, r)
			w.Header().Set("X-C", "2")
		}},
		{"header injection", get, set("X-A", "a\r\nX-Evil: 1")},
		{"header name bad", get, set("X A", "a")},
		{"many headers", get, func(w http.ResponseWriter, r *http.Request) {
			for i := range 30 {
				w.Header().Set("X-"+strconv.Itoa(i), "v")
			}
			hello(w, r)
		}},
		{"early hints", get, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", "</a.css>")
			w.WriteHeader(103)
			w.Header().Set("X-Late", "1")
			hello(w, r)
		}},
		{"102 twice", get, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(102)
			w.WriteHeader(102)
			hello(w, r)
		}},
		{"100 by hand", get, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(100)
			hello(w, r)
		}},
		{"101", get, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Upgrade", "x")
			w.Header().Set("Connection", "Upgrade")
			w.WriteHeader(101)
		}},
		{"head", headReq, hello},
		{"head nothing", headReq, func(http.ResponseWriter, *http.Request) {}},
		{"head length", headReq, set("Content-Length", "1000")},
		{"head large", headReq, sized(5000)},
		{"head flush", headReq, func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() }},
		{"head 1.0", head10, hello},
		{"head 1.0 nothing", head10, func(http.ResponseWriter, *http.Request) {}},
		{"1.0", get10, hello},
		{"1.0 large", get10, sized(5000)},
		{"1.0 keep", keep10, hello},
		{"1.0 keep large", keep10, sized(5000)},
		{"1.0 keep length", keep10, set("Content-Length", "5")},
		{"1.0 keep close", keep10, set("Connection", "close")},
		{"1.0 204", keep10, status(204)},
		{"request close", closing, hello},
		{"request close large", closing, sized(5000)},
		{"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", hello},
		{"pragma", "GET / HTTP/1.1\r\nHost: a\r\nPragma: no-cache\r\n\r\n", func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, r.Header)
		}},
	}
}

func describe(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "%s %s %s %d %d %v %d %v %v %q %v %q %v %v %v", r.Method, r.URL, r.Proto, r.ProtoMajor, r.ProtoMinor,
		r.Header, r.ContentLength, r.TransferEncoding, r.Close, r.Host, r.Trailer, r.RequestURI, r.TLS, r.Pattern, r.Body == http.NoBody)
}

func bodies() []differential {
	trailer := "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n3\r\nabc\r\n0\r\nX-T: v\r\nX-U: w\r\n\r\n"
	return []differential{
		{"describe", get, describe},
		{"describe absolute", "GET http://b.test/x?y=1 HTTP/1.1\r\nHost: a\r\nA: 1\r\nA: 2\r\n\r\n", describe},
		{"describe post", post("abc"), describe},
		{"describe chunked", trailer, describe},
		{"describe 1.0", keep10, describe},
		{"echo none", get, echo},
		{"echo", post("hello"), echo},
		{"echo large", post(strings.Repeat("z", 300_000)), echo},
		{"echo chunked", chunked("a", "bc", strings.Repeat("d", 5000)), echo},
		{"echo empty chunked", chunked(), echo},
		{"echo trailer", trailer, echo},
		{"bad chunk", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n", func(w http.ResponseWriter, r *http.Request) {
			_, err := io.ReadAll(r.Body)
			fmt.Fprint(w, err != nil)
		}},
		{"unread", post("hello"), hello},
		{"unread chunked", chunked("a", "b"), hello},
		{"unread 255 KiB", post(strings.Repeat("z", 255<<10)), hello},
		{"unread 256 KiB", post(strings.Repeat("z", 256<<10)), hello},
		{"unread 300 KB", post(strings.Repeat("z", 300_000)), hello},
		{"unread chunked 300 KB", chunked(strings.Repeat("z", 300_000)), hello},
		{"read after write", post("hello"), func(w http.ResponseWriter, r *http.Request) {
			hello(w, r)
			w.(http.Flusher).Flush()
			p, err := io.ReadAll(r.Body)
			fmt.Fprint(w, len(p), err)
		}},
		{"read before flush", post("hello"), func(w http.ResponseWriter, r *http.Request) {
			hello(w, r)
			p, err := io.ReadAll(r.Body)
			fmt.Fprint(w, len(p), err)
		}},
		{"full duplex", post("hello"), func(w http.ResponseWriter, r *http.Request) {
			assertNil(http.NewResponseController(w).EnableFullDuplex())
			hello(w, r)
			w.(http.Flusher).Flush()
			p, err := io.ReadAll(r.Body)
			fmt.Fprint(w, len(p), err)
		}},
		{"read after close", post("hello"), func(w http.ResponseWriter, r *http.Request) {
			assertNil(r.Body.Close())
			p, err := io.ReadAll(r.Body)
			fmt.Fprint(w, len(p), err)
		}},
		{"close large", post(strings.Repeat("z", 300_000)), func(w http.ResponseWriter, r *http.Request) {
			assertNil(r.Body.Close())
			hello(w, r)
		}},
		{"read some", post("hello"), func(w http.ResponseWriter, r *http.Request) {
			p := make([]byte, 2)
			_, err := io.ReadFull(r.Body, p)
			fmt.Fprintf(w, "%s %v", p, err)
		}},
		{"continue", expecting, echo},
		{"continue unread", expecting, hello},
		{"continue close", expecting, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(413)
			assertNil(r.Body.Close())
		}},
		{"continue in part", expecting, func(w http.ResponseWriter, r *http.Request) {
			_, err := io.ReadFull(r.Body, make([]byte, 2))
			fmt.Fprint(w, err)
		}},
		{"continue by hand", expecting, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(100)
			echo(w, r)
		}},
		{"continue after hints", expecting, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(103)
			echo(w, r)
		}},
		{"continue after write", expecting, func(w http.ResponseWriter, r *http.Request) {
			hello(w, r)
			echo(w, r)
		}},
		{"continue chunked", strings.Replace(chunked("abc"), "\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n", 1), echo},
		{"continue without body", "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", hello},
		{"max bytes", post("hello"), limited(3)},
		{"max bytes fits", post("hello"), limited(5)},
		{"max bytes chunked", chunked("hello"), limited(3)},
		{"max bytes after write", post("hello"), func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			limited(3)(w, r)
		}},
		{"form", strings.Replace(post("a=1&b=2"), "Host", "Content-Type: application/x-www-form-urlencoded\r\nHost", 1), func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, r.ParseForm(), r.Form)
		}},
		{"1.0 body", "POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", echo},
		{"close body", strings.Replace(post("hello"), "Host", "Connection: close\r\nHost", 1), hello},
	}
}

func assertNil(err error) {
	if err != nil {
		panic(err)
	}
}

func limited(n int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, n)
		p, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %v", p, err)
	}
}

// Each handler answers each request as on net/http's server, to the byte,
// however the request's bytes come.
func TestSameAsNetHTTP(t *testing.T) {
	t.Parallel()
	cases := append(responses(), bodies()...)
	assert.True(t, len(cases) >= 80, "at least 80 cases")
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			want := byPeer(t, c.h, c.in)
			for _, chunk := range []int{0, 1, 7, 1000} {
				if chunk > 0 && len(c.in) > 200*chunk {
					continue
				}
				if diff := cmp.Diff(want, byExchange(t, c.h, c.in, chunk)); diff != "" {
					t.Errorf("in chunks of %d (-net/http +exchange):\n%s", chunk, diff)
				}
			}
		})
	}
}
