package exchange_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// operation is something a handler does. What it sees goes to notes.
type operation struct {
	name string
	do   func(w http.ResponseWriter, r *http.Request, notes io.Writer)
}

func drawOperation(t *rapid.T) operation {
	n := rapid.SampledFrom([]int{0, 1, 13, 511, 512, 2047, 2048, 2049, 5000, 9000}).Draw(t, "n")
	key := rapid.SampledFrom([]string{
		"X-A", "X-B", "Content-Type", "Content-Length", "Connection", "Trailer", "Date",
		http.TrailerPrefix + "X-P", "Content-Encoding", "Transfer-Encoding",
	}).Draw(t, "key")
	value := rapid.SampledFrom([]string{"", "1", "5", "2049", "close", "keep-alive", "X-A", "identity", "text/x"}).Draw(t, "value")
	code := rapid.SampledFrom([]int{200, 201, 204, 304, 404, 500, 102, 103}).Draw(t, "code")
	switch rapid.IntRange(0, 7).Draw(t, "kind") {
	case 0:
		return operation{fmt.Sprint("status ", code), func(w http.ResponseWriter, r *http.Request, _ io.Writer) {
			if code >= 200 || r.ProtoMinor > 0 { // net/http sends 1xx responses to HTTP/1.0 clients too
				w.WriteHeader(code)
			}
		}}
	case 1:
		return operation{fmt.Sprint("write ", n), func(w http.ResponseWriter, _ *http.Request, notes io.Writer) {
			m, err := w.Write(bytes.Repeat([]byte("w"), n))
			fmt.Fprint(notes, m, err, ";")
		}}
	case 2:
		return operation{fmt.Sprint("string ", n), func(w http.ResponseWriter, _ *http.Request, notes io.Writer) {
			m, err := io.WriteString(w, strings.Repeat("s", n))
			fmt.Fprint(notes, m, err, ";")
		}}
	case 3:
		return operation{"flush", func(w http.ResponseWriter, _ *http.Request, _ io.Writer) { w.(http.Flusher).Flush() }}
	case 4:
		if key == "Content-Length" { // a malformed one net/http sends, unless it is chunked; http1 never
			length := strconv.Itoa(n)
			return operation{"length " + length, func(w http.ResponseWriter, _ *http.Request, _ io.Writer) {
				w.Header().Set(key, length)
			}}
		}
		return operation{"add " + key + "=" + value, func(w http.ResponseWriter, _ *http.Request, _ io.Writer) { w.Header().Add(key, value) }}
	case 5:
		return operation{"del " + key, func(w http.ResponseWriter, _ *http.Request, _ io.Writer) { w.Header().Del(key) }}
	case 6:
		return operation{fmt.Sprint("read ", n), func(_ http.ResponseWriter, r *http.Request, notes io.Writer) {
			m, err := io.ReadFull(r.Body, make([]byte, n))
			fmt.Fprint(notes, m, err, ";")
		}}
	default:
		return operation{"close body", func(_ http.ResponseWriter, r *http.Request, notes io.Writer) {
			fmt.Fprint(notes, r.Body.Close(), ";")
		}}
	}
}

func drawRequest(t *rapid.T) string {
	method := rapid.SampledFrom([]string{"GET", "HEAD", "POST"}).Draw(t, "method")
	minor := rapid.SampledFrom([]string{"1", "1", "0"}).Draw(t, "minor")
	in := method + " / HTTP/1." + minor + "\r\nHost: a\r\n"
	if c := rapid.SampledFrom([]string{"", "", "close", "keep-alive"}).Draw(t, "connection"); c != "" {
		in += "Connection: " + c + "\r\n"
	}
	body := strings.Repeat("b", rapid.SampledFrom([]int{0, 3, 5000, 300_000}).Draw(t, "body"))
	if rapid.Bool().Draw(t, "expect") {
		in += "Expect: 100-continue\r\n"
	}
	switch {
	case method != "POST":
		return in + "\r\n"
	case minor == "1" && rapid.Bool().Draw(t, "chunked"):
		_, framed, _ := strings.Cut(chunked(body), "\r\n\r\n")
		if body == "" {
			framed = "0\r\n\r\n"
		}
		return in + "Transfer-Encoding: chunked\r\n\r\n" + framed
	default:
		return in + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
	}
}

// Whatever a handler does and in whatever order, it sees what it sees on
// net/http's server, and so does the client.
func TestAnyOperations(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		in := drawRequest(rt)
		ops := rapid.SliceOfN(rapid.Custom(drawOperation), 0, 6).Draw(rt, "operations")
		var names []string
		for _, op := range ops {
			names = append(names, op.name)
		}
		run := func(by func(h http.HandlerFunc) reply) (reply, string) {
			var notes bytes.Buffer
			got := by(func(w http.ResponseWriter, r *http.Request) {
				for _, op := range ops {
					op.do(w, r, &notes)
				}
			})
			return got, notes.String()
		}
		want, wantNotes := run(func(h http.HandlerFunc) reply { return byPeer(t, h, in) })
		got, gotNotes := run(func(h http.HandlerFunc) reply { return byExchange(t, h, in, 0) })
		if d := cmp.Diff(want, got) + cmp.Diff(wantNotes, gotNotes); d != "" {
			rt.Fatalf("%q %q (-net/http +exchange):\n%s", head([]byte(in)), names, d)
		}
	})
}
