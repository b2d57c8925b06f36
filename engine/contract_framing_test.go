package engine_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// flushing writes the parts and flushes after each.
func flushing(fields []string, parts ...string) func(*run, http.ResponseWriter, *http.Request) {
	return func(k *run, w http.ResponseWriter, r *http.Request) {
		writes(0, fields)(k, w, r)
		for _, part := range parts {
			_, _ = io.WriteString(w, part)
			if err := http.NewResponseController(w).Flush(); err != nil {
				k.note("flush: %v", err)
			}
		}
	}
}

// framingCases are about where a body ends.
func framingCases() []contractCase {
	big := strings.Repeat("0123456789abcdef", 64<<10)
	small := func(n int) func(*run, http.ResponseWriter, *http.Request) {
		return func(_ *run, w http.ResponseWriter, _ *http.Request) {
			for i := range n {
				fmt.Fprintf(w, "line %d\n", i)
			}
		}
	}
	anyway := []allowance{anyChunks}
	cases := []contractCase{
		{
			name: "flush makes chunks", do: flushing(nil, "one", "two"), send: ask("GET /") + last,
			want: reply("200 OK", []string{"Date: now", "Content-Type: text/plain; charset=utf-8", "Transfer-Encoding: chunked"},
				"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n") + lastReply,
		},
		{
			name: "flush before anything", do: flushing(nil, "", "x"), send: ask("GET /") + last,
			want: reply("200 OK", []string{"Date: now", "Transfer-Encoding: chunked"}, "1\r\nx\r\n0\r\n\r\n") + lastReply,
		},
		answered("flush twice", flushing(nil, "x", "", "", "y")),
		answered("flush with a length", flushing([]string{"Content-Length", "4"}, "ab", "cd")),
		answered("flush of a 204", func(_ *run, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(204)
			w.(http.Flusher).Flush()
		}),
		answered("flush of a 304", func(_ *run, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(304)
			w.(http.Flusher).Flush()
		}),
		{name: "flush for HEAD", do: flushing(nil, "x", "y"), send: ask("HEAD /") + last},
		{name: "flush for HTTP/1.0", do: flushing(nil, "x", "y"), send: head("GET / HTTP/1.0")},
		{name: "flush for HTTP/1.0 keep-alive", do: flushing(nil, "x", "y"), send: head("GET / HTTP/1.0", "Connection: keep-alive")},
		{
			name: "flushed bytes come at once", blocks: true,
			do: func(k *run, w http.ResponseWriter, _ *http.Request) {
				for i := range 3 {
					fmt.Fprintf(w, "event %d", i)
					k.note("%v", w.(interface{ FlushError() error }).FlushError())
					k.await(fmt.Sprint("seen ", i))
				}
			},
			script: func(k *run) {
				k.send(ask("GET /"))
				for i := range 3 {
					k.until(fmt.Sprint("event ", i))
					k.tell(fmt.Sprint("seen ", i))
				}
				k.send(last)
				k.end()
			},
		},

		answered("2047 bytes", writes(0, nil, big[:2047])),
		answered("2048 bytes", writes(0, nil, big[:2048])),
		answered("2049 bytes", writes(0, nil, big[:2049])),
		answered("2048 bytes in two writes", writes(0, nil, big[:2000], big[:48])),
		{name: "2049 bytes in two writes", do: writes(0, nil, big[:2000], big[:49]), send: ask("GET /") + last, allow: anyway},
		{name: "1 MB in one write", do: writes(0, nil, big), send: ask("GET /") + last, allow: anyway},
		{name: "1 MB with a length", do: writes(0, []string{"Content-Length", fmt.Sprint(len(big))}, big), send: ask("GET /") + last},
		{name: "1 MB for HTTP/1.0", do: writes(0, nil, big), send: head("GET / HTTP/1.0")},
		{name: "1 MB for HEAD", do: writes(0, nil, big), send: ask("HEAD /") + last},
		{name: "5000 small writes", do: small(5000), send: ask("GET /") + last, allow: anyway},
		{name: "100 small writes", do: small(100), send: ask("GET /") + last},
		{name: "5000 small writes for HTTP/1.0", do: small(5000), send: head("GET / HTTP/1.0")},

		answered("length given", writes(0, []string{"Content-Length", "5"}, "hello")),
		answered("length in two writes", writes(0, []string{"Content-Length", "5"}, "he", "llo")),
		answered("too little", writes(0, []string{"Content-Length", "10"}, "hello")),
		answered("nothing of a length", writes(0, []string{"Content-Length", "10"})),
		answered("too much at once", tooMuch("hello world")),
		answered("too much in two writes", tooMuch("hello", "!")),
		answered("length that is no number", writes(0, []string{"Content-Length", "many"}, "hello")),
		answered("negative length", writes(0, []string{"Content-Length", "-1"}, "hello")),
		{
			// Clients refuse two, as they must (RFC 9112 6.3); net/http sends both.
			name: "of two lengths one is sent", do: writes(0, []string{"Content-Length", "5", "Content-Length", "5"}, "hello"),
			send: ask("GET /") + last, engine: true,
			want: reply("200 OK", []string{"Date: now", "Content-Length: 5", "Content-Type: text/plain; charset=utf-8"}, "hello") + lastReply,
		},
		answered("empty length", func(_ *run, w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Length"] = []string{""}
			_, _ = io.WriteString(w, "hello")
		}),
		answered("no length wanted", func(_ *run, w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Length"] = nil
			_, _ = io.WriteString(w, "hello")
		}),
		{name: "HEAD with a length", do: writes(0, []string{"Content-Length", "5"}), send: ask("HEAD /") + last},
		{name: "HEAD without anything", do: writes(0, nil), send: ask("HEAD /") + last},
		{name: "HEAD with less than the length", do: writes(0, []string{"Content-Length", "9"}, "abc"), send: ask("HEAD /") + last},
		{name: "HEAD with more than the length", do: tooMuch("hello world"), send: ask("HEAD /") + last},
		{name: "HEAD for HTTP/1.0 keep-alive", do: writes(0, nil, "abc"), send: head("HEAD / HTTP/1.0", "Connection: keep-alive") + last},
		answered("a length for 204", writes(204, []string{"Content-Length", "0"})),
		answered("a length for 304", writes(304, []string{"Content-Length", "12"})),

		answered("Transfer-Encoding: chunked by hand", writes(0, []string{"Transfer-Encoding", "chunked"}, "hello")),
		answered("Transfer-Encoding: identity", writes(0, []string{"Transfer-Encoding", "identity"}, "hello")),
		answered("Transfer-Encoding: identity and a length", writes(0, []string{"Transfer-Encoding", "identity", "Content-Length", "5"}, "hello")),
		answered("Transfer-Encoding: gzip", writes(0, []string{"Transfer-Encoding", "gzip"}, "hello")),
		answered("Transfer-Encoding: chunked and a length", writes(0, []string{"Transfer-Encoding", "chunked", "Content-Length", "5"}, "hello")),
		answered("Transfer-Encoding on 204", writes(204, []string{"Transfer-Encoding", "chunked"})),
		{name: "Transfer-Encoding for HEAD", do: writes(0, []string{"Transfer-Encoding", "chunked"}, "hello"), send: ask("HEAD /") + last},
		{name: "Transfer-Encoding for HTTP/1.0", do: writes(0, []string{"Transfer-Encoding", "chunked"}, "hello"), send: head("GET / HTTP/1.0")},
	}
	return slices.Concat(cases, trailerCases(), readFromCases())
}

// tooMuch declares five bytes and writes the parts.
func tooMuch(parts ...string) func(*run, http.ResponseWriter, *http.Request) {
	return func(k *run, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "5")
		for _, part := range parts {
			n, err := io.WriteString(w, part)
			k.note("%d %v", n, errors.Is(err, http.ErrContentLength))
		}
	}
}

func trailerCases() []contractCase {
	return []contractCase{
		{
			name: "announced trailers",
			do: func(_ *run, w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Trailer", "X-Sum, x-count")
				w.Header().Add("Trailer", "X-Unset")
				_, _ = io.WriteString(w, "hello")
				w.Header().Set("X-Sum", "9")
				w.Header().Add("X-Count", "1")
				w.Header().Add("X-Count", "2")
				w.Header().Set("X-Other", "not announced")
			},
			send: ask("GET /") + last,
			want: reply("200 OK", []string{
				"Trailer: X-Sum, x-count", "Trailer: X-Unset", "Date: now", "Content-Type: text/plain; charset=utf-8", "Transfer-Encoding: chunked",
			}, "5\r\nhello\r\n0\r\nX-Count: 1\r\nX-Count: 2\r\nX-Sum: 9\r\n\r\n") + lastReply,
		},
		answered("trailers by prefix", func(_ *run, w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "hello")
			w.(http.Flusher).Flush()
			w.Header().Set(http.TrailerPrefix+"X-Late", "1")
		}),
		answered("trailers by prefix set first", func(_ *run, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(http.TrailerPrefix+"X-Early", "1")
			_, _ = io.WriteString(w, "hello")
		}),
		answered("trailers by prefix after a short body", func(_ *run, w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "hello")
			w.Header().Set(http.TrailerPrefix+"X-Late", "1")
		}),
		answered("both kinds of trailers", func(_ *run, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "X-A")
			w.WriteHeader(200)
			w.Header().Set("X-A", "1")
			w.Header().Set(http.TrailerPrefix+"X-B", "2")
		}),
		answered("trailers that must not be", func(_ *run, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "Content-Length, Transfer-Encoding, Trailer, X-Good")
			_, _ = io.WriteString(w, "hello")
			w.Header().Set("Content-Length", "9")
			w.Header().Set("X-Good", "1")
		}),
		answered("trailers with a length", func(_ *run, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "X-A")
			w.Header().Set("Content-Length", "5")
			_, _ = io.WriteString(w, "hello")
			w.Header().Set("X-A", "1")
		}),
		{
			name: "trailers for HTTP/1.0", send: head("GET / HTTP/1.0"),
			do: func(_ *run, w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Trailer", "X-A")
				_, _ = io.WriteString(w, "hello")
				w.Header().Set("X-A", "1")
			},
		},
		answered("an announced trailer set before the body", func(_ *run, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "X-A")
			w.Header().Set("X-A", "1")
			_, _ = io.WriteString(w, "hello")
		}),
		answered("a line break in a trailer", func(_ *run, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "X-A")
			_, _ = io.WriteString(w, "hello")
			w.Header().Set("X-A", "1\r\nX-Injected: 1\r\n\r\nHTTP/1.1 200 OK")
		}),
	}
}

// readFromCases copy into the response by the ways that io.Copy may take.
func readFromCases() []contractCase {
	body := strings.Repeat("copied ", 20000)
	copies := func(fields []string, src func() io.Reader) func(*run, http.ResponseWriter, *http.Request) {
		return func(k *run, w http.ResponseWriter, r *http.Request) {
			writes(0, fields)(k, w, r)
			n, err := io.Copy(w, src())
			k.note("%d %v", n, err)
		}
	}
	length := []string{"Content-Length", fmt.Sprint(len(body))}
	anyway := []allowance{anyChunks}
	limited := func() io.Reader { return io.LimitReader(struct{ io.Reader }{strings.NewReader(body)}, 100_000) }
	cases := []contractCase{
		answered("io.Copy of a short reader", copies(nil, func() io.Reader { return struct{ io.Reader }{strings.NewReader("short")} })),
		answered("io.Copy of nothing", copies(nil, func() io.Reader { return struct{ io.Reader }{strings.NewReader("")} })),
		{name: "io.Copy of a limited reader", do: copies(nil, limited), allow: anyway},
		{name: "io.Copy of a limited reader with a length", do: copies([]string{"Content-Length", "100000"}, limited)},
		{name: "io.Copy of more than the length", do: copies([]string{"Content-Length", "1000"}, func() io.Reader { return bytes.NewBufferString(body) })},
		{name: "io.Copy of a WriterTo", do: copies(length, func() io.Reader { return strings.NewReader(body) })},
		{name: "io.Copy of a bufio.Reader", do: copies(length, func() io.Reader { return bufio.NewReader(strings.NewReader(body)) })},
		{name: "io.Copy of a pipe", allow: anyway, do: copies(nil, func() io.Reader {
			r, w := io.Pipe()
			go func() {
				for i := 0; i < len(body); i += 7000 {
					_, _ = io.WriteString(w, body[i:i+7000])
				}
				_ = w.Close()
			}()
			return r
		})},
		{name: "io.Copy from a reader that fails", allow: anyway, do: copies(nil, func() io.Reader {
			return io.MultiReader(strings.NewReader("begun"), failingReader{})
		})},
		{
			name: "ReadFrom after a write", allow: anyway,
			do: func(k *run, w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, "first ")
				n, err := w.(io.ReaderFrom).ReadFrom(struct{ io.Reader }{strings.NewReader(body)})
				k.note("%d %v", n, err)
				_, _ = io.WriteString(w, " last")
			},
		},
		answered("ReadFrom on a 204", func(k *run, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(204)
			n, err := w.(io.ReaderFrom).ReadFrom(struct{ io.Reader }{strings.NewReader("abc")})
			k.note("%d %v", n, errors.Is(err, http.ErrBodyNotAllowed))
		}),
	}
	for i := range cases {
		cases[i].send = ask("GET /") + last
	}
	return append(cases,
		contractCase{name: "io.Copy for HEAD", do: copies(length, limited), send: ask("HEAD /") + last},
		contractCase{name: "io.Copy for HTTP/1.0", do: copies(nil, limited), send: head("GET / HTTP/1.0")})
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errors.New("cannot read") }
