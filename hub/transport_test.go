package hub_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/ws"
)

func TestTransport(t *testing.T) {
	t.Parallel()
	l := serve(t, hub.Options{})
	packets := hub.NewTopic(l.Hub, "packets/{channel}", hub.TopicOptions[packet]{Authorize: hub.AllowAll})
	c := l.client(t)
	c.say(`{"type":"subscribe","topic":"packets/7"}`)
	c.expect(`{"type":"subscribed","topic":"packets/7","epoch":"*","offset":0}`)
	pos, err := packets.Publish(t.Context(), "packets/7", packet{"a", 1.5})
	assert.NoError(t, err)
	assert.Equal(t, pos.Offset, uint64(1))
	_, err = packets.Publish(t.Context(), "packets/8", packet{"other", 0})
	assert.NoError(t, err)
	got := c.expect(`{"type":"messages","topic":"packets/7","epoch":"*","items":[{"offset":1,"data":{"device":"a","value":1.5}}]}`)
	assert.Equal(t, got["epoch"].(string), pos.Epoch)

	_, err = packets.PublishBatch(t.Context(), "packets/7", packet{"b", 2}, packet{"c", 3})
	assert.NoError(t, err)
	c.expect(`{"type":"messages","topic":"packets/7","epoch":"*","items":[
		{"offset":2,"data":{"device":"b","value":2}},{"offset":3,"data":{"device":"c","value":3}}]}`)

	c.say(`{"type":"ping"}`)
	c.expect(`{"type":"pong"}`)
	c.say(`{"type":"unsubscribe","topic":"packets/7"}`)
	c.expect(`{"type":"unsubscribed","topic":"packets/7"}`)
	_, err = packets.Publish(t.Context(), "packets/7", packet{"late", 0})
	assert.NoError(t, err)
	c.say(`{"type":"ping"}`)
	c.expect(`{"type":"pong"}`)
}

func TestTransportErrors(t *testing.T) {
	t.Parallel()
	l := serve(t, hub.Options{})
	hub.NewTopic(l.Hub, "open/{x}", hub.TopicOptions[int]{Authorize: hub.AllowAll})
	hub.NewTopic(l.Hub, "default", hub.TopicOptions[int]{})
	hub.NewTopic(l.Hub, "broken", hub.TopicOptions[int]{Authorize: func(context.Context, string, map[string]string) error {
		return errors.New("database secret")
	}})
	c := l.client(t)
	c.subscribe("open/1")
	for _, x := range []struct{ say, topic, code string }{
		{`{"type":"subscribe","topic":"open/1"}`, "open/1", "already_subscribed"},
		{`{"type":"unsubscribe","topic":"open/2"}`, "open/2", "not_subscribed"},
		{`{"type":"subscribe","topic":"default"}`, "default", "forbidden"},
		{`{"type":"subscribe","topic":"broken"}`, "broken", "unavailable"},
		{`{"type":"subscribe","topic":"nowhere"}`, "nowhere", "unknown_topic"},
		{`{"type":"subscribe","topic":"open/\""}`, `open/"`, "unknown_topic"},
		{`{"type":"subscribe"}`, "", "unknown_topic"},
		{`{"type":"subscribe","topic":"open/2","presence":true}`, "open/2", "bad_message"},
		{`{"type":"subscribe","topic":"open/2","history":true}`, "", "bad_message"},
		{`{"type":"subscribe","topic":"open/2","recent":-1}`, "", "bad_message"},
		{`{"type":"subscribe","topic":"open/2","topic":"open/3"}`, "", "bad_message"},
		{`{"type":"shout"}`, "", "bad_message"},
		{`[]`, "", "bad_message"},
		{``, "", "bad_message"},
		{`{}`, "", "bad_message"},
		{`not json`, "", "bad_message"},
		{strings.Repeat("[", 4000), "", "bad_message"},
	} {
		c.say(x.say)
		got := c.hear()
		assert.Equal(t, got["type"], any("error"))
		assert.Equal(t, got["code"], any(x.code))
		topic, _ := got["topic"].(string)
		assert.Equal(t, topic, x.topic)
		assert.True(t, !strings.Contains(fmt.Sprint(got), "secret"), "a cause is never shown")
	}
	assert.NoError(t, l.Drain(t.Context()))
	assert.Equal(t, strings.Count(l.logs.String(), "hub: subscribe failed"), 1)
	assert.Contains(t, l.logs.String(), "database secret")
}

func TestTransportLimits(t *testing.T) {
	t.Parallel()
	l := serve(t, hub.Options{})
	hub.NewTopic(l.Hub, "open/{x}", hub.TopicOptions[int]{Authorize: hub.AllowAll})
	c := l.client(t)
	for i := range 128 {
		c.subscribe(fmt.Sprintf("open/%d", i))
	}
	c.say(`{"type":"subscribe","topic":"open/one-more"}`)
	assert.Equal(t, c.hear()["code"], any("too_many_subscriptions"))
	c.say(`{"type":"unsubscribe","topic":"open/0"}`)
	assert.Equal(t, c.hear()["type"], any("unsubscribed"))
	c.subscribe("open/one-more")

	for _, x := range []struct {
		send ws.Message
		code int
	}{
		{ws.Message{Binary: true, Data: []byte("{}")}, ws.CodeUnsupported},
		{ws.Message{Data: []byte(strings.Repeat(" ", 5000))}, ws.CodeTooBig},
	} {
		c := l.client(t)
		assert.NoError(t, c.Send(x.send))
		_, err, _ := c.next()
		e, ok := errors.AsType[*ws.CloseError](err)
		assert.True(t, ok && e.Code == x.code, fmt.Sprint("close code of ", err))
	}
}

// TestAuthorize: the check sees the user of the request and the parameters.
func TestAuthorize(t *testing.T) {
	t.Parallel()
	type userKey struct{}
	h := hub.New(hub.Options{})
	hub.NewTopic(h, "users/{name}/{box}", hub.TopicOptions[int]{
		Authorize: func(ctx context.Context, name string, params map[string]string) error {
			if user, _ := ctx.Value(userKey{}).(string); user != params["name"] || name != "users/"+user+"/inbox" {
				return hub.ErrForbidden
			}
			return nil
		},
	})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.Handler().ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, r.Header.Get("X-User"))))
	}))
	defer s.Close()
	defer func() { assert.NoError(t, h.Drain(context.Background())) }()
	l := &live{Hub: h, url: s.URL}
	alice := l.clientWith(t, http.Header{"X-User": {"alice"}})
	alice.subscribe("users/alice/inbox")
	mallory := l.clientWith(t, http.Header{"X-User": {"mallory"}})
	mallory.say(`{"type":"subscribe","topic":"users/alice/inbox"}`)
	assert.Equal(t, mallory.hear()["code"], any("forbidden"))
}

func TestCrossSiteIsRefused(t *testing.T) {
	t.Parallel()
	l := serve(t, hub.Options{})
	_, err := ws.Dial(t.Context(), l.url, ws.DialOptions{Header: http.Header{"Origin": {"https://evil.example"}}})
	assert.Contains(t, err.Error(), "status 403")

	l = serve(t, hub.Options{CheckOrigin: func(*http.Request) bool { return true }})
	l.clientWith(t, http.Header{"Origin": {"https://app.example"}})
}

func TestTransportRecovery(t *testing.T) {
	t.Parallel()
	l := serve(t, hub.Options{})
	packets := hub.NewTopic(l.Hub, "n", hub.TopicOptions[int]{Authorize: hub.AllowAll, History: 3})
	var pos hub.Position
	for i := range 5 {
		var err error
		pos, err = packets.Publish(t.Context(), "n", i+1)
		assert.NoError(t, err)
	}
	ask := func(epoch string, offset int) *client {
		c := l.client(t)
		c.say(fmt.Sprintf(`{"type":"subscribe","topic":"n","epoch":%q,"offset":%d}`, epoch, offset))
		return c
	}
	c := ask(pos.Epoch, 2)
	c.expect(`{"type":"subscribed","topic":"n","epoch":"*","offset":2,"recovered":true}`)
	c.expect(`{"type":"messages","topic":"n","epoch":"*","items":[{"offset":3,"data":3},{"offset":4,"data":4},{"offset":5,"data":5}]}`)

	ask(pos.Epoch, 5).expect(`{"type":"subscribed","topic":"n","epoch":"*","offset":5,"recovered":true}`)
	ask(pos.Epoch, 1).expect(`{"type":"subscribed","topic":"n","epoch":"*","offset":5,"recovered":false}`)
	ask(pos.Epoch, 6).expect(`{"type":"subscribed","topic":"n","epoch":"*","offset":5,"recovered":false}`)
	ask("another", 5).expect(`{"type":"subscribed","topic":"n","epoch":"*","offset":5,"recovered":false}`)

	c = l.client(t)
	c.say(`{"type":"subscribe","topic":"n","recent":2}`)
	c.expect(`{"type":"subscribed","topic":"n","epoch":"*","offset":3}`)
	c.expect(`{"type":"messages","topic":"n","epoch":"*","items":[{"offset":4,"data":4},{"offset":5,"data":5}]}`)
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	l := serve(t, hub.Options{Metrics: registry})
	packets := hub.NewTopic(l.Hub, "p/{x}", hub.TopicOptions[int]{Authorize: hub.AllowAll})
	c := l.client(t)
	c.subscribe("p/1")
	_, err := packets.PublishBatch(t.Context(), "p/1", 1, 2)
	assert.NoError(t, err)
	expect := func(connections, subscriptions int) {
		t.Helper()
		assert.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(fmt.Sprintf(`
# HELP gale_hub_connections Open connections to the hub by transport.
# TYPE gale_hub_connections gauge
gale_hub_connections{transport="poll"} 0
gale_hub_connections{transport="sse"} 0
gale_hub_connections{transport="ws"} %d
# HELP gale_hub_subscriptions Subscriptions by topic pattern.
# TYPE gale_hub_subscriptions gauge
gale_hub_subscriptions{topic="p/{x}"} %d
# HELP gale_hub_published_total Messages published on this node by topic pattern.
# TYPE gale_hub_published_total counter
gale_hub_published_total{topic="p/{x}"} 2
`, connections, subscriptions)), "gale_hub_connections", "gale_hub_subscriptions", "gale_hub_published_total"))
	}
	expect(1, 1)
	assert.Equal(t, c.hear()["type"], any("messages"))
	assert.NoError(t, l.Drain(t.Context()))
	expect(0, 0)
}

// TestThousandSubscribers: one publication, encoded once, reaches them all.
func TestThousandSubscribers(t *testing.T) {
	t.Parallel()
	const n = 1000
	l := serve(t, hub.Options{})
	encoded := 0
	packets := hub.NewTopic(l.Hub, "all", hub.TopicOptions[counted]{Authorize: hub.AllowAll})
	clients := make([]*client, n)
	for i := range clients {
		clients[i] = l.client(t)
		clients[i].subscribe("all")
	}
	_, err := packets.Publish(t.Context(), "all", counted{&encoded})
	assert.NoError(t, err)
	for _, c := range clients {
		c.expect(`{"type":"messages","topic":"all","epoch":"*","items":[{"offset":1,"data":"x"}]}`)
	}
	assert.Equal(t, encoded, 1)
}

// counted counts how often it is encoded.
type counted struct{ n *int }

func (c counted) MarshalJSON() ([]byte, error) {
	*c.n++
	return []byte(`"x"`), nil
}
