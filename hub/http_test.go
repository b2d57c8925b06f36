package hub_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/internal/assert"
)

// events reads a stream of server-sent events.
type events struct {
	t     *testing.T
	lines *bufio.Scanner
	id    string // of the last event that had one
	retry string
}

// openEvents asks for topics, each a subscribe message or just a name.
func openEvents(t *testing.T, c *galetest.Client, id string, topics ...string) *events {
	t.Helper()
	subs := make([]string, len(topics))
	for i, topic := range topics {
		if subs[i] = topic; topic[0] != '{' {
			subs[i] = fmt.Sprintf(`{"type":"subscribe","topic":%q}`, topic)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet,
		c.URL("/live?transport=sse&sub="+url.QueryEscape("["+strings.Join(subs, ",")+"]")), nil)
	assert.NoError(t, err)
	r.Header.Set("Accept", "text/event-stream")
	if id != "" {
		r.Header.Set("Last-Event-ID", id)
	}
	resp, err := c.HTTP().Do(r)
	assert.NoError(t, err)
	t.Cleanup(func() { resp.Body.Close() })
	assert.Equal(t, resp.StatusCode, http.StatusOK)
	assert.Equal(t, resp.Header.Get("Content-Type"), "text/event-stream")
	return &events{t: t, lines: bufio.NewScanner(resp.Body)}
}

// next returns the data of the next event; ok is false at the end.
func (e *events) next() (data string, ok bool) {
	e.t.Helper()
	for e.lines.Scan() {
		line := e.lines.Text()
		field, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "" && data != "":
			return data, true
		case field == "data":
			data += value
		case field == "id":
			e.id = value
		case field == "retry":
			e.retry = value
		}
	}
	return "", false
}

func (e *events) expect(want string) map[string]any {
	e.t.Helper()
	data, ok := e.next()
	assert.True(e.t, ok, "the stream goes on")
	return same(e.t, data, want)
}

// same compares JSON, "*" standing for whatever epoch there is.
func same(t *testing.T, data, want string) map[string]any {
	t.Helper()
	var got, w map[string]any
	assert.NoError(t, json.Unmarshal([]byte(data), &got))
	if got["epoch"] != nil {
		want = strings.ReplaceAll(want, "*", got["epoch"].(string))
	}
	assert.NoError(t, json.Unmarshal([]byte(want), &w))
	assert.Equal(t, got, w)
	return got
}

// onServers runs body on each server with a hub of its own, which is drained
// before the server stops.
func onServers(t *testing.T, o hub.Options, body func(t *testing.T, c *galetest.Client, h *hub.Hub)) {
	t.Helper()
	o.DrainOver = -1
	for _, name := range []string{galetest.Engine, galetest.Slow, galetest.NetHTTP} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := hub.New(o)
			mux := http.NewServeMux()
			mux.Handle("/live", h.Handler())
			c := galetest.Start(t, mux, galetest.Options{Servers: []string{name}}).Client()
			t.Cleanup(func() {
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				defer cancel()
				if err := h.Drain(ctx); err != nil {
					t.Errorf("drain: %v", err)
				}
			})
			body(t, c, h)
		})
	}
}

func TestStream(t *testing.T) {
	t.Parallel()
	onServers(t, hub.Options{}, func(t *testing.T, c *galetest.Client, h *hub.Hub) {
		n := hub.NewTopic(h, "n/{x}", hub.TopicOptions[int]{Authorize: hub.AllowAll, History: 10})
		hub.NewTopic(h, "secret", hub.TopicOptions[int]{})
		e := openEvents(t, c, "", "n/1", "secret", "nowhere")
		e.expect(`{"type":"subscribed","topic":"n/1","epoch":"*","offset":0}`)
		e.expect(`{"type":"error","topic":"secret","code":"forbidden","message":"you may not subscribe to this topic"}`)
		e.expect(`{"type":"error","topic":"nowhere","code":"unknown_topic","message":"there is no such topic"}`)
		_, err := n.PublishBatch(t.Context(), "n/1", 10, 20)
		assert.NoError(t, err)
		e.expect(`{"type":"messages","topic":"n/1","epoch":"*","items":[{"offset":1,"data":10},{"offset":2,"data":20}]}`)

		// Another stream goes on where this one stands, and a forged one says so.
		_, err = n.Publish(t.Context(), "n/1", 30)
		assert.NoError(t, err)
		again := openEvents(t, c, e.id, "n/1", "n/2")
		again.expect(`{"type":"subscribed","topic":"n/1","epoch":"*","offset":2,"recovered":true}`)
		again.expect(`{"type":"messages","topic":"n/1","epoch":"*","items":[{"offset":3,"data":30}]}`)
		again.expect(`{"type":"subscribed","topic":"n/2","epoch":"*","offset":0}`)
		for _, forged := range []string{"x", "e30x", "eyJuLzEiOjF9", "eyJuLzEiOlsiIiwxXX0", "eyJuLzEiOlsieCIsOV19", strings.Repeat("A", 3000)} {
			openEvents(t, c, forged, "n/1").expect(`{"type":"subscribed","topic":"n/1","epoch":"*","offset":3,"recovered":false}`)
		}
		// Without a token the positions in the URL count.
		sub := fmt.Sprintf(`{"type":"subscribe","topic":"n/1","epoch":%q,"offset":1}`, again.expectEpoch(n))
		openEvents(t, c, "", sub).expect(`{"type":"subscribed","topic":"n/1","epoch":"*","offset":1,"recovered":true}`)

		e.expect(`{"type":"messages","topic":"n/1","epoch":"*","items":[{"offset":3,"data":30}]}`)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		assert.NoError(t, h.Drain(ctx))
		data, ok := e.next()
		assert.True(t, ok, "a hint")
		assert.Contains(t, data, `{"type":"reconnect","after":`+e.retry)
		_, ok = e.next()
		assert.True(t, !ok, "the end")
	})
}

func (e *events) expectEpoch(n *hub.Topic[int]) string {
	pos, err := n.Position(e.t.Context(), "n/1")
	assert.NoError(e.t, err)
	return pos.Epoch
}

func TestHTTPRefusals(t *testing.T) {
	t.Parallel()
	onServers(t, hub.Options{MaxMessage: 1 << 10}, func(t *testing.T, c *galetest.Client, h *hub.Hub) {
		hub.NewTopic(h, "n", hub.TopicOptions[int]{Authorize: hub.AllowAll})
		get := func(query string) int { return c.Get("/live?transport=" + query).Raw.StatusCode }
		post := func(query, body string) int { return c.Post("/live?transport="+query, body).Raw.StatusCode }
		assert.Equal(t, get("telepathy"), http.StatusBadRequest)
		assert.Equal(t, get("sse"), http.StatusBadRequest)
		assert.Equal(t, get("sse&sub={}"), http.StatusBadRequest)
		assert.Equal(t, get("sse&sub="+url.QueryEscape(`[{"type":"ping"}]`)), http.StatusBadRequest)
		long := get("sse&sub=" + url.QueryEscape("["+strings.Repeat(`{"type":"subscribe","topic":"n"},`, 300)+`{"type":"subscribe","topic":"n"}]`))
		assert.True(t, long == http.StatusBadRequest || long == http.StatusRequestURITooLong, "too long a URL")
		assert.Equal(t, get("poll"), http.StatusMethodNotAllowed)
		assert.Equal(t, post("sse", `{}`), http.StatusMethodNotAllowed)
		assert.Equal(t, post("poll", `{"sub":[`), http.StatusBadRequest)
		assert.Equal(t, post("poll", `{"sub":[],"more":1}`), http.StatusBadRequest)
		assert.Equal(t, post("poll", `{"sub":[`+strings.Repeat(`{"type":"subscribe","topic":"n"},`, 3000)+`{}]}`), http.StatusRequestEntityTooLarge)
		assert.Equal(t, post("call", `{"type":"call","id":1,"method":"m","data":"`+strings.Repeat("x", 1<<10)+`"}`), http.StatusRequestEntityTooLarge)
		assert.Equal(t, c.With("Content-Type", "text/plain").Post("/live?transport=poll", `{"sub":[]}`).Raw.StatusCode, http.StatusUnsupportedMediaType)
		evil := c.With("Origin", "https://evil.example")
		assert.Equal(t, evil.Get("/live?transport=sse&sub=[]").Raw.StatusCode, http.StatusForbidden)
		assert.Equal(t, evil.Post("/live?transport=poll", `{"sub":[]}`).Raw.StatusCode, http.StatusForbidden)
		assert.Equal(t, evil.Post("/live?transport=call", `{"type":"call","id":1,"method":"m"}`).Raw.StatusCode, http.StatusForbidden)
		same := c.With("Origin", c.URL(""))
		assert.Equal(t, same.Post("/live?transport=poll", `{"sub":[]}`).Raw.StatusCode, http.StatusOK)
	})
}

// polling is a client that polls.
type polling struct {
	t       *testing.T
	c       *galetest.Client
	session string
}

func (p *polling) ask(subs ...string) []string {
	p.t.Helper()
	body := fmt.Sprintf(`{"session":%q,"sub":[%s]}`, p.session, strings.Join(subs, ","))
	var messages []json.RawMessage
	p.c.Post("/live?transport=poll", body).Status(http.StatusOK).JSON(&messages)
	var rest []string
	for _, m := range messages {
		var session struct{ Type, ID string }
		assert.NoError(p.t, json.Unmarshal(m, &session))
		if session.Type == "session" {
			p.session = session.ID
		} else {
			rest = append(rest, string(m))
		}
	}
	return rest
}

func subscribeTo(topic string) string { return fmt.Sprintf(`{"type":"subscribe","topic":%q}`, topic) }

func subscribeFrom(topic, epoch string, offset int) string {
	return fmt.Sprintf(`{"type":"subscribe","topic":%q,"epoch":%q,"offset":%d}`, topic, epoch, offset)
}

func TestPoll(t *testing.T) {
	t.Parallel()
	onServers(t, hub.Options{}, func(t *testing.T, c *galetest.Client, h *hub.Hub) {
		n := hub.NewTopic(h, "n/{x}", hub.TopicOptions[int]{Authorize: hub.AllowAll, History: 10})
		publish := func(name string, v int) {
			t.Helper()
			_, err := n.Publish(t.Context(), name, v)
			assert.NoError(t, err)
		}
		p := &polling{t: t, c: c}
		got := p.ask(subscribeTo("n/1"))
		assert.Equal(t, len(got), 1)
		epoch := same(t, got[0], `{"type":"subscribed","topic":"n/1","epoch":"*","offset":0}`)["epoch"].(string)
		first := p.session
		assert.True(t, len(first) > 20, "a session that cannot be guessed")

		// What comes between polls is there at the next.
		publish("n/1", 10)
		got = p.ask(subscribeFrom("n/1", epoch, 0))
		assert.Equal(t, p.session, first)
		same(t, got[0], `{"type":"messages","topic":"n/1","epoch":"*","items":[{"offset":1,"data":10}]}`)

		// What comes while one waits ends the wait.
		waiting := make(chan []string)
		go func() { waiting <- p.ask(subscribeFrom("n/1", epoch, 1), subscribeTo("n/2")) }()
		same(t, (<-waiting)[0], `{"type":"subscribed","topic":"n/2","epoch":"*","offset":0}`)
		go func() { waiting <- p.ask(subscribeFrom("n/1", epoch, 1), subscribeTo("n/2")) }()
		publish("n/1", 20)
		same(t, (<-waiting)[0], `{"type":"messages","topic":"n/1","epoch":"*","items":[{"offset":2,"data":20}]}`)

		// An answer that was lost is made good: the client stands where it stood.
		publish("n/1", 30)
		got = p.ask(subscribeFrom("n/1", epoch, 1))
		assert.Equal(t, p.session, first)
		same(t, got[0], `{"type":"subscribed","topic":"n/1","epoch":"*","offset":1,"recovered":true}`)
		same(t, got[1], `{"type":"messages","topic":"n/1","epoch":"*","items":[{"offset":2,"data":20},{"offset":3,"data":30}]}`)

		// So does a session that is not known.
		p.session = "of another node"
		got = p.ask(subscribeFrom("n/1", epoch, 2))
		assert.True(t, p.session != first && p.session != "of another node", "a new session")
		same(t, got[0], `{"type":"subscribed","topic":"n/1","epoch":"*","offset":2,"recovered":true}`)
		same(t, got[1], `{"type":"messages","topic":"n/1","epoch":"*","items":[{"offset":3,"data":30}]}`)

		// A topic that is not asked for any more is left.
		go func() { waiting <- p.ask() }()
		until(t, func() bool { return h.Subscribers("n/2") == 0 && h.Subscribers("n/1") == 1 })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		assert.NoError(t, h.Drain(ctx))
		assert.Contains(t, (<-waiting)[0], `{"type":"reconnect","after":`)
		assert.Equal(t, c.Post("/live?transport=poll", `{"sub":[]}`).Raw.StatusCode, http.StatusServiceUnavailable)
	})
}

// until waits for what other goroutines bring about.
func until(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("it did not come about in 10 s")
		}
	}
}
