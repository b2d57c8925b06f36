package hub_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/ws"
)

func TestMain(m *testing.M) { galetest.Main(m) }

type packet struct {
	Device string  `json:"device"`
	Value  float64 `json:"value"`
}

// live is a hub being served over TCP.
type live struct {
	*hub.Hub
	url  string
	logs *strings.Builder
}

func serve(t *testing.T, o hub.Options) *live {
	t.Helper()
	l := &live{logs: &strings.Builder{}}
	o.Logger = slog.New(slog.NewTextHandler(l.logs, nil))
	l.Hub = hub.New(o)
	s := httptest.NewServer(l.Handler())
	l.url = s.URL
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := l.Drain(ctx); err != nil {
			t.Errorf("drain: %v", err)
		}
		s.Close()
	})
	return l
}

// client speaks the protocol in text.
type client struct {
	t *testing.T
	*ws.Conn
	next func() (ws.Message, error, bool)
}

func (l *live) client(t *testing.T) *client {
	t.Helper()
	return l.clientWith(t, nil)
}

func (l *live) clientWith(t *testing.T, header http.Header) *client {
	t.Helper()
	c, err := ws.Dial(t.Context(), l.url, ws.DialOptions{Header: header, Handler: &ws.Handler{Subprotocols: []string{hub.Subprotocol}}})
	assert.NoError(t, err)
	assert.Equal(t, c.Subprotocol(), hub.Subprotocol)
	next, stop := iter.Pull2(c.Messages())
	t.Cleanup(func() {
		stop()
		c.Close(ws.CodeNormal, "")
		<-c.Done()
	})
	return &client{t: t, Conn: c, next: next}
}

func (c *client) say(text string) {
	c.t.Helper()
	assert.NoError(c.t, c.SendText(text))
}

func (c *client) hear() map[string]any {
	c.t.Helper()
	m, err, ok := c.next()
	if !ok {
		c.t.Fatalf("connection ended: %v", context.Cause(c.Context()))
	}
	assert.NoError(c.t, err)
	var v map[string]any
	assert.NoError(c.t, json.Unmarshal(m.Data, &v))
	return v
}

// expect hears one message and compares it, "*" standing for any text.
func (c *client) expect(want string) map[string]any {
	c.t.Helper()
	got := c.hear()
	if got["epoch"] != nil {
		want = strings.ReplaceAll(want, "*", got["epoch"].(string))
	}
	var w map[string]any
	assert.NoError(c.t, json.Unmarshal([]byte(want), &w))
	assert.Equal(c.t, got, w)
	return got
}

func (c *client) subscribe(topic string) map[string]any {
	c.t.Helper()
	c.say(fmt.Sprintf(`{"type":"subscribe","topic":%q}`, topic))
	got := c.hear()
	assert.Equal(c.t, got["type"], any("subscribed"))
	return got
}
