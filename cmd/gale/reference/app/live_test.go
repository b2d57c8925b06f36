package app_test

import (
	"net/http"
	"net/url"
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

// A live connection ends with the key or the session that it came with.
func TestLiveEndsWithItsCredential(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.furnish()
		owner := s.signIn("ada")
		plain, _ := s.scoped(owner, "short", "30 days", "packets.read")
		program := s.Stranger().Bearer(plain)
		s.clock.Advance(30*24*time.Hour - 300*time.Millisecond)
		byKey, m := watch(program, "closed")
		assert.Equal(t, m.Type, "subscribed")
		byKey.Closed(1008)

		owner = s.signIn("ada")
		for left := s.config.SessionLife; left > s.config.SessionIdle/2; left -= s.config.SessionIdle / 2 {
			s.clock.Advance(s.config.SessionIdle / 2)
			owner.Get("/profile").Status(http.StatusOK) // or it would end for want of use
		}
		s.clock.Advance(s.config.SessionIdle/2 - 300*time.Millisecond)
		bySession, m := watch(owner, "closed")
		assert.Equal(t, m.Type, "subscribed")
		bySession.Closed(1008)
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
