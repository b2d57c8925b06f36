package app_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/galetest"
)

// scoped makes a key with some scopes that ends after a while.
func (s *site) scoped(owner *galetest.Client, name, life string, scopes ...string) (plain, id string) {
	s.t.Helper()
	form := url.Values{"name": {name}, "scopes": scopes, "life": {life}}
	plain = keyOnPage.FindString(owner.Post("/profile/keys", form).Status(http.StatusCreated).Text())
	id, _, _ = strings.Cut(strings.TrimPrefix(plain, "pkt_"), "_")
	return plain, id
}

func TestScopesOfKeys(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		admin := s.signIn("ada")
		for scope, want := range map[string][4]int{ // read, export, send, create
			"packets.read":    {200, 200, 403, 403},
			"packets.send":    {404, 404, 201, 403},
			"channels.manage": {404, 404, 403, 201},
		} {
			plain, _ := s.scoped(admin, strings.ReplaceAll(scope, ".", "-"), "never", scope)
			c := s.Stranger().Bearer(plain)
			got := [4]int{
				c.Get("/api/v1/channels/closed/packets").Raw.StatusCode,
				c.Get("/api/v1/channels/closed/packets.ndjson").Raw.StatusCode,
				c.Do(onePacket(c, "open")).Raw.StatusCode, // who may not see a closed channel cannot send to it
				c.Do(c.NewRequest(http.MethodPost, "/api/v1/channels", map[string]any{"name": "made", "title": "Made"})).Raw.StatusCode,
			}
			assert.Equal(t, got, want)
			c.Get("/api/v1/channels/closed/rate").Status(want[0])
			all := c.Get("/api/v1/channels").Status(http.StatusOK).Text()
			assert.Equal(t, strings.Contains(all, `"closed"`), scope == "packets.read")
			c.Get("/profile").Status(http.StatusForbidden)
		}
	})
}

// onePacket is a request that sends one packet.
func onePacket(c *galetest.Client, channel string) *http.Request {
	return c.NewRequest(http.MethodPost, "/api/v1/channels/"+channel+"/packets", map[string]any{"kind": "k", "payload": map[string]any{}})
}

func TestAKeyExpires(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		plain, id := s.scoped(s.signIn("ada"), "short", "30 days", "packets.read")
		c := s.Stranger().Bearer(plain)
		s.clock.Advance(30*24*time.Hour - time.Minute)
		c.Get("/api/v1/channels/closed/packets").Status(http.StatusOK)
		s.clock.Advance(time.Minute)
		c.Get("/api/v1/channels/closed/packets").Status(http.StatusUnauthorized).Contains("expired_key")
		owner := s.signIn("ada")
		owner.Get("/profile").Contains("expired")
		owner.Post("/profile/keys/"+id+"/rotate", nil).Status(http.StatusNotFound) // does not bring it back
	})
}

func TestRotationOfKeys(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		admin := s.signIn("ada")
		works := func(plain string, status int) {
			t.Helper()
			s.Stranger().Bearer(plain).Get("/api/v1/channels/closed/packets").Status(status)
		}
		first, id := s.scoped(admin, "turning", "never", "packets.read")
		works(first, http.StatusOK)
		rotate := func() string {
			t.Helper()
			return keyOnPage.FindString(admin.Post("/profile/keys/"+id+"/rotate", nil).Status(http.StatusOK).Text())
		}
		next := rotate()
		assert.True(t, next != "" && next != first, "no new secret")
		assert.True(t, !strings.Contains(admin.Get("/profile").Text(), next), "the secret is shown again")
		works(first, http.StatusOK)
		works(next, http.StatusOK)
		c := s.Stranger().Bearer(next)
		c.Do(onePacket(c, "closed")).Status(http.StatusForbidden) // the scopes stay
		third := rotate()
		works(first, http.StatusUnauthorized) // one before counts, not two
		works(next, http.StatusOK)
		s.clock.Advance(24 * time.Hour)
		works(next, http.StatusUnauthorized)
		works(third, http.StatusOK)
		admin = s.signIn("ada")
		next = rotate()
		admin.Post("/profile/keys/"+id+"/revoke", nil).Status(http.StatusSeeOther)
		works(third, http.StatusUnauthorized) // both secrets end
		works(next, http.StatusUnauthorized)
		admin.Post("/profile/keys/"+id+"/rotate", nil).Status(http.StatusNotFound)
	})
}

func TestKeysOfOthersAndFieldsOfNobody(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		s.user("olga", models.Operator)
		plain, id := s.scoped(s.signIn("ada"), "hers", "never", "packets.read")
		olga := s.signIn("olga")
		olga.Post("/profile/keys/"+id+"/rotate", nil).Status(http.StatusNotFound)
		olga.Post("/profile/keys/"+id+"/revoke", nil).Status(http.StatusNotFound)
		s.Stranger().Bearer(plain).Get("/api/v1/channels/closed/packets").Status(http.StatusOK)

		for _, scopes := range [][]string{{"*"}, {"users.manage"}, {"keys.manage"}, nil} {
			olga.Post("/profile/keys", url.Values{"name": {"evil"}, "scopes": scopes, "life": {"never"}}).Status(http.StatusUnprocessableEntity)
		}
		for _, field := range []string{"user_id", "hash", "expires_at", "limited", "role"} {
			form := wish("evil")
			form.Set(field, "1")
			olga.Post("/profile/keys", form).Status(http.StatusUnprocessableEntity)
		}
	})
}
