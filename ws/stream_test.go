package ws_test

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/wsframe"
	"github.com/galeweb/gale/ws"
)

// sums answers each message with its kind, length and sum, read as a stream.
func sums(c *ws.Conn, _ *http.Request) error {
	for {
		binary, r, err := c.NextReader(context.Background())
		if err != nil {
			return nil //nolint:nilerr // the end
		}
		sum := crc32.NewIEEE()
		n, err := io.Copy(sum, r)
		if err != nil {
			return err
		}
		if err := c.SendText(fmt.Sprintf("%v %d %08x", binary, n, sum.Sum32())); err != nil {
			return err
		}
	}
}

func sumOf(binary bool, s string) string {
	return fmt.Sprintf("%v %d %08x", binary, len(s), crc32.ChecksumIEEE([]byte(s)))
}

func TestNextReader(t *testing.T) {
	t.Parallel()
	for _, o := range []ws.Compression{{}, {Enabled: true}, {Enabled: true, Dictionary: 8192}} {
		s := serveTCP(t, &ws.Handler{Open: sums, Compression: o})
		c := s.client(t, ws.DialOptions{Handler: &ws.Handler{Compression: o}})
		for _, n := range []int{0, 1, 4096, 100_000, 3 << 20} { // 3 MiB are over ReadLimit
			assert.NoError(t, c.SendBinary([]byte(letters(n))))
			assert.Equal(t, string(next(t, c).Data), sumOf(true, letters(n)))
		}
		assert.NoError(t, c.SendText("Größe"))
		assert.Equal(t, string(next(t, c).Data), sumOf(false, "Größe"))
	}
}

func TestNextReaderRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		send []byte
		code int
	}{
		{"over the limit", masked(wsframe.Binary, letters(100_001)), 1009},
		{"not UTF-8", masked(wsframe.Text, letters(50_000)+"\xff"), 1007},
		{"compressed, over the limit", packed(wsframe.Binary, deflated(letters(100_001), 6)), 1009},
		{"compressed, not UTF-8", packed(wsframe.Text, deflated(letters(50_000)+"\xff", 6)), 1007},
		{"compressed, broken", packed(wsframe.Text, deflated(letters(50_000), 6)[:50]), 1007},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			failed := make(chan error, 1)
			s := serveTCP(t, &ws.Handler{
				Compression: ws.Compression{Enabled: true}, ReadLimit: 10, StreamLimit: 100_000,
				Open: func(c *ws.Conn, _ *http.Request) error {
					_, r, err := c.NextReader(context.Background())
					if err == nil {
						_, err = io.Copy(io.Discard, r)
					}
					failed <- err
					return err
				},
			})
			r := s.rawWith(t, "Sec-WebSocket-Extensions: permessage-deflate\r\n")
			r.write(t, c.send)
			assert.Equal(t, r.closeCode(t), c.code)
			err := <-failed
			assert.Contains(t, fmt.Sprint(err), fmt.Sprintf("close code %d", c.code))
		})
	}
}

// TestNextReaderSkips: what was not read of a message is not in the way of the
// next one.
func TestNextReaderSkips(t *testing.T) {
	t.Parallel()
	for _, o := range []ws.Compression{{}, {Enabled: true}, {Enabled: true, Dictionary: 8192}} {
		s := serveTCP(t, &ws.Handler{Compression: o, Open: func(c *ws.Conn, _ *http.Request) error {
			var before io.Reader
			for {
				_, r, err := c.NextReader(context.Background())
				if err != nil {
					return nil //nolint:nilerr // the end
				}
				if before != nil {
					if _, err := before.Read(make([]byte, 1)); err == nil {
						return errors.New("a skipped message can still be read")
					}
				}
				before = r
				head := make([]byte, 5)
				if _, err := io.ReadFull(r, head); err != nil {
					return err
				}
				if err := c.SendBinary(head); err != nil {
					return err
				}
			}
		}})
		c := s.client(t, ws.DialOptions{Handler: &ws.Handler{Compression: o}})
		for i := range 20 {
			m := fmt.Sprintf("%05d%s", i, letters(10_000))
			assert.NoError(t, c.SendText(m))
			assert.Equal(t, string(next(t, c).Data), m[:5])
		}
	}
}

func TestNextReaderEnds(t *testing.T) {
	t.Parallel()
	got := make(chan error, 3)
	s := serveTCP(t, &ws.Handler{Open: func(c *ws.Conn, _ *http.Request) error {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, _, err := c.NextReader(ctx)
		got <- err
		_, r, err := c.NextReader(context.Background())
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, r)
		got <- err
		_, _, err = c.NextReader(context.Background())
		got <- err
		return nil
	}})
	r := s.raw(t)
	assert.ErrorIs(t, <-got, context.Canceled)
	r.write(t, join(fragment(wsframe.Text, "a"), closeFrame(4001, "left")))
	assert.Equal(t, closeError(t, <-got), ws.CloseError{Code: 4001, Reason: "left"})
	assert.Equal(t, closeError(t, <-got), ws.CloseError{Code: 4001, Reason: "left"})
}

func TestNextReaderBesideCallbackPanics(t *testing.T) {
	t.Parallel()
	conns := make(chan *ws.Conn, 1)
	s := serveTCP(t, &ws.Handler{Message: echo, Open: func(c *ws.Conn, _ *http.Request) error { conns <- c; return nil }})
	s.client(t, ws.DialOptions{})
	c := <-conns
	assert.Contains(t, fmt.Sprint(assert.Panics(t, func() { _, _, _ = c.NextReader(t.Context()) })), "ws: NextReader on a connection")
}

// TestStreamLimitOff: negative is no limit; the memory stays that of a piece.
func TestStreamLimitOff(t *testing.T) {
	t.Parallel()
	s := serveTCP(t, &ws.Handler{Open: sums, StreamLimit: -1})
	r := s.raw(t)
	whole := strings.Repeat(letters(1<<16), 80)
	for i := range 80 {
		f := wsframe.Frame{Op: wsframe.Continuation, Payload: []byte(letters(1 << 16)), Last: i == 79}
		if i == 0 {
			f.Op = wsframe.Binary
		}
		r.write(t, wsframe.AppendMasked(nil, f, key))
	}
	_, answer := r.frame(t)
	assert.Equal(t, string(answer), sumOf(true, whole))
}
