package http1_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/http1"
)

// readBack parses gale's answer as a client does: it must mean what the handler
// meant.
func (a *answer) readBack(t *testing.T, head, all []byte, framing http1.Framing) {
	t.Helper()
	if !readable(a.header) || !readable(a.trailer) || a.status == 101 {
		return
	}
	br := bufio.NewReader(bytes.NewReader(all))
	res, err := http.ReadResponse(br, &http.Request{Method: a.method})
	if err != nil {
		t.Fatalf("%q cannot be read back: %v", all, err)
	}
	if res.StatusCode != a.status || res.ProtoMinor != a.minor {
		t.Fatalf("%q reads as %s %d", all, res.Proto, res.StatusCode)
	}
	if chunked := len(res.TransferEncoding) > 0; chunked != framing.Chunked && framing.Body {
		t.Fatalf("%q reads as chunked %v", head, chunked)
	}
	if framing.Body && framing.Length >= 0 && res.ContentLength != framing.Length {
		t.Fatalf("%q reads as of %d bytes, not %d", head, res.ContentLength, framing.Length)
	}
	body, err := io.ReadAll(res.Body)
	if framing.Body && framing.Length < 0 && (err != nil || !strings.HasPrefix(string(body), a.body)) {
		t.Fatalf("%q reads as body %q (%v)", all, body, err)
	}
	for key, values := range a.header {
		switch key = http.CanonicalHeaderKey(key); key {
		case "Connection", "Content-Length", "Content-Type", "Transfer-Encoding", "Trailer", "Date":
			continue
		}
		for _, v := range values {
			v = textproto.TrimString(strings.NewReplacer("\r", " ", "\n", " ").Replace(v))
			if !slices.Contains(res.Header[key], v) {
				t.Fatalf("%q lacks %q: %q", head, key, v)
			}
		}
	}
}

// readable reports whether a client takes all of the header; net/http's server,
// and so gale's, sends more.
func readable(h http.Header) bool {
	for key, values := range h {
		if strings.EqualFold(key, "Transfer-Encoding") || !token(key) {
			return false
		}
		for _, v := range values {
			if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && r != '\t' && r != '\r' && r != '\n' || r == 0x7f }) {
				return false
			}
		}
	}
	return true
}

func token(s string) bool {
	return s != "" && strings.Trim(s, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
