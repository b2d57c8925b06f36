package http1_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/http1"
)

func TestLimitsHoldToTheByteHoweverTheHeadIsSplit(t *testing.T) {
	t.Parallel()
	l := http1.Limits{RequestLine: 20, Header: 30, Fields: 3}
	for _, c := range []struct{ name, head, want string }{
		{"line of 20", "GET /23456 HTTP/1.1\r\nHost: a\r\n\r\n", ""},
		{"line at the limit", "GET /234567 HTTP/1.1\r\nHost: a\r\n\r\n", ""},
		{"line beyond", "GET /2345678 HTTP/1.1\r\nHost: a\r\n\r\n", "request_line_too_long"},
		{"line without end", "GET /2345678901234567", "request_line_too_long"},
		{"header at the limit", "GET / HTTP/1.1\r\nHost: a\r\nX: 4567890123456789\r\n\r\n", ""},
		{"header beyond", "GET / HTTP/1.1\r\nHost: a\r\nX: 45678901234567890\r\n\r\n", "header_too_large"},
		{"header without end", "GET / HTTP/1.1\r\nHost: a\r\nX: 4567890123456789012345", "header_too_large"},
		{"fields at the limit", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nX: 2\r\n\r\n", ""},
		{"fields beyond", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nX: 2\r\nY", "too_many_fields"},
	} {
		for _, cuts := range [][]int{nil, everyByte(len(c.head))} {
			f := feeder{dst: make([]byte, 1), limits: l}
			start := 0
			for _, cut := range append(cuts, len(c.head)) {
				f.feed([]byte(c.head[start:cut]))
				start = cut
			}
			got := ""
			if f.out.Err != nil {
				got = f.out.Err.Kind
			}
			if got != c.want || c.want == "" && !f.out.Done {
				t.Errorf("%s, %d cuts: %q, want %q", c.name, len(cuts), got, c.want)
			}
		}
	}
}

func TestParseAppliesTheLimitsItself(t *testing.T) {
	t.Parallel()
	l := http1.Limits{RequestLine: 20, Header: 30, Fields: 3}
	for head, want := range map[string]int{
		"GET /2345678 HTTP/1.1\r\nHost: a\r\n\r\n":                  414,
		"GET / HTTP/1.1\r\nHost: a\r\nX: 45678901234567890\r\n\r\n": 431,
		"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nX: 2\r\nY: 3\r\n\r\n": 431,
		"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n":                     400,
		"GET / HTTP/1.1\r\nHost: a\r\n\r\nX: 1\r\n\r\n":             400,
		"GET / HTTP/1.1\r\nHost: a":                                 400,
		"GET / HTTP/1.1":                                            400,
		"\n":                                                        400,
		"":                                                          400,
		"\r\n":                                                      400,
		"\r\n\r\n":                                                  400,
		"GET / HTTP/1.1\r\nHost: a\r\nX: \r1\r\n\r\n":                       400,
		"GET / HTTP/1.1\nHost: a\n\n":                                       400,
		"GET / HTTP/1.1\r\nHost: a\r\nX: 1\nY: 2\r\n\r\n":                   400,
		"GET / HTTP/1.1\r\n":                                                400,
		"G\rT / HTTP/1.1\r\nHost: a\r\n\r\n":                                400,
		"GET /" + strings.Repeat("a", 9) + "\r HTTP/1.1\r\nHost: a\r\n\r\n": 414,
	} {
		err := http1.Parse(head, new(http1.Request), nil, l)
		if err == nil || err.Status != want {
			t.Errorf("%q: %v, want %d", head, err, want)
		}
	}
}

func TestFaultsAreFoundBeforeTheHeadHasCome(t *testing.T) {
	t.Parallel()
	for head, want := range map[string]string{
		"GET / HTTP/1.1\n":               "bare_lf",
		"GET / HT\x00":                   "control_byte",
		"GET / HTTP/1.1\r\nHost: a\rb":   "bare_cr",
		"GET / HTTP/1.1\r\nHost: a\r\r":  "bare_cr",
		"\rG":                            "bare_cr",
		"GET / HTTP/1.1\r\nX: \x00":      "control_byte",
		"GET / HTTP/1.1\r\nX: a\rb\nc\n": "bare_cr",
	} {
		var whole, split http1.Scanner
		_, err := whole.Next([]byte(head), http1.Limits{})
		if err == nil || err.Kind != want {
			t.Errorf("%q at once: %v, want %s", head, err, want)
		}
		for i := range len(head) + 1 {
			if _, err = split.Next([]byte(head[:i]), http1.Limits{}); err != nil {
				break
			}
		}
		if err == nil || err.Kind != want {
			t.Errorf("%q by bytes: %v, want %s", head, err, want)
		}
	}
}

func TestScannerStartsAnewAfterAHead(t *testing.T) {
	t.Parallel()
	var s http1.Scanner
	one := "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	for range 3 {
		n, err := s.Next([]byte(one+one), http1.Limits{})
		assert.Equal(t, err, nil)
		assert.Equal(t, n, len(one))
	}
	assert.Equal(t, s, http1.Scanner{})
	// A buffer that shrank is another message's.
	_, _ = s.Next([]byte(one[:20]), http1.Limits{})
	n, err := s.Next([]byte("GET / HTTP/1.1\r\n"), http1.Limits{})
	assert.Equal(t, err, nil)
	assert.Equal(t, n, 0)
	n, _ = s.Next([]byte(one), http1.Limits{})
	assert.Equal(t, n, len(one))
}

func TestScannerIsSmall(t *testing.T) {
	t.Parallel()
	if size := reflect.TypeFor[http1.Scanner]().Size(); size > 16 {
		t.Errorf("a Scanner has %d bytes; there is one for each idle connection", size)
	}
}

func TestErrorsAreFoundInWrappedOnes(t *testing.T) {
	t.Parallel()
	wrapped := fmt.Errorf("reading: %w", &http1.Error{Status: 400, Kind: "bad_host", Reason: "why"})
	var e *http1.Error
	if !errors.As(wrapped, &e) || e.Error() != "http1: 400 bad_host: why" {
		t.Errorf("got %v", e)
	}
}
