package exchange_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/exchange"
	"github.com/galeweb/gale/internal/memnet"
)

// What a handler keeps fails after its return, and never touches the wire.
func TestNothingWorksAfterReturn(t *testing.T) {
	t.Parallel()
	w := &wire{in: []byte(post("hello"))}
	var rw http.ResponseWriter
	var req *http.Request
	x := begin(t, config(func(w http.ResponseWriter, r *http.Request) {
		rw, req = w, r
		hello(w, r)
	}, &logs{}), w)
	assert.True(t, !x.Serve().Close, "kept")
	before := w.written()
	rw.Header().Set("X-Late", "1")
	rw.WriteHeader(500)
	_, err := rw.Write([]byte("late"))
	assert.ErrorIs(t, err, exchange.ErrFinished)
	_, err = io.WriteString(rw, "late")
	assert.ErrorIs(t, err, exchange.ErrFinished)
	_, err = rw.(io.ReaderFrom).ReadFrom(strings.NewReader("late"))
	assert.ErrorIs(t, err, exchange.ErrFinished)
	_, err = req.Body.Read(make([]byte, 1))
	assert.ErrorIs(t, err, http.ErrBodyReadAfterClose)
	assert.NoError(t, req.Body.Close())
	rc := http.NewResponseController(rw)
	assert.ErrorIs(t, rc.Flush(), exchange.ErrFinished)
	assert.ErrorIs(t, rc.SetReadDeadline(time.Now()), exchange.ErrFinished)
	assert.ErrorIs(t, rc.SetWriteDeadline(time.Now()), exchange.ErrFinished)
	_, _, err = rc.Hijack()
	assert.ErrorIs(t, err, exchange.ErrFinished)
	assert.Equal(t, w.written(), before)
	assert.True(t, w.deadline.IsZero(), "no deadline set")
}

// A goroutine that writes and reads while the handler returns gets through or
// fails, and races with nothing.
func TestAGoroutineOutlivesItsHandler(t *testing.T) {
	t.Parallel()
	for range 50 {
		w := &wire{in: []byte(post(strings.Repeat("z", 10_000)))}
		var all sync.WaitGroup
		x := begin(t, config(func(w http.ResponseWriter, r *http.Request) {
			started := make(chan struct{})
			all.Go(func() {
				close(started)
				for {
					if _, err := w.Write([]byte("stray")); err != nil {
						return
					}
				}
			})
			all.Go(func() { _, _ = io.Copy(io.Discard, r.Body) })
			<-started
		}, &logs{}), w)
		x.Serve()
		end := w.written()
		w.in = append(w.in, "the next request"...)
		all.Wait()
		assert.Equal(t, w.written(), end)
		assert.True(t, strings.HasSuffix(string(w.in), "the next request"), "nothing taken")
	}
}

func TestPanicsAreLoggedAndAbort(t *testing.T) {
	t.Parallel()
	lines := &logs{}
	x, out := serveConfig(t, context.Background(), config(func(w http.ResponseWriter, r *http.Request) {
		hello(w, r)
		panic("oh no")
	}, lines))
	assert.True(t, out.Abort && out.Close && x.Outcome() == out, "aborted")
	assert.Contains(t, lines.String(), "http: panic serving 192.0.2.1:1234: oh no")
	assert.Contains(t, lines.String(), "stray_test.go")

	lines = &logs{}
	_, out = serveConfig(t, context.Background(), config(func(http.ResponseWriter, *http.Request) {
		panic(http.ErrAbortHandler)
	}, lines))
	assert.True(t, out.Abort, "aborted")
	assert.Equal(t, lines.String(), "")
}

func TestGoexitAborts(t *testing.T) {
	t.Parallel()
	seen := make(chan exchange.Outcome, 1)
	var ctx context.Context
	go func() {
		x := exchange.New(config(func(_ http.ResponseWriter, r *http.Request) {
			ctx = r.Context()
			runtime.Goexit()
		}, &logs{}), &wire{}, context.Background(), "", nil)
		defer func() { seen <- x.Outcome() }()
		if err := x.Parse(get); err != nil {
			t.Error(err)
		}
		x.Serve()
	}()
	out := <-seen
	assert.True(t, out.Abort && out.Close, "aborted")
	assert.ErrorIs(t, ctx.Err(), context.Canceled)
}

func TestHijack(t *testing.T) {
	t.Parallel()
	client, server := memnet.Pipe("server:80", "client:1")
	w := &wire{in: []byte(post("hello") + "more"), conn: server}
	lines := &logs{}
	x := begin(t, config(func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		assert.NoError(t, err)
		assert.Equal(t, rw.Reader.Buffered(), len("hellomore"))
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.Equal(t, string(body), "hello")
		rest := make([]byte, 8)
		_, err = io.ReadFull(rw, rest)
		assert.NoError(t, err)
		assert.Equal(t, string(rest), "more1234")
		_, err = rw.WriteString("mine")
		assert.NoError(t, err)
		assert.NoError(t, rw.Flush())
		_, _, err = w.(http.Hijacker).Hijack()
		assert.ErrorIs(t, err, http.ErrHijacked)
		_, err = w.Write([]byte("x"))
		assert.ErrorIs(t, err, http.ErrHijacked)
		w.WriteHeader(200)
		assert.ErrorIs(t, http.NewResponseController(w).SetReadDeadline(time.Now()), exchange.ErrFinished)
		assert.NoError(t, conn.Close())
	}, lines), w)
	_, err := io.WriteString(client, "1234")
	assert.NoError(t, err)
	assert.Equal(t, x.Serve(), exchange.Outcome{Hijacked: true})
	got, err := io.ReadAll(client)
	assert.NoError(t, err)
	assert.Equal(t, string(got), "mine")
	assert.Equal(t, w.written(), "")
	assert.Contains(t, lines.String(), "http: response.Write on hijacked connection from ")
	assert.Contains(t, lines.String(), "http: response.WriteHeader on hijacked connection from ")
}

func TestSuperfluousStatusNamesItsCaller(t *testing.T) {
	t.Parallel()
	lines := &logs{}
	serveConfig(t, context.Background(), config(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(200)
		http.Error(w, "x", 500)
	}, lines))
	assert.Contains(t, lines.String(), "http: superfluous response.WriteHeader call from github.com/galeweb/gale/internal/exchange_test.TestSuper")
	assert.Contains(t, lines.String(), "(stray_test.go:")
}

func TestFilesAreSentByTheWire(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "f")
	assert.NoError(t, os.WriteFile(name, []byte(strings.Repeat("f", 50_000)), 0o600))
	for _, files := range []bool{true, false} {
		w := &wire{in: []byte(get), files: files}
		x := begin(t, config(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/x")
			http.ServeFile(w, r, name)
		}, &logs{}), w)
		out := x.Serve()
		assert.Equal(t, out, exchange.Outcome{Status: 200, Written: 50_000})
		_, body, _ := strings.Cut(w.written(), "\r\n\r\n")
		assert.Equal(t, len(body), 50_000)
		assert.Equal(t, w.sent, map[bool]int64{true: 50_000}[files])
	}
}

func TestBrokenWire(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken pipe")
	w := &wire{in: []byte(get), writeErr: broken}
	x := begin(t, config(func(w http.ResponseWriter, r *http.Request) {
		hello(w, r)
		assert.ErrorIs(t, http.NewResponseController(w).Flush(), broken)
		_, err := w.Write(make([]byte, 5000))
		assert.ErrorIs(t, err, broken)
		assert.ErrorIs(t, context.Cause(r.Context()), broken)
	}, &logs{}), w)
	out := x.Serve()
	assert.True(t, out.Abort && out.Close, "aborted")
}
