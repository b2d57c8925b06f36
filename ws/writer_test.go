package ws_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/wsframe"
	"github.com/galeweb/gale/ws"
)

// TestNextWriter: a message larger than every limit goes out and comes in by
// pieces, pings and all.
func TestNextWriter(t *testing.T) {
	t.Parallel()
	s := serveTCP(t, &ws.Handler{Open: sums, StreamLimit: -1})
	c := s.client(t, ws.DialOptions{})
	for _, n := range []int{0, 1, 16 << 10, 16<<10 + 1, 5 << 20} {
		for _, binary := range []bool{true, false} {
			w, err := c.NextWriter(t.Context(), binary)
			assert.NoError(t, err)
			_, err = io.Copy(w, strings.NewReader(letters(n)))
			assert.NoError(t, err)
			assert.NoError(t, w.Close())
			assert.NoError(t, w.Close())
			_, err = w.Write([]byte("late"))
			assert.True(t, err != nil, "it takes more after Close")
			assert.Equal(t, string(next(t, c).Data), sumOf(binary, letters(n)))
		}
	}
}

// TestNextWriterOrder: what is sent meanwhile comes behind, another writer too,
// and pings between.
func TestNextWriterOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		conns := make(chan *ws.Conn, 1)
		s := servePipes(t, &ws.Handler{Open: func(c *ws.Conn, _ *http.Request) error {
			conns <- c
			for range c.Messages() {
			}
			return nil
		}})
		r := s.raw(t)
		c := <-conns
		assert.NoError(t, c.SendText("before"))
		go func() {
			for i := range 2 {
				w, err := c.NextWriter(t.Context(), false)
				assert.NoError(t, err)
				if i == 0 {
					assert.NoError(t, c.SendText("meanwhile"))
				}
				for range 3 {
					_, err = fmt.Fprint(w, letters(100))
					assert.NoError(t, err)
				}
				assert.NoError(t, w.Close())
			}
		}()
		synctest.Wait()
		r.write(t, masked(wsframe.Ping, "p"))
		var got []string
		for len(got) < 5 {
			op, payload := r.frame16(t)
			got = append(got, fmt.Sprintf("%d %d", op, len(payload)))
		}
		assert.Equal(t, got, []string{"1 6", "10 1", "1 300", "1 9", "1 300"})
	})
}

// TestNextWriterWaits: who writes faster than the peer reads is held back, and a
// context that ends then ends the connection.
func TestNextWriterWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		conns := make(chan *ws.Conn, 1)
		causes, onClose := closed()
		s := servePipes(t, &ws.Handler{WriteTimeout: time.Hour, PingEvery: -1, Close: onClose, Open: func(c *ws.Conn, _ *http.Request) error {
			conns <- c
			for range c.Messages() {
			}
			return nil
		}})
		r := s.raw(t)
		c := <-conns
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		w, err := c.NextWriter(ctx, true)
		assert.NoError(t, err)
		n, start := 0, time.Now()
		for err == nil {
			var k int
			k, err = w.Write(make([]byte, 1000))
			n += k
		}
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Since(start), time.Minute)
		assert.True(t, n < 64<<10, "it was not held back")
		assert.ErrorIs(t, c.SendText("behind"), nil)
		assert.ErrorIs(t, w.Close(), context.DeadlineExceeded)
		op, _ := r.frame16(t)
		assert.Equal(t, op, byte(wsframe.Binary))
		for op != byte(wsframe.Close) {
			op, _ = r.frame16(t)
		}
		r.Close()
		assert.ErrorIs(t, <-causes, context.DeadlineExceeded)
		_, err = c.NextWriter(t.Context(), true)
		assert.ErrorIs(t, err, ws.ErrClosed)
	})
}

func TestNextWriterText(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"a\xff", "a\xe2\x82"} {
		s := serveTCP(t, &ws.Handler{Open: sums})
		c := s.client(t, ws.DialOptions{})
		w, err := c.NextWriter(t.Context(), false)
		assert.NoError(t, err)
		_, _ = w.Write([]byte(text))
		assert.Contains(t, fmt.Sprint(w.Close()), "not UTF-8")
		assert.Contains(t, fmt.Sprint(end(c)), "not UTF-8")
	}
	// A character may be cut anywhere between writes.
	s := serveTCP(t, &ws.Handler{Open: sums})
	c := s.client(t, ws.DialOptions{})
	w, err := c.NextWriter(t.Context(), false)
	assert.NoError(t, err)
	for _, b := range []byte("Größe €😀") {
		_, err = w.Write([]byte{b})
		assert.NoError(t, err)
	}
	assert.NoError(t, w.Close())
	assert.Equal(t, string(next(t, c).Data), sumOf(false, "Größe €😀"))
}

func TestNextWriterBesideCallbackPanics(t *testing.T) {
	t.Parallel()
	conns := make(chan *ws.Conn, 1)
	s := serveTCP(t, &ws.Handler{Message: echo, Open: func(c *ws.Conn, _ *http.Request) error { conns <- c; return nil }})
	s.client(t, ws.DialOptions{})
	c := <-conns
	assert.Contains(t, fmt.Sprint(assert.Panics(t, func() { _, _ = c.NextWriter(t.Context(), true) })), "ws: NextWriter on a connection")
}
