package http1_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/http1"
)

// sniffed is the Content-Type that gale finds for a body.
func sniffed(body string) string {
	head, _ := http1.AppendResponse(nil, &http1.Response{Minor: 1, Method: "GET", Status: 200, Body: []byte(body)})
	_, rest, _ := strings.Cut(string(head), "Content-Type: ")
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}

func TestContentTypesAreThoseOfNetHTTP(t *testing.T) {
	t.Parallel()
	tails := []string{
		"", "x", "ello, world!", "\x00", "\x01rest", " \t\r\n text", "\x7f", "\xff\xfe", "\x1b[0m",
		"123ftypmp42abcdefgh", strings.Repeat("a", 33) + "LPmore", strings.Repeat("y", 511) + "\x00", strings.Repeat("z\n", 600),
		strings.Repeat("z\x00", 9), strings.Repeat("\x7f\x1b", 9),
	}
	for c := range 256 {
		for _, tail := range tails {
			body := string([]byte{byte(c)}) + tail
			if got, want := sniffed(body), http.DetectContentType([]byte(body)); got != want {
				t.Errorf("%q: %q, want %q", body, got, want)
			}
		}
	}
}

func FuzzSniff(f *testing.F) {
	for _, s := range []string{
		"hello", "<html>", "%PDF-", "BM", "GIF89a", "RIFF1234WAVE", "OggS\x00", "MThd\x00\x00\x00\x06", "ID3", "wOFF", "OTTO",
		"PK\x03\x04", "Rar!\x1a\x07\x00", "FORM1234AIFF", "\x00\x00\x00\x0cftypmp4 ", "   <?xml", "ttcf", "{}", "a\x00",
		strings.Repeat("\x00", 34) + "LP", "aaaaftypmp42",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if body == "" {
			return
		}
		if got, want := sniffed(body), http.DetectContentType([]byte(body)); got != want {
			t.Fatalf("%q: %q, want %q", body, got, want)
		}
	})
}
