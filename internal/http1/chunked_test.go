package http1_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/http1"
	"github.com/google/go-cmp/cmp"
)

// decode runs a body through Chunked at once, and by bytes.
func decode(t *testing.T, body string) (data string, rest int, c *http1.Chunked, err *http1.Error) {
	t.Helper()
	head := "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	whole, split := feed([]byte(head+body), 1<<16), feed([]byte(head+body), 1, everyByte(len(head+body))...)
	if d := cmp.Diff(whole.Err, split.Err); d != "" {
		t.Fatalf("the errors differ (-whole +split):\n%s", d)
	}
	c = new(http1.Chunked)
	dst := make([]byte, len(body)+1)
	nd, ns, _, err := c.Decode(dst, []byte(body))
	return string(dst[:nd]), len(body) - ns, c, err
}

func TestChunkedBodies(t *testing.T) {
	t.Parallel()
	fields := func(n int) string { return strings.Repeat("A: b\r\n", n) }
	for _, c := range []struct{ name, body, data, kind string }{
		{"several", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "abcde", ""},
		{"upper and lower case", "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789", ""},
		{"fifteen digits", "000000000000003\r\nabc\r\n0\r\n\r\n", "abc", ""},
		{"sixteen digits", "0000000000000003\r\nabc\r\n0\r\n\r\n", "", "chunk_size_too_large"},
		{"line of 1 KiB", "1;" + strings.Repeat("x", 1022) + "\r\na\r\n0\r\n\r\n", "a", ""},
		{"line beyond 1 KiB", "1;" + strings.Repeat("x", 1023) + "\r\na\r\n0\r\n\r\n", "", "chunk_extension_too_long"},
		{"single bytes", strings.Repeat("1\r\na\r\n", 20000) + "0\r\n\r\n", strings.Repeat("a", 20000), ""},
		{"overhead", strings.Repeat("1;"+strings.Repeat("x", 1000)+"\r\na\r\n", 17), "aaaaaaaaaaaaaaaa", "chunk_overhead"},
		{"64 trailer fields", "0\r\n" + fields(64) + "\r\n", "", ""},
		{"65 trailer fields", "0\r\n" + fields(65) + "\r\n", "", "too_many_trailers"},
		{"trailer of 4 KiB", "0\r\nA: " + strings.Repeat("x", 4096-7) + "\r\n\r\n", "", ""},
		{"trailer beyond", "0\r\nA: " + strings.Repeat("x", 4097-7) + "\r\n\r\n", "", "trailer_too_large"},
		{"trailer without end", "0\r\n" + strings.Repeat("x", 5000), "", "trailer_too_large"},
	} {
		data, _, _, err := decode(t, c.body)
		kind := ""
		if err != nil {
			kind = err.Kind
		}
		if data != c.data || kind != c.kind {
			t.Errorf("%s: %d bytes, %q; want %d, %q", c.name, len(data), kind, len(c.data), c.kind)
		}
	}
}

func TestTrailersAreKept(t *testing.T) {
	t.Parallel()
	_, rest, c, err := decode(t, "0\r\na: 1\r\nX-b:\r\nA:  2 \r\n\r\nnext")
	assert.Equal(t, err, nil)
	assert.Equal(t, rest, len("next"))
	if d := cmp.Diff(http.Header{"A": {"1", "2"}, "X-B": {""}}, c.Trailer()); d != "" {
		t.Error(d)
	}
	for _, name := range []string{
		"Connection", "Content-Length", "Expect", "Host", "Keep-Alive", "TE", "Trailer", "transfer-encoding", "Upgrade",
	} {
		_, _, _, err := decode(t, fmt.Sprintf("0\r\n%s: x\r\n\r\n", name))
		if err == nil || err.Kind != "bad_trailer" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDecodeTakesNothingAfterTheEndOrAnError(t *testing.T) {
	t.Parallel()
	var c http1.Chunked
	_, n, done, err := c.Decode(nil, []byte("0\r\n\r\nGET"))
	assert.Equal(t, err, nil)
	assert.True(t, done && n == 5, "the body has ended")
	_, n, done, err = c.Decode(make([]byte, 9), []byte("0\r\n\r\n"))
	assert.Equal(t, err, nil)
	assert.True(t, done && n == 0, "and stays so")

	c = http1.Chunked{}
	_, _, _, first := c.Decode(nil, []byte("x"))
	nd, ns, done, again := c.Decode(make([]byte, 9), []byte("3\r\nabc\r\n"))
	assert.True(t, first != nil && first == again, "an error is final")
	assert.True(t, nd == 0 && ns == 0 && !done, "and nothing is decoded after it")
}

func TestDecodeWithoutRoomTakesWhatIsNotData(t *testing.T) {
	t.Parallel()
	var c http1.Chunked
	src := []byte("3;x\r\nabc\r\n0\r\n\r\n")
	nd, ns, done, err := c.Decode(nil, src)
	assert.Equal(t, err, nil)
	assert.True(t, nd == 0 && ns == 5 && !done, "the size line")
	dst := make([]byte, 3)
	nd, ns2, done, err := c.Decode(dst, src[ns:])
	assert.Equal(t, err, nil)
	assert.True(t, nd == 3 && ns+ns2 == len(src) && done, "the data and what follows")
	assert.Equal(t, string(dst), "abc")
}
