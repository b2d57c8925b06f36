package engine_test

import (
	"net/http"
	"strings"
)

// refusedCases are requests that must not be served: each could be read in two
// ways, or by no rule at all. What follows on the connection must not be
// served either.
func refusedCases() []contractCase {
	var cases []contractCase
	refuse := func(status int, name, send string) {
		cases = append(cases, contractCase{
			name: name, send: send + last, refused: []int{status},
			do: func(k *run, _ http.ResponseWriter, r *http.Request) { k.note("served %s %q", r.Method, r.RequestURI) },
		})
	}
	bad := func(name, send string) { refuse(http.StatusBadRequest, name, send) }
	field := func(name, line string) { bad(name, ask("GET /", line)) }

	// Lengths (RFC 9112 6.3).
	bad("both lengths", ask("POST /", "Content-Length: 5", "Transfer-Encoding: chunked")+"0\r\n\r\n")
	bad("both lengths, the other way round", ask("POST /", "Transfer-Encoding: chunked", "Content-Length: 5")+"0\r\n\r\n")
	bad("two lengths that differ", ask("POST /", "Content-Length: 5", "Content-Length: 6")+"hello")
	bad("two lengths that agree", ask("POST /", "Content-Length: 5", "Content-Length: 5")+"hello")
	bad("a list of lengths", ask("POST /", "Content-Length: 5, 5")+"hello")
	bad("a signed length", ask("POST /", "Content-Length: +5")+"hello")
	bad("a negative length", ask("POST /", "Content-Length: -5")+"hello")
	bad("a length with a space in it", ask("POST /", "Content-Length: 5 0")+"hello")
	bad("a hexadecimal length", ask("POST /", "Content-Length: 0x5")+"hello")
	bad("a length with a fraction", ask("POST /", "Content-Length: 5.0")+"hello")
	bad("an empty length", ask("POST /", "Content-Length:")+"hello")
	bad("a length that overflows", ask("POST /", "Content-Length: 99999999999999999999")+"hello")
	bad("a length in other digits", ask("POST /", "Content-Length: \xd9\xa5")+"hello")
	bad("chunked twice", ask("POST /", "Transfer-Encoding: chunked, chunked")+"0\r\n\r\n")
	bad("two Transfer-Encoding fields", ask("POST /", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked")+"0\r\n\r\n")
	refuse(http.StatusNotImplemented, "chunked that is not last", ask("POST /", "Transfer-Encoding: chunked, identity")+"0\r\n\r\n")
	refuse(http.StatusNotImplemented, "identity", ask("POST /", "Transfer-Encoding: identity")+"hello")
	refuse(http.StatusNotImplemented, "gzip", ask("POST /", "Transfer-Encoding: gzip")+"hello")
	refuse(http.StatusNotImplemented, "gzip, chunked", ask("POST /", "Transfer-Encoding: gzip, chunked")+"0\r\n\r\n")
	refuse(http.StatusNotImplemented, "xchunked", ask("POST /", "Transfer-Encoding: xchunked")+"0\r\n\r\n")
	bad("chunked behind a vertical tab", ask("POST /", "Transfer-Encoding: \x0bchunked")+"0\r\n\r\n")
	bad("chunked in HTTP/1.0", head("POST / HTTP/1.0", "Transfer-Encoding: chunked")+"0\r\n\r\n")

	// Expectations (RFC 9110 10.1.1).
	refuse(http.StatusExpectationFailed, "more than 100-continue expected", ask("POST /", "Expect: 100-continue, x", "Content-Length: 4")+"body")
	refuse(http.StatusExpectationFailed, "magic expected", ask("POST /", "Expect: magic", "Content-Length: 4")+"body")

	// Fields (RFC 9112 5).
	field("a space before the colon", "X-A : 1")
	field("a tab before the colon", "X-A\t: 1")
	field("a space in a name", "X A: 1")
	field("no colon", "X-A")
	field("no name", ": 1")
	field("a name in brackets", "(X): 1")
	field("a name above ASCII", "X-\xc3\xa9: 1")
	field("a NUL in a value", "X-A: a\x00b")
	field("a NUL in a name", "X\x00A: 1")
	field("a control byte in a value", "X-A: a\x07b")
	field("DEL in a value", "X-A: a\x7fb")
	field("a bare CR in a value", "X-A: a\rb")
	field("a bare LF after a value", "X-A: a\nX-B: b")
	field("a folded line", "X-A: a\r\n b")
	field("a line folded by a tab", "X-A: a\r\n\tb")
	bad("a first field that begins with a space", "GET / HTTP/1.1\r\n Host: gale.test\r\n\r\n")
	bad("lines that end in LF", "GET / HTTP/1.1\nHost: gale.test\n\n")
	bad("a request line that ends in LF", "GET / HTTP/1.1\nHost: gale.test\r\n\r\n")
	bad("an empty line that ends in LF", "GET / HTTP/1.1\r\nHost: gale.test\r\n\n")
	refuse(http.StatusRequestHeaderFieldsTooLarge, "too many fields", ask("GET /", manyFields(300)...))
	refuse(http.StatusRequestHeaderFieldsTooLarge, "too long a field", ask("GET /", "X-A: "+strings.Repeat("a", 70<<10)))
	refuse(http.StatusRequestHeaderFieldsTooLarge, "too long a header in all", ask("GET /", strings.Split(strings.Repeat("X-A: "+strings.Repeat("a", 1000)+"\n", 70), "\n")[:70]...))

	// Host (RFC 9112 3.2).
	bad("no Host", head("GET / HTTP/1.1"))
	bad("two Hosts", head("GET / HTTP/1.1", "Host: a", "Host: b"))
	bad("two Hosts that agree", head("GET / HTTP/1.1", "Host: a", "Host: a"))
	bad("a Host with a space", head("GET / HTTP/1.1", "Host: a b"))
	bad("a Host with a path", head("GET / HTTP/1.1", "Host: a/b"))
	bad("a Host with a user", head("GET / HTTP/1.1", "Host: u@a"))
	bad("a Host with a NUL", head("GET / HTTP/1.1", "Host: a\x00"))
	bad("a Host that is a list", head("GET / HTTP/1.1", "Host: a, b"))

	// The request line (RFC 9112 3).
	bad("two spaces after the method", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n")
	bad("two spaces before the version", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n")
	bad("a tab in the request line", "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n")
	bad("a space at the end of the request line", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n")
	bad("a space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n")
	bad("no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n")
	bad("no version", "GET /\r\nHost: a\r\n\r\n")
	bad("a target without a slash", "GET a HTTP/1.1\r\nHost: a\r\n\r\n")
	bad("a bad escape in the path", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n")
	bad("a control byte in the target", "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n")
	bad("a NUL in the target", "GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n")
	bad("a method that is no token", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n")
	bad("a method above ASCII", "G\xc3\x89T / HTTP/1.1\r\nHost: a\r\n\r\n")
	bad("no method", " / HTTP/1.1\r\nHost: a\r\n\r\n")
	bad("* for another method", "GET * HTTP/1.1\r\nHost: a\r\n\r\n")
	bad("CONNECT without a port", "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n")
	bad("version in lower case", "GET / http/1.1\r\nHost: a\r\n\r\n")
	bad("a version of two digits", "GET / HTTP/1.10\r\nHost: a\r\n\r\n")
	bad("a version without a minor", "GET / HTTP/1\r\nHost: a\r\n\r\n")
	refuse(http.StatusHTTPVersionNotSupported, "HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n")
	refuse(http.StatusHTTPVersionNotSupported, "HTTP/0.9", "GET / HTTP/0.9\r\nHost: a\r\n\r\n")
	refuse(http.StatusHTTPVersionNotSupported, "the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	refuse(http.StatusRequestURITooLong, "too long a target", ask("GET /"+strings.Repeat("a", 20<<10)))
	refuse(http.StatusRequestURITooLong, "a request line without an end", "GET /"+strings.Repeat("a", 40<<10))
	bad("a TLS hello on a plain port", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"+strings.Repeat("\xaa", 100)+"\r\n\r\n")

	return append(cases, toleratedCases()...)
}

// toleratedCases look odd but are served.
func toleratedCases() []contractCase {
	return []contractCase{
		{name: "empty lines before the first request", do: echoes, send: "\r\n\r\n" + ask("GET /1") + last, engine: true, want: text("/1 \"\" <nil>\n") + lastReply},
		{
			name: "an empty line between requests", do: echoes, send: ask("POST /1", "Content-Length: 0") + "\r\n" + ask("GET /2") + last,
			want: text("/1 \"\" <nil>\n") + text("/2 \"\" <nil>\n") + lastReply,
		},
		{name: "a field of one letter and no value", do: describe, send: ask("GET /", "a:") + last},
		{name: "an unknown method and version 1.0", do: describe, send: head("FOO / HTTP/1.0") + last},
	}
}
