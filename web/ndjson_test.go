package web_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/web"
)

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

type timeout struct{}

func (timeout) Error() string        { return "timeout" }
func (timeout) Is(target error) bool { return target == os.ErrDeadlineExceeded }

// numbers yields n numbers and then err.
func numbers(n int, err error) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range n {
			if !yield(i, nil) {
				return
			}
		}
		if err != nil {
			yield(0, err)
		}
	}
}

func TestNDJSON(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("GET", "/", nil)
	rec := httptest.NewRecorder()
	assert.NoError(t, web.NDJSON(rec, r, numbers(3, nil)))
	assert.Equal(t, rec.Body.String(), "0\n1\n2\n")
	assert.Equal(t, rec.Header().Get("Content-Type"), "application/x-ndjson")
	rec = httptest.NewRecorder()
	w := web.Wrap(rec)
	assert.NoError(t, web.NDJSON(w, r, numbers(0, nil)))
	assert.Equal(t, w.Status(), http.StatusOK)
	assert.Equal(t, rec.Body.Len(), 0)
}

func TestNDJSONErrorBeforeTheFirstByteIsAnAnswer(t *testing.T) {
	t.Parallel()
	rec := httptest.NewRecorder()
	web.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		return web.NDJSON(w, r, numbers(2, &web.Error{Status: 409}))
	}).ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
	assert.Equal(t, rec.Code, 409)
	assert.Equal(t, rec.Header().Get("Content-Type"), "application/problem+json")
}

func TestNDJSONErrorInTheStreamCutsIt(t *testing.T) {
	t.Parallel()
	var log logbook
	srv := httptest.NewServer(observed(&log, web.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		return web.NDJSON(w, r, numbers(50_000, errors.New("disk broke")))
	})))
	defer srv.Close()
	res, err := srv.Client().Get(srv.URL)
	assert.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.True(t, strings.HasPrefix(string(body), "0\n1\n2\n"), "the stream did not begin")
	assert.Contains(t, log.String(), "disk broke")
}

// flushed is a ResponseWriter that counts what has left for good.
type flushed struct {
	*httptest.ResponseRecorder
	mu   sync.Mutex
	left string
}

func (f *flushed) Flush() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left = f.Body.String()
}

func (f *flushed) gone() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.left
}

func TestNDJSONFlushesALiveFeedWithinItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &flushed{ResponseRecorder: httptest.NewRecorder()}
		wait, next := make(chan struct{}), make(chan struct{})
		done := make(chan error)
		go func() {
			done <- web.NDJSON(w, httptest.NewRequest("GET", "/", nil), func(yield func(int, error) bool) {
				_ = yield(1, nil) && yield(2, nil)
				close(wait)
				<-next
				yield(3, nil)
			})
		}()
		<-wait
		assert.Equal(t, w.gone(), "")
		time.Sleep(100 * time.Millisecond) // The fake clock of synctest.
		synctest.Wait()
		assert.Equal(t, w.gone(), "1\n2\n")
		close(next)
		assert.NoError(t, <-done)
		assert.Equal(t, w.Body.String(), "1\n2\n3\n")
		time.Sleep(time.Second)
		assert.Equal(t, w.gone(), "1\n2\n") // Nothing touches w after the return.
	})
}

func TestNDJSONStopsWithItsClient(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("gone")
	asked := 0
	err := web.NDJSON(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil).WithContext(ctx), func(yield func(int, error) bool) {
		for yield(1, nil) {
			if asked++; asked == 3 {
				cancel(cause)
			}
		}
	})
	assert.ErrorIs(t, err, cause)
	assert.Equal(t, asked, 3)

	broken := errors.New("broken pipe")
	err = web.NDJSON(&brokenWriter{httptest.NewRecorder(), broken}, httptest.NewRequest("GET", "/", nil), numbers(1<<30, nil))
	assert.ErrorIs(t, err, broken)
}

func lines(body io.Reader) *http.Request {
	r := httptest.NewRequest("POST", "/", body)
	r.Header.Set("Content-Type", "application/x-ndjson")
	return r
}

// collect reads a stream of items and tells where it ended.
func collect(r *http.Request, o web.ReadOptions) (names []string, failed *web.LineError) {
	for v, err := range web.ReadNDJSON[item](r, o) {
		if err != nil {
			failed, _ = errors.AsType[*web.LineError](err)
			break
		}
		names = append(names, v.Name)
	}
	return names, failed
}

func TestReadNDJSON(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 40_000) // Longer than the read buffer.
	for name, tc := range map[string]struct {
		body   io.Reader
		max    int
		names  []string
		line   int
		status int
		words  string
	}{
		"good":       {strings.NewReader("{\"name\":\"aa\"}\r\n\n \t\n{\"name\":\"bb\"}"), 0, []string{"aa", "bb"}, 0, 0, ""},
		"empty":      {strings.NewReader(""), 0, nil, 0, 0, ""},
		"long":       {strings.NewReader(`{"name":"` + long + "\"}\n{\"name\":\"bb\"}\n"), 0, []string{long, "bb"}, 0, 0, ""},
		"too long":   {strings.NewReader("{\"name\":\"aa\"}\n{\"name\":\"" + long + `"}`), 39_000, []string{"aa"}, 2, 413, "39000 bytes"},
		"endless":    {io.MultiReader(strings.NewReader("\n\n"), endless{}), 0, nil, 3, 413, "65536 bytes"},
		"unknown":    {strings.NewReader("\n{\"name\":\"aa\"}\n{\"nam\":1}\n"), 0, []string{"aa"}, 3, 400, "Line 3 is refused."},
		"rule":       {strings.NewReader(`{"name":"a"}`), 0, nil, 1, 422, "Line 1 is refused."},
		"two in one": {strings.NewReader(`{"name":"aa"}{"name":"bb"}`), 0, nil, 1, 400, "Line 1"},
		"broken off": {io.MultiReader(strings.NewReader("{\"name\":\"aa\"}\n{\"name\":\"bb\"}"), errReader{io.ErrUnexpectedEOF}), 0, []string{"aa"}, 2, 400, "ended too early"},
		"over limit": {io.MultiReader(strings.NewReader("{\"name\":\"aa\"}\n"), errReader{&http.MaxBytesError{Limit: 5}}), 0, []string{"aa"}, 2, 413, "5 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			names, failed := collect(lines(tc.body), web.ReadOptions{MaxLine: tc.max})
			same(t, names, tc.names)
			if tc.line == 0 {
				assert.True(t, failed == nil, fmt.Sprint(failed))
				return
			}
			assert.Equal(t, failed.Line, tc.line)
			rec := httptest.NewRecorder()
			web.Fail(rec, httptest.NewRequest("POST", "/", nil), failed)
			assert.Equal(t, rec.Code, tc.status)
			assert.Contains(t, rec.Body.String(), tc.words)
		})
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestReadNDJSONNeedsItsType(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("POST", "/", strings.NewReader("{}"))
	_, failed := collect(r, web.ReadOptions{})
	assert.Contains(t, failed.Error(), "line 1: 415")
}

func TestReadLines(t *testing.T) {
	t.Parallel()
	var got []string
	for line, err := range web.ReadLines(httptest.NewRequest("POST", "/", strings.NewReader("a\n\nb\r\nc")), web.ReadOptions{}) {
		assert.NoError(t, err)
		got = append(got, string(line))
	}
	same(t, got, []string{"a", "b", "c"})
	for range web.ReadLines(httptest.NewRequest("POST", "/", strings.NewReader("a\nb")), web.ReadOptions{}) {
		break
	}
	for range web.ReadLines(&http.Request{}, web.ReadOptions{}) {
		t.Error("a line without a body")
	}
	assert.Contains(t, assert.Panics(t, func() { web.ReadLines(&http.Request{}, web.ReadOptions{MaxLine: -1})(nil) }).(string), "MaxLine")
}

func TestStreamsGoBothWays(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(web.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			return err
		}
		return web.NDJSON(w, r, web.ReadNDJSON[item](r, web.ReadOptions{}))
	}))
	defer srv.Close()
	in, out := io.Pipe()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL, in)
	assert.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-ndjson")
	go func() { _, _ = io.WriteString(out, "{\"name\":\"aa\"}\n") }()
	res, err := srv.Client().Do(r) // Comes while our body is still open.
	assert.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	answer := bufio.NewReader(res.Body)
	line, err := answer.ReadString('\n')
	assert.NoError(t, err)
	assert.Equal(t, line, "{\"name\":\"aa\",\"n\":0}\n")
	_, err = io.WriteString(out, "{\"name\":\"bb\"}\n")
	assert.NoError(t, err)
	assert.NoError(t, out.Close())
	rest, err := io.ReadAll(answer)
	assert.NoError(t, err)
	assert.Equal(t, string(rest), "{\"name\":\"bb\",\"n\":0}\n")
}

type metric struct {
	Device string  `json:"device"`
	Value  float64 `json:"value"`
	Seq    int64   `json:"seq"`
}

func BenchmarkReadNDJSON(b *testing.B) {
	line := `{"device":"roof-7","value":12.75,"seq":1234567}` + "\n"
	body := strings.Repeat(line, 1000)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, err := range web.ReadNDJSON[metric](lines(strings.NewReader(body)), web.ReadOptions{}) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 1000 {
			b.Fatal(n)
		}
	}
}

func BenchmarkReadLines(b *testing.B) {
	body := strings.Repeat(`{"device":"roof-7","value":12.75,"seq":1234567}`+"\n", 1000)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range web.ReadLines(lines(strings.NewReader(body)), web.ReadOptions{}) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkNDJSON(b *testing.B) {
	b.ReportAllocs()
	w := httptest.NewRecorder()
	w.Body = nil
	for b.Loop() {
		if err := web.NDJSON(w, httptest.NewRequest("GET", "/", nil), numbers(1000, nil)); err != nil {
			b.Fatal(err)
		}
	}
}
