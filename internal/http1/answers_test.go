package http1_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// TestAnswersAreThoseOfNetHTTP goes through all that decides on a head, one with
// another, and compares with the bytes of a net/http server.
func TestAnswersAreThoseOfNetHTTP(t *testing.T) {
	t.Parallel()
	headers := []string{
		"", "Content-Length: 5", "Connection: close\x00Content-Type: x/y", "Connection: keep-alive\x00Content-Length: 5",
		"Transfer-Encoding: identity", "Transfer-Encoding: gzip\x00Content-Length: 5", "Trailer: A, B\x00B: 1",
		"Upgrade: x\x00Connection: a, upgrade", "Content-Encoding: gzip\x00Trailer:C: 1", "Content-Length\x00Content-Type",
		"Upgrade: x\x00Connection", "Upgrade: x\x00Connection: close",
		many(20),
	}
	for i, lines := range headers {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			a := answer{header: parseHeader(lines), trailer: http.Header{"A": {"2"}, "Trailer:D": {"3"}}}
			a.header["Date"] = nil
			for _, a.method = range []string{"GET", "HEAD"} {
				for _, a.status = range []int{200, 204, 304, 101, 599} {
					a.eachConnection(t)
				}
			}
		})
	}
}

func (a *answer) eachConnection(t *testing.T) {
	t.Helper()
	for _, a.connection = range []string{"", "close", "keep-alive"} {
		for _, a.body = range []string{"", "hello"} {
			for i := range 12 {
				a.minor, a.keepAlives, a.flush = i&1, i&2 == 0, i/4
				a.check(t)
			}
		}
	}
}

// many is more fields than are sorted on the stack, some of them not to be sent.
func many(n int) string {
	lines := []string{"Connection: x, close", "Transfer-Encoding: chunked", "bad name: x"}
	for i := range n {
		lines = append(lines, "X-"+strconv.Itoa(i)+": "+strconv.Itoa(i))
	}
	return strings.Join(lines, "\x00")
}
