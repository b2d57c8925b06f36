package web_test

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/web"
)

// between is a wrapper such as a compressor: it has nothing but Unwrap.
type between struct{ http.ResponseWriter }

func (b between) Unwrap() http.ResponseWriter { return b.ResponseWriter }

func TestWriterIsFoundThroughWrappers(t *testing.T) {
	t.Parallel()
	rec := httptest.NewRecorder()
	assert.True(t, web.WriterFrom(rec) == nil, "a Writer was found where there is none")
	ww := web.Wrap(rec)
	assert.True(t, web.WriterFrom(between{between{ww}}) == ww, "the Writer was not found below two wrappers")
	assert.True(t, web.Wrap(between{ww}) == ww, "a second Writer was made")
	assert.True(t, ww.Unwrap() == http.ResponseWriter(rec), "Unwrap is not the writer below")
}

func TestWriterCounts(t *testing.T) {
	t.Parallel()
	rec := httptest.NewRecorder()
	w := web.Wrap(httptest.NewRecorder())
	w.WriteHeader(http.StatusEarlyHints)
	assert.True(t, !w.Written(), "an informational status counts as sent")
	w = web.Wrap(rec)
	_, _ = io.WriteString(w, "ab")
	_, _ = w.Write([]byte("cd"))
	_, err := w.ReadFrom(strings.NewReader("ef"))
	assert.NoError(t, err)
	w.Flush()
	assert.Equal(t, w.Status(), http.StatusOK)
	assert.Equal(t, w.Bytes(), int64(6))
	assert.Equal(t, rec.Body.String(), "abcdef")
	assert.True(t, rec.Flushed, "the flush did not arrive")
}

func TestOnHeaderRunsOnceInReverse(t *testing.T) {
	t.Parallel()
	rec := httptest.NewRecorder()
	w := web.Wrap(rec)
	var order []string
	w.OnHeader(func() {
		order = append(order, "first")
		w.Header().Set("X-Late", "yes")
		w.OnHeader(func() { order = append(order, "from a hook") })
	})
	w.OnHeader(func() {
		order = append(order, "second")
		w.OnHeader(func() { order = append(order, "from a hook that others follow") })
	})
	w.WriteHeader(http.StatusAccepted)
	w.OnHeader(func() { order = append(order, "too late") })
	_, _ = w.Write([]byte("x"))
	assert.Equal(t, order, []string{"second", "first"})
	assert.Equal(t, rec.Result().Header.Get("X-Late"), "yes")
}

func TestWriterFlushWhereNothingCan(t *testing.T) {
	t.Parallel()
	w := web.Wrap(struct{ http.ResponseWriter }{httptest.NewRecorder()})
	assert.ErrorIs(t, w.FlushError(), http.ErrNotSupported)
	_, _, err := w.Hijack()
	assert.ErrorIs(t, err, http.ErrNotSupported)
}

func TestWriterHijack(t *testing.T) {
	t.Parallel()
	hijacked := make(chan *web.Writer, 1)
	srv := httptest.NewServer(web.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		c, rw, err := http.NewResponseController(between{w}).Hijack()
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\r\n")
		hijacked <- web.WriterFrom(w)
		return errors.Join(rw.Flush(), errors.New("after the hijack")) // Must not panic, nor write.
	}))
	defer srv.Close()
	c, err := srv.Client().Transport.(*http.Transport).DialContext(t.Context(), "tcp", srv.Listener.Addr().String())
	assert.NoError(t, err)
	defer func() { _ = c.Close() }()
	_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	assert.NoError(t, err)
	all, err := io.ReadAll(bufio.NewReader(c))
	assert.NoError(t, err)
	assert.Equal(t, string(all), "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\r\n")
	assert.Equal(t, (<-hijacked).Status(), http.StatusSwitchingProtocols)
}
