package engine_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

const (
	chunkedPost = "POST / HTTP/1.1\r\nHost: gale.test\r\nTransfer-Encoding: chunked\r\n\r\n"
	// unreadMax is how much of a body that the handler did not read a server
	// takes to keep the connection.
	unreadMax = 256 << 10
)

// posted is a POST of n bytes.
func posted(n int, fields ...string) string {
	return ask("POST /", append(fields, fmt.Sprint("Content-Length: ", n))...) + strings.Repeat("b", n)
}

// chunks is a chunked POST of the parts.
func chunks(parts ...string) string {
	var b strings.Builder
	b.WriteString(chunkedPost)
	for _, part := range parts {
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(part), part)
	}
	return b.String() + "0\r\n\r\n"
}

// closing has a request end its connection.
func closing(request string) string {
	return strings.Replace(request, "\r\n", "\r\nConnection: close\r\n", 1)
}

// reads notes what reading the body gives, n bytes at a time.
func reads(n int) func(*run, http.ResponseWriter, *http.Request) {
	return func(k *run, w http.ResponseWriter, r *http.Request) {
		buf := make([]byte, n)
		total := 0
		for {
			got, err := r.Body.Read(buf)
			total += got
			if err != nil {
				k.note("%d %v", total, err)
				break
			}
		}
		got, err := r.Body.Read(buf)
		k.note("again %d %v", got, err)
	}
}

func bodyCases() []contractCase {
	return []contractCase{
		{name: "read by small parts", do: reads(3), send: posted(1000) + last, notes: []string{"1000 EOF", "again 0 EOF"}},
		{name: "read by large parts", do: reads(1 << 20), send: posted(300_000) + last, notes: []string{"300000 EOF", "again 0 EOF"}},
		{name: "1 MB", do: reads(10_000), send: posted(1<<20) + last, notes: []string{"1048576 EOF", "again 0 EOF"}},
		{name: "1 MB chunked", do: reads(10_000), send: chunks(strings.Repeat("c", 1<<20)) + last, notes: []string{"1048576 EOF", "again 0 EOF"}},
		{name: "1 MB echoed", allow: []allowance{anyChunks}, do: func(k *run, w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			k.note("%d %v", len(body), err)
			_, _ = w.Write(body)
		}, send: posted(1<<20) + last},
		{name: "many small chunks", do: echoes, send: chunks(strings.SplitAfter(strings.Repeat("chunk", 500)+"end", "k")...) + last},
		{name: "chunk size in capitals and with zeros", do: echoes, send: chunkedPost + "000A\r\n0123456789\r\n00\r\n\r\n" + last},
		{name: "chunk extensions", do: echoes, send: chunkedPost + "3;a=b\r\nabc\r\n2;c=\"d\"\r\nde\r\n0;last\r\n\r\n" + last},
		{name: "trailers", do: func(k *run, w http.ResponseWriter, r *http.Request) {
			k.note("%q", r.Trailer)
			_, err := io.Copy(io.Discard, r.Body)
			k.note("%v %q %q", err, r.Trailer, r.Header["X-Sum"])
		}, send: ask("POST /", "Transfer-Encoding: chunked", "Trailer: X-Sum") + "1\r\na\r\n0\r\nX-Sum: 9\r\nx-more: 1\r\n\r\n" + last},
		{name: "no body is an empty body", do: reads(10), send: ask("GET /") + last, notes: []string{"0 EOF", "again 0 EOF"}},
		{name: "length 0", do: reads(10), send: posted(0) + last, notes: []string{"0 EOF", "again 0 EOF"}},
		{name: "empty chunked body", do: reads(10), send: chunks() + last, notes: []string{"0 EOF", "again 0 EOF"}},
		{name: "read of nothing", do: func(k *run, _ http.ResponseWriter, r *http.Request) {
			n, err := r.Body.Read(nil)
			k.note("%d %v", n, err)
			body, err := io.ReadAll(r.Body)
			k.note("%s %v", body, err)
		}, send: posted(3) + last},
		{name: "close twice and read", do: func(k *run, _ http.ResponseWriter, r *http.Request) {
			k.note("%v %v", r.Body.Close(), r.Body.Close())
			n, err := r.Body.Read(make([]byte, 1))
			k.note("%d %v", n, errors.Is(err, http.ErrBodyReadAfterClose))
		}, send: posted(3) + last},
		{name: "close and read without a body", do: func(k *run, _ http.ResponseWriter, r *http.Request) {
			n, err := r.Body.Read(make([]byte, 1))
			k.note("%v %d %v", r.Body.Close(), n, err)
		}, send: ask("GET /") + last},
		{name: "close after a part", do: func(k *run, w http.ResponseWriter, r *http.Request) {
			_, err := io.ReadFull(r.Body, make([]byte, 2))
			k.note("%v %v", err, r.Body.Close())
			_, _ = io.WriteString(w, "closed")
		}, send: posted(100) + last},
		{name: "close after all was read", do: func(k *run, w http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(io.Discard, r.Body)
			k.note("%v %v", err, r.Body.Close())
			_, err = r.Body.Read(make([]byte, 1))
			k.note("%v", errors.Is(err, http.ErrBodyReadAfterClose))
		}, send: chunks("abc") + last},
		{name: "read after the handler has returned", blocks: true, do: func(k *run, w http.ResponseWriter, r *http.Request) {
			body := r.Body
			_, _ = io.ReadFull(body, make([]byte, 1))
			k.atEnd(func() {
				n, err := body.Read(make([]byte, 10))
				k.note("%d %v", n, err != nil)
			})
		}, send: posted(10) + last, notes: []string{"0 true"}},
		{name: "body replaced by the handler", do: func(_ *run, w http.ResponseWriter, r *http.Request) {
			r.Body = nil
			_, _ = io.WriteString(w, "no body any more")
		}, send: posted(10) + last},
		{name: "body replaced by another", do: func(k *run, w http.ResponseWriter, r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader("mine"))
			echoes(k, w, r)
		}, send: posted(10) + last},

		{name: "a small body not read", do: says("x"), send: posted(10) + last},
		{name: "100 KB not read", do: says("x"), send: posted(100<<10) + last},
		{name: "a small chunked body not read", do: says("x"), send: chunks("abc", "def") + last},
		{name: "100 KB chunked, not read", do: says("x"), send: chunks(strings.Repeat("c", 100<<10)) + last},
		{name: "a part read", do: func(_ *run, w http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadFull(r.Body, make([]byte, 5))
			_, _ = io.WriteString(w, "enough")
		}, send: posted(1000) + last},
		{name: "just what a server takes, not read", do: says("x"), send: posted(unreadMax-1) + last},
		{name: "too much to take, not read", do: says("x"), send: posted(unreadMax) + last},
		{name: "1 MB not read", do: says("the reply arrives"), send: posted(1<<20) + last},
		{name: "1 MB chunked, not read", do: says("the reply arrives"), send: chunks(strings.Repeat("c", 1<<20)) + last},
		{name: "1 MB not read, and a flush", do: flushing(nil, "the reply ", "arrives"), send: posted(1<<20) + last},
		{name: "1 MB not read, and a big reply", do: says(strings.Repeat("reply", 10_000)), send: posted(1<<20) + last, allow: []allowance{anyChunks}},
		{name: "1 MB not read, and Connection: close", do: writes(413, []string{"Connection", "close"}, "too much"), send: posted(1<<20) + last},
		{name: "10 MB not read by HTTP/1.0", do: says("x"), send: head("POST / HTTP/1.0", "Content-Length: 10485760") + strings.Repeat("b", 10<<20)},
		{
			name: "a reply while the body is still coming", blocks: true,
			do: writes(0, []string{"Connection", "close"}, "early"),
			script: func(k *run) {
				k.send(ask("POST /", "Content-Length: 1000") + "first part")
				k.until("early")
				k.send("second part")
				k.halfClose()
				k.end()
			},
		},
		{
			name: "body read while it comes", blocks: true,
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				buf := make([]byte, 100)
				for i := range 3 {
					n, err := r.Body.Read(buf)
					k.note("%q %v", buf[:n], err)
					k.tell(fmt.Sprint("read ", i))
				}
			},
			script: func(k *run) {
				k.send(chunkedPost)
				for i := range 3 {
					k.send(fmt.Sprintf("6\r\npart %d\r\n", i))
					k.await(fmt.Sprint("read ", i))
				}
				k.send("0\r\n\r\n" + last)
				k.end()
			},
			notes: []string{`"part 0" <nil>`, `"part 1" <nil>`, `"part 2" <nil>`},
		},
		{
			name: "body by bytes", do: echoes,
			script: func(k *run) {
				for _, b := range []byte(chunkedPost + "3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\n" + last) {
					k.send(string(b))
				}
				k.end()
			},
		},
		{name: "MaxBytesReader within its limit", do: limited(10), send: posted(10) + last},
		{name: "MaxBytesReader beyond its limit", do: limited(10), send: posted(11, "Connection: close"), allow: []allowance{maxBytes}},
		{name: "MaxBytesReader far beyond its limit", do: limited(10), send: posted(1<<20) + last, allow: []allowance{maxBytes}},
		{name: "MaxBytesReader on chunks", do: limited(10), send: closing(chunks("01234", "56789", "more")), allow: []allowance{maxBytes}},
		{name: "MaxBytesReader after the header was sent", do: func(k *run, w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "begun ")
			w.(http.Flusher).Flush()
			_, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 5))
			k.note("%v", err)
			_, _ = io.WriteString(w, "ended")
		}, send: posted(100) + last},
		{name: "MaxBytesHandler", do: func(k *run, w http.ResponseWriter, r *http.Request) {
			http.MaxBytesHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, err := io.ReadAll(r.Body)
				var tooLarge *http.MaxBytesError
				if errors.As(err, &tooLarge) {
					http.Error(w, fmt.Sprint("more than ", tooLarge.Limit), http.StatusRequestEntityTooLarge)
				}
			}), 5).ServeHTTP(w, r)
		}, send: posted(100, "Connection: close"), allow: []allowance{maxBytes}},
	}
}

// limited reads at most n bytes.
func limited(n int64) func(*run, http.ResponseWriter, *http.Request) {
	return func(k *run, w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, n))
		k.note("%s %v", body, err)
		if err != nil {
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		}
	}
}

// bodyEndCases are bodies that end otherwise than they should.
func bodyEndCases() []contractCase {
	broken := func(name, body string) contractCase {
		return contractCase{name: name, send: chunkedPost + body + last, do: func(k *run, w http.ResponseWriter, r *http.Request) {
			got, err := io.ReadAll(r.Body)
			k.note("%q %v", got, err != nil)
			http.Error(w, "bad body", http.StatusBadRequest)
		}}
	}
	cut := func(name, send string) contractCase {
		return contractCase{
			name: name, blocks: true, allow: []allowance{saysClose},
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				got, err := io.ReadAll(r.Body)
				// Within the trailers net/http has other errors.
				k.note("%q %v", got, errors.Is(err, io.ErrUnexpectedEOF) || strings.HasPrefix(fmt.Sprint(err), "http: "))
				_, _ = io.WriteString(w, "sorry")
			},
			script: func(k *run) {
				k.send(send)
				k.halfClose()
				k.end()
			},
		}
	}
	return []contractCase{
		broken("no chunk size", "\r\nabc\r\n0\r\n\r\n"),
		broken("a chunk size that is no number", "xyz\r\nabc\r\n0\r\n\r\n"),
		broken("a negative chunk size", "-1\r\nabc\r\n0\r\n\r\n"),
		broken("a signed chunk size", "+3\r\nabc\r\n0\r\n\r\n"),
		broken("a chunk size with 0x", "0x3\r\nabc\r\n0\r\n\r\n"),
		broken("a chunk size of 17 digits", "00000000000000003\r\nabc\r\n0\r\n\r\n"),
		{
			// net/http would read on.
			name: "a chunk size that overflows", send: chunkedPost + "ffffffffffffffff\r\nabc\r\n0\r\n\r\n" + last,
			engine: true, notes: []string{`"" true`},
			do: broken("", "").do,
		},
		broken("a chunk longer than its size", "2\r\nabc\r\n0\r\n\r\n"),
		broken("a chunk without its CRLF", "3\r\nabc0\r\n\r\n"),
		broken("a good chunk, then a bad one", "3\r\nabc\r\nzz\r\nabc\r\n0\r\n\r\n"),
		broken("a long extension", "3;"+strings.Repeat("x", 64<<10)+"\r\nabc\r\n0\r\n\r\n"),
		broken("a bad trailer", "3\r\nabc\r\n0\r\nno colon\r\n\r\n"),
		{
			// net/http takes the space for a part of the name.
			name: "a space before the colon of a trailer", send: chunkedPost + "3\r\nabc\r\n0\r\nX-A : 1\r\n\r\n" + last,
			engine: true, notes: []string{`"abc" true`},
			do: broken("", "").do,
		},
		{
			name: "a bad chunk that the handler does not read", do: says("x"),
			send: chunkedPost + "zz\r\nabc\r\n0\r\n\r\n" + last,
		},
		{
			name: "a bad chunk later than the handler reads", do: func(_ *run, w http.ResponseWriter, r *http.Request) {
				_, _ = io.ReadFull(r.Body, make([]byte, 3))
				_, _ = io.WriteString(w, "read enough")
			},
			send: chunkedPost + "3\r\nabc\r\nzz\r\n" + last,
		},
		cut("end in the middle of a length", ask("POST /", "Content-Length: 10")+"abc"),
		cut("end before any of a length", ask("POST /", "Content-Length: 10")),
		cut("end in a chunk", chunkedPost+"5\r\nab"),
		cut("end after a chunk", chunkedPost+"2\r\nab\r\n"),
		cut("end in a chunk size", chunkedPost+"2"),
		cut("end before the trailers", chunkedPost+"2\r\nab\r\n0\r\n"),
		cut("end in a trailer", chunkedPost+"2\r\nab\r\n0\r\nX-A: "),
		{
			name: "end in a body that is not read", do: says("x"), blocks: true,
			script: func(k *run) {
				k.send(ask("POST /", "Content-Length: 10") + "abc")
				k.halfClose()
				k.end()
			},
		},
		{
			name: "reset in a body", blocks: true,
			do: func(k *run, _ http.ResponseWriter, r *http.Request) {
				k.tell("begun")
				_, err := io.ReadAll(r.Body)
				k.note("%v", err != nil)
				k.wait(r.Context().Done(), "the end of the context")
				k.note("%v", r.Context().Err())
			},
			script: func(k *run) {
				k.send(ask("POST /", "Content-Length: 10") + "abc")
				k.await("begun")
				k.reset()
			},
			notes: []string{"true", "context canceled"},
		},
	}
}

// continueCases are about Expect: 100-continue.
func continueCases() []contractCase {
	const expect = "Expect: 100-continue"
	// asks waits for a status line before it sends the body.
	asks := func(name string, do func(*run, http.ResponseWriter, *http.Request)) contractCase {
		return contractCase{name: name, blocks: true, do: do, script: func(k *run) {
			k.send(ask("POST /", expect, "Content-Length: 4"))
			k.until("\r\n\r\n")
			if strings.HasPrefix(k.raw(), "HTTP/1.1 103") {
				k.until("\r\n\r\n")
			}
			if strings.Contains(k.raw(), "HTTP/1.1 100 Continue\r\n\r\n") {
				k.send("body" + last)
			}
			// A server may wait for the body that it did not ask for.
			k.halfClose()
			k.end()
		}}
	}
	return []contractCase{
		asks("sent on the first read", echoes),
		asks("not sent without a read", says("no thanks")),
		asks("not sent after WriteHeader", func(k *run, w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, "who are you?")
		}),
		asks("sent by hand", func(k *run, w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusContinue)
			echoes(k, w, r)
		}),
		asks("sent after 103", func(k *run, w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusContinue)
			echoes(k, w, r)
		}),
		{name: "the body closed unread", send: ask("POST /", expect, "Content-Length: 4") + "body" + last, do: func(k *run, w http.ResponseWriter, r *http.Request) {
			k.note("%v", r.Body.Close())
			_, err := r.Body.Read(make([]byte, 1))
			k.note("%v", errors.Is(err, http.ErrBodyReadAfterClose))
			_, _ = io.WriteString(w, "closed")
		}},
		asks("the body read in part", func(_ *run, w http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadFull(r.Body, make([]byte, 2))
			_, _ = io.WriteString(w, "half")
		}),
		{
			name: "a panic before the read", blocks: true, want: closedMark,
			do: func(*run, http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			script: func(k *run) {
				k.send(ask("POST /", expect, "Content-Length: 4"))
				k.halfClose()
				k.end()
			},
		},
		asks("the body is http.NoBody no more", func(k *run, w http.ResponseWriter, r *http.Request) {
			k.note("%v %d %q", r.Body == http.NoBody, r.ContentLength, r.Header["Expect"])
			echoes(k, w, r)
		}),
		{name: "the body comes with the head", do: echoes, send: ask("POST /", expect, "Content-Length: 4") + "body" + last},
		{name: "in capitals", do: echoes, send: ask("POST /", "Expect: 100-Continue", "Content-Length: 4") + "body" + last},
		{name: "with chunks", do: echoes, send: ask("POST /", expect, "Transfer-Encoding: chunked") + "4\r\nbody\r\n0\r\n\r\n" + last},
		{name: "the body comes all the same", do: says("no"), send: ask("POST /", expect, "Content-Length: 4") + "body" + last},
		{name: "without a body", do: echoes, send: ask("GET /", expect) + last},
		{name: "with length 0", do: echoes, send: ask("POST /", expect, "Content-Length: 0") + last},
		{name: "in HTTP/1.0", do: echoes, send: head("POST / HTTP/1.0", expect, "Content-Length: 4") + "body"},
		{name: "an empty expectation", do: echoes, send: ask("POST /", "Expect:", "Content-Length: 4") + "body" + last},
	}
}
