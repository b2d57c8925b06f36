package app_test

import (
	"bufio"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/galetest"
)

// message is what the hub says; see its protocol.
type message struct {
	Type  string `json:"type"`
	Topic string `json:"topic"`
	Error string `json:"error"`
	Code  string `json:"code"`
	Items []struct {
		Data packet `json:"data"`
	} `json:"items"`
}

// watch follows a channel and returns the answer to the wish.
func watch(c *galetest.Client, channel string) (*galetest.Socket, message) {
	socket := c.WebSocket("/live")
	socket.SendJSON(map[string]string{"type": "subscribe", "topic": "packets/" + channel})
	var m message
	socket.JSON(&m)
	return socket, m
}

// eventStream is one of server-sent events.
type eventStream struct{ lines *bufio.Scanner }

// events follows a channel by server-sent events.
func events(c *galetest.Client, channel string) eventStream {
	sub := `[{"type":"subscribe","topic":"packets/` + channel + `"}]`
	r := c.NewRequest(http.MethodGet, "/live?transport=sse&sub="+url.QueryEscape(sub), nil)
	return eventStream{bufio.NewScanner(c.Stream(r).Body)}
}

// next returns the data of the next event, or "" when the stream has ended.
func (e eventStream) next(t *testing.T) string {
	t.Helper()
	for e.lines.Scan() {
		if data, ok := strings.CutPrefix(e.lines.Text(), "data: "); ok {
			return data
		}
	}
	assert.NoError(t, e.lines.Err())
	return ""
}

// next returns the next n packets.
func next(socket *galetest.Socket, n int) (packets []packet) {
	for len(packets) < n {
		var m message
		socket.JSON(&m)
		for _, item := range m.Items {
			packets = append(packets, item.Data)
		}
	}
	return packets
}

// Those who watch see each packet once, in order, as it is stored.
func TestLive(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		c := s.furnish()
		socket, m := watch(s.Stranger(), "open")
		assert.Equal(t, m.Type, "subscribed")
		c.Post(sendPath, `{"kind":"a","payload":{"n":1},"client_id":"1"}`).Status(http.StatusCreated)
		c.Post(sendPath, `{"kind":"a","payload":{"n":1},"client_id":"1"}`).Status(http.StatusOK)
		c.Post(sendPath, `[{"kind":"b","payload":{},"client_id":"1"},{"kind":"c","payload":{}}]`).Status(http.StatusCreated)
		c.Post("/api/v1/channels/closed/packets", `{"kind":"secret","payload":{}}`).Status(http.StatusCreated)
		c.Do(ndjson(c, "open", lineOf("", 4))).Status(http.StatusCreated)
		live := next(socket, 3)
		assert.Equal(t, live, stored(c, "open")) // the same form as by the API
		assert.Equal(t, live[1].Kind, "c")
	})
}

func TestWhoMayWatch(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		program := s.furnish()
		s.user("vera", models.Viewer)
		for _, watcher := range []struct {
			c       *galetest.Client
			channel string
			want    string
		}{
			{s.Stranger(), "open", "subscribed"},
			{s.Stranger(), "closed", "error"},
			{s.Stranger(), "none", "error"},
			{s.signIn("vera"), "closed", "subscribed"},
			{s.signIn("vera"), "none", "error"},
			{program, "closed", "subscribed"},
		} {
			if _, m := watch(watcher.c, watcher.channel); m.Type != watcher.want {
				t.Errorf("%s: %+v, want %s", watcher.channel, m, watcher.want)
			}
		}
		_, closed := watch(s.Stranger(), "closed")
		_, none := watch(s.Stranger(), "none")
		closed.Topic, none.Topic = "", ""
		assert.Equal(t, closed, none) // nobody finds private names by trying
	})
}

// TestAttackLiveKeepsItsCredential: a connection ends with the key or the session
// that it came with, and to watch does not keep the session.
func TestAttackLiveKeepsItsCredential(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.furnish()
		const nearly = 300 * time.Millisecond
		open := func(c *galetest.Client) *galetest.Socket {
			t.Helper()
			socket, m := watch(c, "closed")
			assert.Equal(t, m.Type, "subscribed")
			return socket
		}
		owner := s.signIn("ada")
		plain, _ := s.scoped(owner, "short", "30 days", "packets.read")
		s.clock.Advance(30*24*time.Hour - nearly)
		byKey := open(s.Stranger().Bearer(plain))
		s.clock.Advance(nearly)
		byKey.Closed(1008)

		owner = s.signIn("ada")
		use := func(life time.Duration) {
			for ; life > s.config.SessionIdle/2; life -= s.config.SessionIdle / 2 {
				s.clock.Advance(s.config.SessionIdle / 2)
				owner.Get("/profile").Status(http.StatusOK)
			}
		}
		use(s.config.SessionLife)
		s.clock.Advance(s.config.SessionIdle/2 - nearly)
		old := open(owner)
		s.clock.Advance(nearly)
		old.Closed(1008)

		owner = s.signIn("ada")
		user := s.signIn("ada")
		s.clock.Advance(s.config.SessionIdle - nearly)
		busy := open(user)
		idle := open(owner)
		stream := events(owner, "closed")
		assert.Contains(t, stream.next(t), `"subscribed"`)
		owner.Post("/live?transport=poll", `{"sub":[{"type":"subscribe","topic":"packets/closed"}]}`).Status(http.StatusOK).Contains(`"subscribed"`)
		user.Get("/profile").Status(http.StatusOK)
		s.clock.Advance(nearly)
		idle.Closed(1008)
		assert.Equal(t, stream.next(t), "")
		owner.Get("/profile").Status(http.StatusSeeOther)

		// Who uses the session goes on watching.
		user.Post("/api/v1/channels/closed/packets", `{"kind":"k","payload":{}}`).Status(http.StatusCreated)
		assert.Equal(t, next(busy, 1)[0].Kind, "k")
	})
}

// When relay stops, watchers are told to come back.
func TestDrain(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		c := s.furnish()
		socket, _ := watch(s.Stranger(), "open")
		c.Post(sendPath, `{"kind":"a","payload":{}}`).Status(http.StatusCreated)
		s.app.Drain(t.Context())
		socket.Closed(1012)
		c.Post(sendPath, `{"kind":"a","payload":{}}`).Status(http.StatusCreated) // while there are requests, they are served
		assert.NoError(t, s.app.Close(t.Context()))
		s.ExpectLog("status=503")
		busy(t, c.Post(sendPath, `{"kind":"a","payload":{}}`))
		assert.Equal(t, len(stored(c, "open")), 2)
	})
}

// Who has copied a cookie and watches by it is out when the session gets a new
// one; the owner's page comes back by that.
func TestLiveEndsWithACopiedCookie(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.furnish()
		owner := s.signIn("ada")
		for path, form := range map[string]url.Values{
			"/sign-in":          {"email": {"ada@example.com"}, "password": {password}},
			"/confirm":          {"password": {password}},
			"/profile/password": {"old": {password}, "password": {password}},
		} {
			thief := s.Stranger().Browser()
			thief.SetCookie("__Host-session", owner.Cookie("__Host-session"))
			stolen, m := watch(thief, "closed")
			assert.Equal(t, m.Type, "subscribed")
			own, m := watch(owner, "closed")
			assert.Equal(t, m.Type, "subscribed")
			owner.Post(path, form).Status(http.StatusSeeOther)
			for _, socket := range []*galetest.Socket{stolen, own} {
				socket.JSON(&m)
				assert.Equal(t, m.Type, "reconnect")
				socket.Closed(1012)
			}
			if _, m = watch(owner, "closed"); m.Type != "subscribed" {
				t.Errorf("after %s the owner: %+v", path, m)
			}
			if _, m = watch(thief, "closed"); m.Type != "error" {
				t.Errorf("after %s the thief: %+v", path, m)
			}
		}
	})
}
