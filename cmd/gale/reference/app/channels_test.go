package app_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
)

func TestHomeByPages(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.furnish()
		admin := s.signIn("ada")
		for i := range 65 {
			name := string(rune('a'+i/26)) + string(rune('a'+i%26))
			admin.Post("/channels", url.Values{"name": {name}, "title": {"T " + name}, "public": {"true"}}).Status(http.StatusSeeOther)
		}
		admin.Get("/").Status(http.StatusOK).Contains("/?after=ch")
		admin.Get("/?after=ch").Status(http.StatusOK).Contains("T ci").Contains("Open")
		var p page[struct{ Name string }]
		s.Get("/api/v1/channels?limit=64").Status(http.StatusOK).JSON(&p)
		assert.Equal(t, len(p.Items), 64)
		s.Get("/api/v1/channels?limit=64&cursor=" + p.Next).Status(http.StatusOK).JSON(&p)
		assert.Equal(t, len(p.Items), 2)
	})
}

func TestChannelsByAPI(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		c := s.furnish()
		c.Post("/api/v1/channels", `{"name":"wind","title":"The wind","public":true}`).Status(http.StatusCreated).Contains(`{"name":"wind","title":"The wind","public":true}`)
		c.Post("/api/v1/channels", `{"name":"wind","title":"Again"}`).Status(http.StatusConflict).Problem("name_taken")
		c.Post("/api/v1/channels", `{"name":"No","title":""}`).Status(http.StatusUnprocessableEntity).Problem("invalid").Contains(`"/name"`).Contains(`"/title"`)
		var p page[struct{ Name string }]
		s.Get("/api/v1/channels").Status(http.StatusOK).JSON(&p)
		assert.Equal(t, len(p.Items), 2) // open and wind
		c.Get("/api/v1/channels").Status(http.StatusOK).JSON(&p)
		assert.Equal(t, len(p.Items), 3)
	})
}
