package engine_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// writes is a handler that sets fields (name, value, …), a status unless it is
// 0, and writes each of the parts.
func writes(status int, fields []string, parts ...string) func(*run, http.ResponseWriter, *http.Request) {
	return func(_ *run, w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(fields); i += 2 {
			w.Header().Add(fields[i], fields[i+1])
		}
		if status != 0 {
			w.WriteHeader(status)
		}
		for _, part := range parts {
			_, _ = io.WriteString(w, part)
		}
	}
}

// answered is a GET whose answer, and that to a request after it, must be as
// net/http's.
func answered(name string, do func(*run, http.ResponseWriter, *http.Request)) contractCase {
	return contractCase{name: name, do: do, send: ask("GET /") + last}
}

func responseCases() []contractCase {
	cases := []contractCase{
		{
			name: "nothing written", do: writes(0, nil), send: ask("GET /") + last,
			want: reply("200 OK", []string{"Date: now", "Content-Length: 0"}, "") + lastReply,
		},
		{name: "a write is a 200", do: writes(0, nil, "hello"), send: ask("GET /") + last, want: text("hello") + lastReply},
		{
			name: "a status and a body", do: writes(404, []string{"X-A", "1", "x-b", "2", "X-A", "3"}, "no"), send: ask("GET /") + last,
			want: reply("404 Not Found", []string{
				"X-A: 1", "X-A: 3", "X-B: 2", "Date: now", "Content-Length: 2", "Content-Type: text/plain; charset=utf-8",
			}, "no") + lastReply,
		},
		{
			name: "a status without a name", do: writes(799, nil), send: ask("GET /") + last,
			want: reply("799 status code 799", []string{"Date: now", "Content-Length: 0"}, "") + lastReply,
		},
		answered("empty write", writes(0, nil, "")),
		answered("status 200 and an empty write", writes(200, nil, "", "x", "")),
		answered("field order", writes(0, []string{"Zebra", "1", "alpha", "2", "Mid", "3", "Content-Type", "a/b"}, "x")),
		answered("WriteHeader(0) panics", recovered(0)),
		answered("WriteHeader(99) panics", recovered(99)),
		answered("WriteHeader(1000) panics", recovered(1000)),
		answered("WriteHeader(-1) panics", recovered(-1)),
		answered("second WriteHeader is ignored", func(_ *run, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(201)
			w.WriteHeader(404)
			_, _ = io.WriteString(w, "made")
		}),
		answered("WriteHeader after Write is ignored", func(_ *run, w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "made")
			w.WriteHeader(404)
		}),
		answered("fields set after WriteHeader are not sent", func(_ *run, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Before", "1")
			w.WriteHeader(200)
			w.Header().Set("X-After", "1")
			w.Header().Set("X-Before", "2")
			_, _ = io.WriteString(w, "x")
		}),
		answered("fields set after Write are not sent", func(_ *run, w http.ResponseWriter, _ *http.Request) {
			h := w.Header()
			h.Set("X-Before", "1")
			_, _ = io.WriteString(w, "x")
			h = w.Header()
			h.Set("X-After", "1")
			h.Del("X-Before")
		}),
		answered("fields deleted after Flush", func(_ *run, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Before", "1")
			w.(http.Flusher).Flush()
			w.Header().Del("X-Before")
			_, _ = io.WriteString(w, "x")
		}),
		answered("values appended to the slice that was set", func(_ *run, w http.ResponseWriter, _ *http.Request) {
			values := make([]string, 1, 4)
			values[0] = "one"
			w.Header()["X-List"] = values
			w.WriteHeader(200)
			values[0] = "changed"
		}),
		answered("names that are not canonical", func(_ *run, w http.ResponseWriter, _ *http.Request) {
			w.Header()["x-lower"] = []string{"1"}
			w.Header()["X-Empty"] = []string{""}
			w.Header()["X-None"] = nil
		}),
		answered("line breaks in a value", func(_ *run, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Split", "a\r\nX-Injected: 1\r\n\r\nbody")
			w.Header().Set("X-Lf", "a\nX-Injected: 2")
			w.Header().Set("X-Space", "  padded  ")
		}),
		answered("names that are not tokens", func(_ *run, w http.ResponseWriter, _ *http.Request) {
			w.Header()["X Bad"] = []string{"1"}
			w.Header()["X-Bad\r\nX-Injected"] = []string{"1"}
			w.Header()["X-Bad:"] = []string{"1"}
			w.Header()[""] = []string{"1"}
			w.Header()["X-Good"] = []string{"1"}
		}),
		answered("bytes above ASCII", writes(0, []string{"X-A", "\xc3\xa9\xff"}, "x")),
		answered("a Date of the handler's", writes(0, []string{"Date", "yesterday"}, "x")),
		answered("no Date", func(_ *run, w http.ResponseWriter, _ *http.Request) { w.Header()["Date"] = nil }),
		answered("no Content-Type", func(_ *run, w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = nil
			_, _ = io.WriteString(w, "<html>")
		}),
		answered("empty Content-Type", writes(0, []string{"Content-Type", ""}, "<html>")),
		answered("Content-Encoding stops sniffing", writes(0, []string{"Content-Encoding", "gzip"}, "<html>")),
		answered("Transfer-Encoding stops sniffing", writes(0, []string{"Transfer-Encoding", "chunked"}, "<html>")),
		answered("X-Content-Type-Options does not stop sniffing", writes(0, []string{"X-Content-Type-Options", "nosniff"}, "<html>")),
		answered("Server and X-Powered-By are the handler's", writes(0, []string{"Server", "mine"}, "x")),
		answered("http.Error", func(_ *run, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "3")
			http.Error(w, "wrong", http.StatusConflict)
		}),
		answered("http.NotFound", func(_ *run, w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }),
		answered("http.Redirect", func(_ *run, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "other?x=é", http.StatusSeeOther)
		}),
		answered("http.SetCookie", func(_ *run, w http.ResponseWriter, _ *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "a", Value: "1", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
			http.SetCookie(w, &http.Cookie{Name: "b", Value: "2 3"})
		}),
		answered("write errors", func(k *run, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNoContent)
			n, err := io.WriteString(w, "x")
			k.note("%d %v", n, errors.Is(err, http.ErrBodyNotAllowed))
			n, err = w.Write(nil)
			k.note("%d %v", n, err)
		}),
		answered("counts of writes", func(k *run, w http.ResponseWriter, _ *http.Request) {
			n, err := w.Write([]byte("abc"))
			k.note("%d %v", n, err)
			n, err = w.(io.StringWriter).WriteString("defg")
			k.note("%d %v", n, err)
		}),
		answered("what a writer is", func(k *run, w http.ResponseWriter, _ *http.Request) {
			_, flusher := w.(http.Flusher)
			_, flushError := w.(interface{ FlushError() error })
			_, hijacker := w.(http.Hijacker)
			_, readerFrom := w.(io.ReaderFrom)
			_, stringWriter := w.(io.StringWriter)
			_, pusher := w.(http.Pusher)
			//lint:ignore SA1019 libraries still ask for it
			_, notifier := w.(http.CloseNotifier)
			k.note("%v %v %v %v %v %v %v", flusher, flushError, hijacker, readerFrom, stringWriter, pusher, notifier)
		}),
		answered("a write after the handler has returned", func(k *run, w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "in time")
			k.atEnd(func() {
				k.settle()
				// What it returns is not promised; that nothing is sent is.
				_, _ = w.Write([]byte("too late"))
			})
		}),
	}
	for _, status := range []int{200, 201, 204, 205, 206, 301, 304, 400, 404, 418, 451, 500, 503, 599} {
		cases = append(cases,
			answered(fmt.Sprint("status ", status, " without a body"), writes(status, []string{"ETag", `"x"`})),
			answered(fmt.Sprint("status ", status, " with a body"), writes(status, []string{"Content-Type", "a/b", "Content-Length", "4"}, "body")),
			contractCase{
				name: fmt.Sprint("HEAD and status ", status), do: writes(status, nil, "some body"), send: ask("HEAD /") + last,
			},
		)
	}
	for name, body := range map[string]string{
		"html": "  <!DOCTYPE html><p>", "xml": "<?xml version='1.0'?>", "json": `{"a":1}`, "png": "\x89PNG\r\n\x1a\n", "zip": "PK\x03\x04",
		"binary": "\x00\x01\x02", "utf-16": "\xff\xfea\x00", "gzip": "\x1f\x8b\x08", "long text": strings.Repeat("text ", 200) + "\x00",
	} {
		cases = append(cases, answered("sniffs "+name, writes(0, nil, body)))
	}
	return cases
}

// recovered calls WriteHeader with a status that panics, and answers with the
// panic's value.
func recovered(status int) func(*run, http.ResponseWriter, *http.Request) {
	return func(_ *run, w http.ResponseWriter, _ *http.Request) {
		defer func() { fmt.Fprint(w, "recovered: ", recover()) }()
		w.WriteHeader(status)
	}
}

// interimCases are about responses before the response (RFC 9110 15.2).
func interimCases() []contractCase {
	return []contractCase{
		{
			name: "103 early hints",
			do: func(_ *run, w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Link", "</a.css>; rel=preload")
				w.WriteHeader(http.StatusEarlyHints)
				w.Header().Add("Link", "</b.css>; rel=preload")
				w.WriteHeader(http.StatusEarlyHints)
				_, _ = io.WriteString(w, "page")
			},
			send: ask("GET /") + last,
			want: "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n" +
				"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.css>; rel=preload\r\n\r\n" +
				reply("200 OK", []string{
					"Link: </a.css>; rel=preload", "Link: </b.css>; rel=preload", "Date: now", "Content-Length: 4",
					"Content-Type: text/plain; charset=utf-8",
				}, "page") + lastReply,
		},
		{
			name: "102 comes at once", blocks: true,
			do: func(k *run, w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusProcessing)
				k.await("seen")
				w.WriteHeader(http.StatusProcessing)
				w.WriteHeader(http.StatusAccepted)
			},
			script: func(k *run) {
				k.send(ask("GET /"))
				k.until("HTTP/1.1 102 Processing\r\n\r\n")
				k.tell("seen")
				k.send(last)
				k.end()
			},
		},
		answered("fields without meaning in 1xx are left out", func(_ *run, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "4")
			w.Header().Set("Transfer-Encoding", "chunked")
			w.Header().Set("Content-Type", "a/b")
			w.WriteHeader(http.StatusEarlyHints)
			w.Header().Del("Transfer-Encoding")
			_, _ = io.WriteString(w, "page")
		}),
		answered("100 by hand", func(_ *run, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusContinue)
			w.WriteHeader(http.StatusNotFound)
		}),
		answered("199", writes(199, nil, "page")),
		answered("101 is final", func(_ *run, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Upgrade", "echo")
			w.Header().Set("Connection", "Upgrade")
			w.WriteHeader(http.StatusSwitchingProtocols)
			_, err := io.WriteString(w, "x")
			if err == nil {
				panic("a 101 took a body")
			}
		}),
		answered("1xx after the header is ignored", func(_ *run, w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "page")
			w.WriteHeader(http.StatusEarlyHints)
		}),
		{
			// A server must not send it there (RFC 9110 15.2); net/http does.
			name: "103 is not for HTTP/1.0", do: writes(103, nil, "page"), send: head("GET / HTTP/1.0"), engine: true,
			want: "HTTP/1.0 200 OK\r\nDate: now\r\nContent-Length: 4\r\nContent-Type: text/plain; charset=utf-8\r\n\r\npage",
		},
		{name: "103 for HEAD", do: writes(103, nil, "page"), send: ask("HEAD /") + last},
		answered("103, then 204", func(_ *run, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusNoContent)
		}),
	}
}
