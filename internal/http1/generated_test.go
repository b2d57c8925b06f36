package http1_test

import (
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/http1"
	"pgregory.net/rapid"
)

// TestGeneratedRequests puts requests together from parts that readers are known
// to disagree about: bytes at random seldom get as far as a body.
func TestGeneratedRequests(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var b strings.Builder
		one := func(parts ...string) { b.WriteString(rapid.SampledFrom(parts).Draw(rt, "part")) }
		// mostly is the usual part, or in one of sixteen cases one of the odd ones.
		mostly := func(usual string, odd ...string) {
			if rapid.IntRange(0, 15).Draw(rt, "odd") == 15 {
				one(odd...)
				return
			}
			b.WriteString(usual)
		}
		mostly("", "\r\n", "\r\n\r\n", "\n", " ")
		mostly("POST", "GET", "HEAD", "OPTIONS", "CONNECT", "PRI", "get", "A B", "")
		mostly(" ", "  ", "\t", "")
		one("/", "/a?b", "/%2F", "http://b/c?d", "//b", "/#")
		mostly("", "*", "b:1", "%", "é", " b", "@", "\\")
		mostly(" HTTP/1.1", " HTTP/1.0", " HTTP/2.0", " HTTP/1.2", "", " HTTP/1.1 ")
		mostly("\r\n", "\n", "\r", "\r\r\n")
		mostly("Host: a\r\n", "", "Host: a\r\nHost: a\r\n", "Host: é\r\n")
		one("", "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\n", "Content-Length: 3\r\n", "Trailer: X, y\r\n")
		for range rapid.IntRange(0, 3).Draw(rt, "fields") {
			one("Connection", "Expect", "Pragma", "Cache-Control", "X", "x-a", "TRAILER")
			mostly("", " ", "\x00", "_", "é", "\t")
			mostly(": ", ":", ":\t", " : ", "")
			one("close", "keep-alive", "X, y", "Content-Length", "100-continue", "no-cache", "", "é", " 3 ")
			mostly("", "\x01", "\r", "\n", "\x7f")
			mostly("\r\n", "\n", "\r", "\r\n ", "\r\r\n", "\r\nContent-Length: 3\r\n", "\r\nTransfer-Encoding: x\r\n", "")
		}
		mostly("\r\n", "\n", "", "\r")
		for range rapid.IntRange(0, 4).Draw(rt, "chunks") {
			one("3\r\nabc", "3;x=y\r\nabc", "0a\r\n0123456789", "1\r\n\r")
			mostly("\r\n", "\n", "", "X\r\n", "\r", "\r\n3 \r\nabc\r\n", "\r\n0x3\r\n", "\r\n-1\r\n", "\r\n;\r\n")
		}
		mostly("0\r\n", "", "00;a\r\n", "0\n", "0 \r\n", "ffffffffffffffff\r\n")
		one("", "", "A: b\r\n", "A: b\r\na: c\r\n", "Content-Length: 3\r\n", "A : b\r\n")
		mostly("\r\n", "\n", "", "\r\nGET / HTTP/1.1\r\n")
		data := []byte(b.String())
		agree(t, data, feedAll(t, data))
		feedAllWithin(t, http1.Limits{RequestLine: 16, Header: 40, Fields: 2}, data)
	})
}
