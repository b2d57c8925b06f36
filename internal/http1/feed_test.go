package http1_test

import (
	"bufio"
	"bytes"
	"io"
	"maps"
	"net/http"
	"reflect"
	"testing"

	"github.com/galeweb/gale/internal/http1"
	"github.com/google/go-cmp/cmp"
)

// outcome is all that gale makes of a stream that starts with a request.
type outcome struct {
	Err     *http1.Error
	Head    bool // the head was parsed
	Done    bool // the body has ended
	Request http1.Request
	Body    []byte
	Trailer http.Header
	Taken   int // bytes that belong to the message, with empty lines before it
}

// feeder gives data to gale piece by piece, as a server does.
type feeder struct {
	out     outcome
	limits  http1.Limits
	scanner http1.Scanner
	chunked http1.Chunked
	buf     []byte // of the head
	dst     []byte
}

func (f *feeder) over() bool { return f.out.Err != nil || f.out.Done }

func (f *feeder) feed(piece []byte) {
	if f.over() {
		return
	}
	if f.out.Head {
		f.body(piece)
		return
	}
	f.buf = append(f.buf, piece...)
	n := http1.Skip(f.buf)
	f.buf = f.buf[n:]
	f.out.Taken += n
	n, err := f.scanner.Next(f.buf, f.limits)
	if err != nil || n == 0 {
		f.out.Err = err
		return
	}
	values := make([]string, 0, 3)
	if f.out.Err = http1.Parse(string(f.buf[:n]), &f.out.Request, values, f.limits); f.out.Err != nil {
		return
	}
	f.out.Head = true
	f.out.Taken += n
	f.out.Done = f.out.Request.ContentLength == 0
	if !f.over() {
		f.body(f.buf[n:])
	}
}

func (f *feeder) body(p []byte) {
	if !f.out.Request.Chunked {
		left := f.out.Request.ContentLength - int64(len(f.out.Body))
		p = p[:min(int64(len(p)), left)]
		f.out.Body = append(f.out.Body, p...)
		f.out.Taken += len(p)
		f.out.Done = int64(len(p)) == left
		return
	}
	for {
		nd, ns, done, err := f.chunked.Decode(f.dst, p)
		f.out.Body = append(f.out.Body, f.dst[:nd]...)
		f.out.Taken += ns
		f.out.Done, f.out.Err = done, err
		if p = p[ns:]; f.over() || nd == 0 && ns == 0 {
			f.out.Trailer = f.chunked.Trailer()
			return
		}
	}
}

// feed runs data through gale, cut at the given places.
func feed(data []byte, dst int, cuts ...int) outcome {
	return feedWithin(http1.Limits{}, data, dst, cuts...)
}

func feedWithin(l http1.Limits, data []byte, dst int, cuts ...int) outcome {
	f := feeder{dst: make([]byte, dst), limits: l}
	start := 0
	for _, cut := range append(cuts, len(data)) {
		f.feed(bytes.Clone(data[start:cut]))
		start = cut
	}
	return f.out
}

// everyByte is the cuts for a stream that comes a byte at a time.
func everyByte(n int) []int {
	cuts := make([]int, n)
	for i := range cuts {
		cuts[i] = i
	}
	return cuts
}

// feedAll runs data through gale at once, by single bytes and cut in two
// everywhere, and demands the same outcome.
func feedAll(t testing.TB, data []byte) outcome {
	t.Helper()
	return feedAllWithin(t, http1.Limits{}, data)
}

func feedAllWithin(t testing.TB, l http1.Limits, data []byte) outcome {
	t.Helper()
	whole := feedWithin(l, data, 4096)
	same := func(got outcome, how string, at int) {
		t.Helper()
		if whole.Err != nil { // what came before an error is of no use
			got.Taken, got.Body, got.Request = whole.Taken, whole.Body, whole.Request
			got.Trailer = whole.Trailer
		}
		if !reflect.DeepEqual(whole, got) { // a hundred times quicker than the difference
			t.Fatalf("%q differs %s %d (-whole +split):\n%s", data, how, at, cmp.Diff(whole, got))
		}
	}
	same(feedWithin(l, data, 1, everyByte(len(data))...), "by bytes", 0)
	step := 1 + len(data)/512
	for cut := 0; cut <= len(data); cut += step {
		same(feedWithin(l, data, 7, cut), "cut at", cut)
	}
	return whole
}

// agree demands that net/http makes the same of what gale accepted.
func agree(t testing.TB, data []byte, got outcome) {
	t.Helper()
	if !got.Head {
		return
	}
	br := bufio.NewReaderSize(bytes.NewReader(data[skipped(data):]), 1<<17)
	want, err := http.ReadRequest(br)
	if err != nil {
		t.Fatalf("%q: gale accepts, net/http: %v", data, err)
	}
	body, err := io.ReadAll(want.Body)
	var coding []string
	if got.Request.Chunked {
		coding = []string{"chunked"}
	}
	type meaning struct {
		Method, Target, Proto, Host string
		Minor                       int
		URL                         any
		Header                      http.Header
		Length                      int64
		Coding                      []string
		Close                       bool
	}
	g, w := got.Request, want
	if d := cmp.Diff(
		meaning{w.Method, w.RequestURI, w.Proto, w.Host, w.ProtoMinor, *w.URL, w.Header, w.ContentLength, w.TransferEncoding, w.Close},
		meaning{g.Method, g.Target, g.Proto, g.Host, g.Minor, g.URL, g.Header, g.ContentLength, coding, g.Close},
	); d != "" {
		t.Fatalf("%q means something else (-net/http +gale):\n%s", data, d)
	}
	if got.Err != nil {
		return // stricter about the body
	}
	if !got.Done {
		if err == nil {
			t.Fatalf("%q: gale waits for more, net/http does not", data)
		}
		return
	}
	if err != nil {
		t.Fatalf("%q: gale accepts the body, net/http: %v", data, err)
	}
	if d := cmp.Diff(string(body), string(got.Body)); d != "" {
		t.Fatalf("%q: body differs (-net/http +gale):\n%s", data, d)
	}
	if d := cmp.Diff(want.Trailer, merged(g.Trailer, got.Trailer)); d != "" {
		t.Fatalf("%q: trailer differs (-net/http +gale):\n%s", data, d)
	}
	rest, err := io.ReadAll(br)
	if err != nil || !bytes.Equal(rest, data[got.Taken:]) {
		t.Fatalf("%q: gale leaves %q, net/http %q (%v)", data, data[got.Taken:], rest, err)
	}
}

// skipped is how many bytes of empty lines gale skips; net/http skips none.
func skipped(data []byte) int {
	n := 0
	for {
		m := http1.Skip(data[n:])
		if m == 0 {
			return n
		}
		n += m
	}
}

func merged(announced, came http.Header) http.Header {
	if announced == nil {
		return came
	}
	m := maps.Clone(announced)
	maps.Copy(m, came)
	return m
}
