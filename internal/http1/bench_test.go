package http1_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/http1"
)

const (
	plainHead   = "GET /plain HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: wrk\r\n\r\n"
	browserHead = "GET /search?q=some+words&page=2 HTTP/1.1\r\n" +
		"Host: www.example.com\r\n" +
		"Connection: keep-alive\r\n" +
		"sec-ch-ua: \"Chromium\";v=\"130\", \"Not?A_Brand\";v=\"99\"\r\n" +
		"sec-ch-ua-mobile: ?0\r\n" +
		"sec-ch-ua-platform: \"Linux\"\r\n" +
		"Upgrade-Insecure-Requests: 1\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r\n" +
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n" +
		"Sec-Fetch-Site: same-origin\r\n" +
		"Sec-Fetch-Mode: navigate\r\n" +
		"Accept-Encoding: gzip, deflate, br, zstd\r\n" +
		"Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n" +
		"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; _ga=GA1.1.1234567890.1234567890\r\n\r\n"
)

// The benchmarks of requests count what a server does for each: find the end of
// the head, make it a string, parse it. The room for values is a part of the
// server's one allocation and so is not counted; clearing it is.
func BenchmarkParse(b *testing.B) {
	for name, head := range map[string]string{"plain": plainHead, "browser": browserHead} {
		b.Run(name, func(b *testing.B) { benchmarkParse(b, head) })
		b.Run(name+"/nethttp", func(b *testing.B) { benchmarkReadRequest(b, head) })
	}
}

func benchmarkParse(b *testing.B, head string) {
	buf := []byte(head)
	var r http1.Request
	var room [12]string
	b.ReportAllocs()
	for b.Loop() {
		var s http1.Scanner
		n, err := s.Next(buf, http1.Limits{})
		if err != nil || n != len(buf) {
			b.Fatal(n, err)
		}
		clear(room[:])
		if err := http1.Parse(string(buf[:n]), &r, room[:0], http1.Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkReadRequest(b *testing.B, head string) {
	in := strings.NewReader(head)
	br := bufio.NewReader(in)
	b.ReportAllocs()
	for b.Loop() {
		in.Reset(head)
		br.Reset(in)
		if _, err := http.ReadRequest(br); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkScanner(b *testing.B) {
	buf := []byte(browserHead)
	b.ReportAllocs()
	for b.Loop() {
		var s http1.Scanner
		if n, err := s.Next(buf, http1.Limits{}); err != nil || n != len(buf) {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkAppendResponse(b *testing.B) {
	date := []byte("Date: Sun, 22 Nov 2026 20:00:00 GMT\r\n")
	for name, h := range map[string]http.Header{
		"plain":   {"Content-Type": {"text/plain; charset=utf-8"}},
		"sniffed": nil,
		"page": {
			"Content-Type": {"text/html; charset=utf-8"}, "Cache-Control": {"no-store"}, "Vary": {"Accept-Encoding"},
			"X-Content-Type-Options": {"nosniff"}, "Set-Cookie": {"a=b; Path=/", "c=d; Path=/"}, "X-Request-Id": {"0123456789"},
		},
	} {
		b.Run(name, func(b *testing.B) {
			r := http1.Response{
				Minor: 1, Method: "GET", Status: 200, Header: h, Body: []byte("Hello, world!"),
				Complete: true, KeepAlive: true, Date: date,
			}
			dst := make([]byte, 0, 1024)
			b.ReportAllocs()
			for b.Loop() {
				dst, _ = http1.AppendResponse(dst[:0], &r)
			}
		})
	}
}
