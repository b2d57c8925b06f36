package database_test

import (
	"testing"

	"github.com/galeweb/gale/cmd/gale/reference/database"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
)

func newChannel(t testing.TB, s *database.Store, name string, public bool) models.Channel {
	t.Helper()
	if _, err := s.User(t.Context(), "id-owner"); err != nil {
		newUser(t, s, "owner")
	}
	c, err := s.CreateChannel(t.Context(), models.Channel{Name: name, Title: "The " + name, Public: public, OwnerID: "id-owner", CreatedAt: start})
	assert.NoError(t, err)
	return c
}

func TestChannels(t *testing.T) {
	storeTest(t, func(t *testing.T, s *database.Store) {
		ctx := t.Context()
		c := newChannel(t, s, "wind", true)
		got, err := s.Channel(ctx, "wind")
		assert.NoError(t, err)
		assert.Equal(t, got, c)
		_, err = s.Channel(ctx, "calm")
		assert.ErrorIs(t, err, services.ErrNotFound)
		_, err = s.CreateChannel(ctx, models.Channel{Name: "wind", Title: "x", OwnerID: "id-owner", CreatedAt: start})
		taken(t, err, "name")
		newChannel(t, s, "air", false)
		newChannel(t, s, "sea", true)

		for _, list := range []struct {
			all   bool
			after string
			limit int
			want  string
		}{
			{true, "", 10, "air sea wind "},
			{false, "", 10, "sea wind "},
			{false, "sea", 10, "wind "},
			{true, "", 2, "air sea "},
			{true, "wind", 10, ""},
			{true, "\xff", 10, ""},
			{true, "a\x00", 10, ""},
		} {
			channels, err := s.Channels(ctx, list.all, list.after, list.limit)
			assert.NoError(t, err)
			names := ""
			for _, c := range channels {
				names += c.Name + " "
			}
			assert.Equal(t, names, list.want)
		}
	})
}
