package http1_test

import (
	"bytes"
	"testing"

	"github.com/galeweb/gale/internal/http1"
	"github.com/google/go-cmp/cmp"
)

// FuzzRequest gives the same bytes to gale, split at every place, and to
// [http.ReadRequest]: what gale accepts must mean the same to both.
func FuzzRequest(f *testing.F) {
	for _, s := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /a?b HTTP/1.1\r\nHost: a:80\r\nContent-Length: 3\r\n\r\nabcX",
		"POST /%2f/%C3%A4!'()* HTTP/1.1\r\nHost: [::1]:80\r\nTransfer-Encoding: chunked\r\nTrailer: A, b\r\n\r\n1;x\r\na\r\n0\r\nA: 1\r\n\r\nX",
		"GET /a HTTP/1.0\r\nConnection: keep-alive, x\r\nPragma: no-cache\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nhost: a\r\nx-foo: 1\r\nX-Foo: 2\r\n\r\n",
		"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
		"CONNECT /rpc HTTP/1.0\r\n\r\n",
		"GET HTTP://b:81?x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
		"GET /?? HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n",
		"GET //b/#c? HTTP/1.1\r\nHost: a\r\nX:\t y\xff \r\n\r\n",
		"\r\n\r\nGET /a\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	for _, v := range vectors(f) {
		f.Add(v.data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<10 || skipped(data) > 8 { // beyond, empty lines are forgiven by call
			return
		}
		agree(t, data, feedAll(t, data))
		agree(t, data, feedAllWithin(t, http1.Limits{RequestLine: 24, Header: 48, Fields: 3}, data))
	})
}

// FuzzChunked decodes with all kinds of buffers, and compares with the body that
// net/http reads.
func FuzzChunked(f *testing.F) {
	for _, s := range []string{
		"0\r\n\r\n", "3\r\nabc\r\n0\r\n\r\nX", "a;b=c\r\n0123456789\r\n00\r\nA: b\r\n\r\n",
		"1\r\na\r\n1\r\nb\r\n0\r\nA: b\r\nA: c\r\nD:\r\n\r\n", "fffffffffffffff\r\nx", "3\r\nabc\n", "1 \r\na\r\n0\r\n\r\n",
	} {
		f.Add([]byte(s), uint16(3), uint16(1))
	}
	head := []byte("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
	f.Fuzz(func(t *testing.T, data []byte, size, cut uint16) {
		data = append(bytes.Clone(head), data...)
		at := len(head) + int(cut)%(len(data)-len(head)+1)
		whole, split := feed(data, 64<<10), feed(data, 1+int(size), at)
		if d := cmp.Diff(whole.Err, split.Err); d != "" {
			t.Fatalf("error differs (-whole +split):\n%s", d)
		}
		if d := cmp.Diff(whole, split); whole.Err == nil && d != "" {
			t.Fatalf("(-whole +split):\n%s", d)
		}
		agree(t, data, whole)
	})
}

func TestSkipForgivesFourEmptyLines(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int{
		"": 0, "\r": 0, "\r\n": 2, "\r\nG": 2, "\n": 0, "G\r\n": 0, "\r\n\r": 2, "\r\n\n": 2,
		"\r\n\r\n\r\n\r\n\r\n\r\n": 8,
	} {
		if got := http1.Skip([]byte(in)); got != want {
			t.Errorf("Skip(%q) = %d, want %d", in, got, want)
		}
	}
}
