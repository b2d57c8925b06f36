package hub_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/wsframe"
	"github.com/galeweb/gale/ws"
)

// raw is a client that shows the frames as they come.
type raw struct {
	t      *testing.T
	conn   net.Conn
	in     *bufio.Reader
	answer http.Header
}

func (l *live) raw(t *testing.T) *raw {
	t.Helper()
	host := strings.TrimPrefix(l.url, "http://")
	conn, err := net.Dial("tcp", host)
	assert.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: %s\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
		host, hub.Subprotocol)
	in := bufio.NewReader(conn)
	answer, err := http.ReadResponse(in, nil)
	assert.NoError(t, err)
	assert.Equal(t, answer.StatusCode, http.StatusSwitchingProtocols)
	return &raw{t: t, conn: conn, in: in, answer: answer.Header}
}

func (r *raw) say(text string) {
	r.t.Helper()
	f := wsframe.Frame{Op: wsframe.Text, Last: true, Payload: []byte(text)}
	_, err := r.conn.Write(wsframe.AppendMasked(nil, f, [4]byte{1, 2, 3, 4}))
	assert.NoError(r.t, err)
}

// hear returns the next frame.
func (r *raw) hear() wsframe.Frame {
	r.t.Helper()
	p := wsframe.Parser{Limit: 1 << 20, Deflate: true}
	for {
		b, err := r.in.ReadByte()
		assert.NoError(r.t, err)
		f, _, ok, err := p.Next([]byte{b})
		assert.NoError(r.t, err)
		if ok {
			return f
		}
	}
}

// TestCompression: who wants it gets what is long compressed, if the hub does
// that, and everyone else the same as it is.
func TestCompression(t *testing.T) {
	t.Parallel()
	for _, enabled := range []bool{false, true} {
		l := serve(t, hub.Options{Compression: ws.Compression{Enabled: enabled}})
		texts := hub.NewTopic(l.Hub, "texts", hub.TopicOptions[string]{Authorize: hub.AllowAll})
		one, two, plain := l.raw(t), l.raw(t), l.client(t)
		assert.Equal(t, one.answer.Get("Sec-WebSocket-Extensions") != "", enabled)
		for _, r := range []*raw{one, two} {
			r.say(`{"type":"subscribe","topic":"texts"}`)
			assert.True(t, !r.hear().Compressed, "a short answer is compressed")
		}
		plain.subscribe("texts")
		long := strings.Repeat("like the one before, ", 50)
		_, err := texts.Publish(t.Context(), "texts", long)
		assert.NoError(t, err)

		f := one.hear()
		assert.Equal(t, f.Compressed, enabled)
		assert.Equal(t, string(two.hear().Payload), string(f.Payload))
		if enabled {
			assert.True(t, len(f.Payload) < len(long)/4, "it is not shorter")
			f.Payload, err = wsframe.NewInflater().Inflate(f.Payload, nil, 1<<20, true)
			assert.NoError(t, err)
		}
		assert.True(t, strings.Contains(string(f.Payload), long), "another text")
		assert.True(t, strings.Contains(fmt.Sprint(plain.hear()), long), "another text for who did not ask")
	}
}
