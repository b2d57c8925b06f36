package ws_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/coder/websocket"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/ws"
)

// sizes stand at the borders of the three length encodings and of the buffers.
var sizes = []int{0, 1, 125, 126, 127, 4095, 4096, 32 << 10, 65535, 65536, 300_000}

func noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

// TestInteropClient has coder/websocket talk to our server, with fragments
// (its writer sends one for each Write) and an offer to compress.
func TestInteropClient(t *testing.T) {
	t.Parallel()
	causes, onClose := closed()
	s := serveTCP(t, &ws.Handler{Message: echo, Close: onClose, Subprotocols: []string{"wind"}})
	c, _, err := websocket.Dial(t.Context(), s.url, &websocket.DialOptions{
		Subprotocols: []string{"wind"}, CompressionMode: websocket.CompressionContextTakeover,
	})
	assert.NoError(t, err)
	defer c.CloseNow()
	c.SetReadLimit(1 << 20)
	assert.Equal(t, c.Subprotocol(), "wind")
	for _, n := range sizes {
		want := noise(n)
		w, err := c.Writer(t.Context(), websocket.MessageBinary)
		assert.NoError(t, err)
		for part := range bytes.SplitSeq(want, []byte{'g'}) {
			_, err = w.Write(part)
			assert.NoError(t, err)
			_, err = w.Write([]byte{'g'})
			assert.NoError(t, err)
		}
		assert.NoError(t, w.Close())
		kind, got, err := c.Read(t.Context())
		assert.NoError(t, err)
		assert.Equal(t, kind, websocket.MessageBinary)
		assert.True(t, bytes.Equal(got, append(want, 'g')), "echo differs")
	}
	ctx := c.CloseRead(t.Context())
	assert.NoError(t, c.Ping(ctx))
	assert.NoError(t, c.Close(websocket.StatusCode(4007), "bye"))
	assert.Equal(t, closeError(t, <-causes), ws.CloseError{Code: 4007, Reason: "bye"})
}

// TestInteropServer has our client talk to coder/websocket.
func TestInteropServer(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		c.SetReadLimit(1 << 20)
		for {
			kind, data, err := c.Read(context.Background())
			if err != nil {
				return
			}
			if string(data) == "leave" {
				c.Close(websocket.StatusCode(4009), "left")
				return
			}
			if err := c.Write(context.Background(), kind, data); err != nil {
				return
			}
		}
	}))
	defer s.Close()
	c, err := ws.Dial(t.Context(), s.URL, ws.DialOptions{})
	assert.NoError(t, err)
	for _, n := range sizes {
		want := noise(n)
		assert.NoError(t, c.SendBinary(want))
		assert.True(t, bytes.Equal(next(t, c).Data, want), "echo differs")
	}
	assert.NoError(t, c.SendText("leave"))
	assert.Equal(t, closeError(t, end(c)), ws.CloseError{Code: 4009, Reason: "left"})
	<-c.Done()
}
