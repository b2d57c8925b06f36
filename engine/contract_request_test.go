package engine_test

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
)

// describe answers with everything that a handler can see of its request.
func describe(k *run, w http.ResponseWriter, r *http.Request) {
	var b strings.Builder
	put := func(name string, value any) { fmt.Fprintf(&b, "%s: %+v\n", name, value) }
	put("Method", r.Method)
	put("URL", fmt.Sprintf("%#v", *r.URL))
	put("String", r.URL.String())
	put("RequestURI", r.RequestURI)
	put("Proto", fmt.Sprint(r.Proto, " ", r.ProtoMajor, ".", r.ProtoMinor))
	put("Host", r.Host)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		put("Header "+name, fmt.Sprintf("%q", r.Header[name]))
	}
	put("ContentLength", r.ContentLength)
	put("TransferEncoding", fmt.Sprintf("%q %v", r.TransferEncoding, r.TransferEncoding == nil))
	put("Trailer", fmt.Sprintf("%q %v", r.Trailer, r.Trailer == nil))
	put("Close", r.Close)
	put("Body", fmt.Sprint(r.Body == nil, r.Body == http.NoBody, r.GetBody == nil))
	put("Forms", fmt.Sprint(r.Form, r.PostForm, r.MultipartForm, r.Response))
	put("Pattern", fmt.Sprintf("%q", r.Pattern))
	put("TLS", r.TLS != nil)
	if r.TLS != nil {
		put("ALPN", fmt.Sprint(r.TLS.NegotiatedProtocol, r.TLS.HandshakeComplete, r.TLS.ServerName, r.TLS.Version))
	}
	put("Conn", r.RemoteAddr == k.conn.LocalAddr().String())
	body, err := io.ReadAll(r.Body)
	put("Read", fmt.Sprintf("%q %v", body, err))
	put("Trailer after", fmt.Sprintf("%q", r.Trailer))
	w.Header().Set("Content-Type", "text/plain")
	_, _ = io.WriteString(w, b.String())
}

// described is a request whose description must be that of net/http.
func described(name, send string) contractCase {
	return contractCase{name: name, do: describe, send: send + last}
}

func requestCases() []contractCase {
	return append([]contractCase{
		described("plain GET", ask("GET /")),
		described("query", ask("GET /a/b?x=1&y=%20z&x=2")),
		described("empty query", ask("GET /a?")),
		described("no path but a query", ask("GET /?/../x")),
		described("escaped path", ask("GET /a%2Fb/%c3%a9?q=%zz")),
		described("dot segments stay", ask("GET /a/../b/./c//d")),
		described("semicolon in the query", ask("GET /?a=1;b=2")),
		described("fragment-like target", ask("GET /a%23b")),
		described("method of its own", ask("BREW /pot")),
		described("lower-case method", ask("get /")),
		described("punctuation in a method", ask("M-SEARCH /")),
		described("PATCH with an empty body", ask("PATCH /", "Content-Length: 0")),
		described("POST without a length", ask("POST /")),
		described("POST with a length", ask("POST /", "Content-Length: 5")+"hello"),
		described("GET with a body", ask("GET /", "Content-Length: 3")+"abc"),
		described("HEAD", ask("HEAD /")),
		described("DELETE with a body", ask("DELETE /x", "Content-Length: 2")+"hi"),
		described("chunked", ask("POST /", "Transfer-Encoding: chunked")+"5\r\nhello\r\n0\r\n\r\n"),
		described("Chunked in capitals", ask("POST /", "Transfer-Encoding: CHUNKED")+"5\r\nhello\r\n0\r\n\r\n"),
		described("announced trailers", ask("POST /", "Transfer-Encoding: chunked", "Trailer: A, b-c")+"1\r\nx\r\n0\r\nA: 1\r\nB-C: 2\r\n\r\n"),
		described("trailers not announced", ask("POST /", "Transfer-Encoding: chunked")+"1\r\nx\r\n0\r\nA: 1\r\nA: 2\r\n\r\n"),
		described("announced trailer that does not come", ask("POST /", "Transfer-Encoding: chunked", "Trailer: A")+"0\r\n\r\n"),
		described("trailer announced without a chunked body", ask("GET /", "Trailer: A")),
		described("repeated fields", ask("GET /", "X-A: 1", "x-a: 2", "X-B: b", "X-a: 3")),
		described("canonical names", ask("GET /", "x-forwarded-FOR: 1", "ETAG: 2", "www-authenticate: 3", "x_under: 4", "1a: 5")),
		described("every sign a name may have", ask("GET /", "!#$%&'*+-.^_`|~09az: v")),
		described("space around values", ask("GET /", "X-A:1", "X-B: \t 2 \t", "X-C:", "X-D:  ")),
		described("bytes above ASCII in a value", ask("GET /", "X-A: \xc3\xa9\xff")),
		described("a tab in a value", ask("GET /", "X-A: a\tb")),
		described("cookies", ask("GET /", "Cookie: a=1; b=\"2\"", "Cookie: c=3")),
		described("User-Agent and Referer", ask("GET /", "User-Agent: x/1", "Referer: http://a/b")),
		described("Host with a port", head("GET / HTTP/1.1", "Host: gale.test:8080")),
		described("Host in capitals", head("GET / HTTP/1.1", "HOST: GALE.test")),
		described("IPv6 Host", head("GET / HTTP/1.1", "Host: [::1]:80")),
		described("empty Host", head("GET / HTTP/1.1", "Host:")),
		described("Connection: close", ask("GET /", "Connection: close")),
		described("Connection: keep-alive", ask("GET /", "Connection: keep-alive")),
		described("Connection with other tokens", ask("GET /", "Connection: foo, Close")),
		described("HTTP/1.0", head("GET /x HTTP/1.0")),
		described("HTTP/1.0 with a Host", head("GET /x HTTP/1.0", "Host: old.test")),
		described("HTTP/1.0 keep-alive", head("GET /x HTTP/1.0", "Connection: keep-alive")),
		described("HTTP/1.0 with a body", head("POST /x HTTP/1.0", "Content-Length: 2")+"ok"),
		described("Proxy-Connection is a field like others", ask("GET /", "Proxy-Connection: keep-alive")),
		described("Upgrade asked for", ask("GET /", "Connection: Upgrade", "Upgrade: echo")),
		described("Pragma and Cache-Control", ask("GET /", "Pragma: no-cache")),
		described("many fields", ask("GET /", manyFields(100)...)),
		described("a long value", ask("GET /", "X-Long: "+strings.Repeat("v", 30<<10))),
		described("a long target", ask("GET /"+strings.Repeat("p", 8<<10))),
		described("leading zeros in a length", ask("POST /", "Content-Length: 0003")+"abc"),
	}, requestContextCases()...)
}

func manyFields(n int) []string {
	fields := make([]string, n)
	for i := range fields {
		fields[i] = fmt.Sprintf("X-Field-%d: value %d", i, i)
	}
	return fields
}

func requestContextCases() []contractCase {
	return []contractCase{
		{
			name: "context values",
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				srv, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
				fmt.Fprintf(w, "server %v %v, ", ok, srv != nil)
				addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
				fmt.Fprintf(w, "address %v %v", ok, ok && addr.String() == k.server.addr && addr.Network() == "tcp")
			},
			send: ask("GET /") + last,
			want: text("server true true, address true true") + lastReply,
		},
		{
			name: "RemoteAddr is IP:port",
			do: func(_ *run, w http.ResponseWriter, r *http.Request) {
				host, port, err := net.SplitHostPort(r.RemoteAddr)
				fmt.Fprint(w, host, port != "", err)
			},
			send: ask("GET /") + last,
			want: text("127.0.0.1true <nil>") + lastReply,
		},
		{
			name: "the request may be kept and changed",
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/first" {
					k.atEnd(func() { k.note("%s %s %q", r.Method, r.URL, r.Header["X-A"]) })
					r.Header.Set("X-A", "changed")
					r.URL.Path = "/changed"
					return
				}
				fmt.Fprintf(w, "%s %q", r.URL, r.Header["X-A"])
			},
			send:  ask("GET /first", "X-A: 1") + ask("GET /second", "X-A: 2", "X-B: 3") + last,
			notes: []string{`GET /changed ["changed"]`},
		},
		{
			name: "WithContext and Clone",
			do: func(_ *run, w http.ResponseWriter, r *http.Request) {
				c := r.Clone(r.Context())
				body, err := io.ReadAll(c.WithContext(c.Context()).Body)
				fmt.Fprintf(w, "%s %s %q %v", c.URL, c.Host, body, err)
			},
			send: ask("POST /x", "Content-Length: 2") + "ok" + last,
			want: text(`/x gale.test "ok" <nil>`) + lastReply,
		},
		{
			name: "form values",
			do: func(_ *run, w http.ResponseWriter, r *http.Request) {
				err := r.ParseForm()
				fmt.Fprint(w, r.Form.Encode(), " ", r.PostForm.Encode(), " ", err)
			},
			send: ask("POST /?a=1&b=2", "Content-Type: application/x-www-form-urlencoded", "Content-Length: 7") + "a=3&c=4" + last,
			want: text("a=3&a=1&b=2&c=4 a=3&c=4 <nil>") + lastReply,
		},
		{
			name: "basic auth and cookies",
			do: func(_ *run, w http.ResponseWriter, r *http.Request) {
				user, password, ok := r.BasicAuth()
				c, err := r.Cookie("id")
				fmt.Fprint(w, user, password, ok, " ", c, err, " ", r.UserAgent(), r.Referer())
			},
			send: ask("GET /", "Authorization: Basic dTpw", "Cookie: id=7", "User-Agent: ua", "Referer: ref") + last,
		},
	}
}

// targetCases are the forms of a request target (RFC 9112 3.2).
func targetCases() []contractCase {
	return []contractCase{
		described("absolute form", ask("GET http://other.test:81/p?q=1")),
		described("absolute form without a path", ask("GET http://other.test")),
		described("absolute form, another scheme", ask("GET https://other.test/")),
		described("absolute form without a Host field in HTTP/1.0", head("GET http://other.test/p HTTP/1.0")),
		described("authority form", head("CONNECT example.com:443 HTTP/1.1", "Host: example.com:443")),
		described("CONNECT to an IPv6 address", head("CONNECT [2001:db8::1]:443 HTTP/1.1", "Host: [2001:db8::1]:443")),
		described("CONNECT with a path", ask("CONNECT /rpc")),
		described("two slashes at the start", ask("GET //host/path")),
		described("colon in the first segment", ask("GET /a:b")),
		described("at sign", ask("GET /user@host")),
		described("plus and percent", ask("GET /a+b%2B?c+d%2B")),
		described("brackets and bars", ask("GET /a[1]|{b}?x=[1]|{2}")),
		described("asterisk in a path", ask("GET /*")),
		{
			name: "OPTIONS *", do: describe, send: ask("OPTIONS *") + last,
			want: reply("200 OK", []string{"Content-Length: 0", "Date: now"}, "") + lastReply,
		},
		{name: "OPTIONS * with a small body", do: describe, send: ask("OPTIONS *", "Content-Length: 3") + "abc" + last},
		described("OPTIONS of a path", ask("OPTIONS /a")),
		described("a fragment stays in the path", ask("GET /a#b")),
	}
}
