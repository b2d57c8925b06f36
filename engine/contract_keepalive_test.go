package engine_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// echoes answers with the path and the body.
func echoes(_ *run, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %q %v\n", r.URL.Path, body, err)
}

// keepAliveCases are about several requests on one connection.
func keepAliveCases() []contractCase {
	set := func(name, value string) func(*run, http.ResponseWriter, *http.Request) {
		return writes(0, []string{name, value}, "x")
	}
	var hundred strings.Builder
	for i := range 100 {
		if i%3 == 0 {
			hundred.WriteString(ask(fmt.Sprint("POST /", i), "Content-Length: 4") + "body")
			continue
		}
		hundred.WriteString(ask(fmt.Sprint("GET /", i)))
	}
	cases := []contractCase{
		{
			name: "three in order", do: echoes, send: ask("GET /1") + ask("GET /2") + ask("GET /3") + last,
			want: text("/1 \"\" <nil>\n") + text("/2 \"\" <nil>\n") + text("/3 \"\" <nil>\n") + lastReply,
		},
		{name: "100 pipelined", do: echoes, send: hundred.String() + last},
		{
			name: "1000 pipelined", do: says("x"), send: strings.Repeat(ask("GET /"), 1000) + last,
			want: strings.Repeat(text("x"), 1000) + lastReply,
		},
		{
			name: "one after the other", do: echoes,
			script: func(k *run) {
				for i := range 20 {
					k.send(ask(fmt.Sprint("GET /", i)))
					k.until(fmt.Sprintf("/%d \"\" <nil>\n", i))
				}
				k.send(last)
				k.end()
			},
		},
		{
			name: "byte by byte", do: echoes,
			script: func(k *run) {
				for _, b := range []byte(ask("POST /1", "Content-Length: 3") + "abc" + ask("GET /2") + last) {
					k.send(string(b))
				}
				k.end()
			},
		},
		{
			name: "cut within a head", do: echoes,
			script: func(k *run) {
				k.send("GET /a HTTP/1.1\r\nHost: gale.test\r\n\r\nGET /b HT")
				k.until("/a \"\" <nil>\n")
				k.send("TP/1.1\r\nHost: gale.test\r")
				k.send("\n\r\n")
				k.until("/b \"\" <nil>\n")
				k.send(last)
				k.end()
			},
		},
		{name: "big replies pipelined", do: says(strings.Repeat("big", 100_000)), send: strings.Repeat(ask("GET /"), 5) + last, allow: []allowance{anyChunks}},
		{name: "nothing after Connection: close of the client", do: says("x"), send: ask("GET /", "Connection: close") + ask("GET /2") + last},
		{name: "nothing after Connection: close of the handler", do: set("Connection", "close"), send: ask("GET /") + ask("GET /2") + last},
		{name: "nothing after a panic", do: func(_ *run, _ http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/2" {
				panic(http.ErrAbortHandler)
			}
		}, send: ask("GET /1") + ask("GET /2") + ask("GET /3") + last},
		{
			name: "nothing after too short a body", do: writes(0, []string{"Content-Length", "5"}, "abc"),
			send: ask("GET /") + ask("GET /2") + last,
		},
		{name: "Connection: Close in capitals", do: says("x"), send: ask("GET /", "Connection: CLOSE") + last},
		{name: "Connection: close among others", do: says("x"), send: ask("GET /", "Connection: a, close, b") + last},
		{name: "two Connection fields", do: says("x"), send: ask("GET /", "Connection: keep-alive", "Connection: close") + last},
		{name: "Connection: closed is not close", do: says("x"), send: ask("GET /", "Connection: closed") + last},
		{name: "both close and keep-alive", do: says("x"), send: ask("GET /", "Connection: keep-alive, close") + last},
		answered("handler says keep-alive", set("Connection", "keep-alive")),
		answered("handler says close with more", set("Connection", "close, x")),
		answered("handler says Close", set("Connection", "Close")),
		answered("handler says upgrade", set("Connection", "Upgrade")),
		answered("handler says Keep-Alive with figures", set("Keep-Alive", "timeout=5")),
		{
			name: "handler says keep-alive to close", do: set("Connection", "keep-alive"),
			send: ask("GET /", "Connection: close") + last,
		},
		{name: "1.0 closes", do: says("x"), send: head("GET / HTTP/1.0") + last},
		{name: "1.0 closes with a Connection of the handler", do: set("Connection", "keep-alive"), send: head("GET / HTTP/1.0") + last},
		{
			name: "1.0 keeps alive", do: says("x"),
			send: head("GET / HTTP/1.0", "Connection: keep-alive") + head("GET / HTTP/1.0", "Connection: Keep-Alive") + last,
		},
		{name: "1.0 keep-alive without a body", do: writes(204, nil), send: head("GET / HTTP/1.0", "Connection: keep-alive") + last},
		{name: "1.0 keep-alive 304", do: writes(304, nil), send: head("GET / HTTP/1.0", "Connection: keep-alive") + last},
		{
			name: "1.0 keep-alive with a length", do: writes(0, []string{"Content-Length", "1"}, "x"),
			send: head("GET / HTTP/1.0", "Connection: keep-alive") + last,
		},
		{
			name: "1.0 keep-alive and a Connection of the handler", do: writes(0, []string{"Content-Length", "1", "Connection", "keep-alive"}, "x"),
			send: head("GET / HTTP/1.0", "Connection: keep-alive") + last,
		},
		{
			name: "1.0 keep-alive and the handler closes", do: set("Connection", "close"),
			send: head("GET / HTTP/1.0", "Connection: keep-alive") + last,
		},
		{
			name: "1.0 keep-alive of a body without a known length", do: says(strings.Repeat("x", 5000)),
			send: head("GET / HTTP/1.0", "Connection: keep-alive") + last,
		},
		{name: "1.0 keep-alive HEAD", do: says("x"), send: head("HEAD / HTTP/1.0", "Connection: keep-alive") + last},
		{name: "1.0 and 1.1 mixed", do: echoes, send: head("GET /1 HTTP/1.0", "Connection: keep-alive") + ask("GET /2") + head("GET /3 HTTP/1.0")},
		{name: "HTTP/1.1 keep-alive named", do: says("x"), send: ask("GET /", "Connection: keep-alive") + last},

		{name: "bodies in a pipeline", do: echoes, send: ask("POST /1", "Content-Length: 3") + "abc" + ask("POST /2", "Transfer-Encoding: chunked") +
			"2\r\nde\r\n0\r\n\r\n" + ask("POST /3", "Content-Length: 0") + ask("GET /4") + last},
		{name: "a body that looks like a request", do: echoes, send: ask("POST /1", fmt.Sprint("Content-Length: ", len(last))) + last + last},
		{name: "empty lines after a POST", do: echoes, send: ask("POST /", "Content-Length: 1") + "x\r\n\r\n" + last},
		{
			name: "a client that half-closes gets its reply", do: echoes, blocks: true,
			script: func(k *run) {
				k.send(ask("POST /1", "Content-Length: 3") + "abc")
				k.halfClose()
				k.end()
			},
			want: text("/1 \"abc\" <nil>\n"),
		},
		{
			name: "a client that half-closes gets all its replies", do: echoes, blocks: true,
			script: func(k *run) {
				k.send(ask("GET /1") + ask("GET /2") + ask("GET /3"))
				k.halfClose()
				k.end()
			},
			want: text("/1 \"\" <nil>\n") + text("/2 \"\" <nil>\n") + text("/3 \"\" <nil>\n"),
		},
		{
			name: "a client that half-closes gets the whole of a big reply", do: says(strings.Repeat("big", 500_000)), blocks: true,
			allow: []allowance{anyChunks},
			script: func(k *run) {
				k.send(ask("GET /"))
				k.halfClose()
				k.end()
			},
		},
		{
			name: "half-close with nothing asked", do: echoes,
			script: func(k *run) {
				k.halfClose()
				k.end()
			},
			want: closedMark,
		},
		{
			name: "half-close within a head", do: echoes, allow: []allowance{anyGoodbye},
			// It is the half-close that ends the connection, not the time.
			own: func(_ *run, s *settings) { s.ReadHeaderTimeout = time.Hour },
			script: func(k *run) {
				k.send("GET / HTTP/1.1\r\nHost: gale")
				k.halfClose()
				k.end()
			},
		},
		{
			name: "half-close after a reply", do: echoes,
			script: func(k *run) {
				k.send(ask("GET /"))
				k.until("<nil>\n")
				k.halfClose()
				k.end()
			},
		},
	}
	return cases
}
