package services_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
)

func TestCreateChannel(t *testing.T) {
	t.Parallel()
	s := &services.Channels{Store: &channels{}, Now: clock}
	c, err := s.Create(t.Context(), "u", "wind-7", "  The wind ", true)
	assert.NoError(t, err)
	assert.Equal(t, c, models.Channel{ID: 1, Name: "wind-7", Title: "The wind", Public: true, OwnerID: "u", CreatedAt: now.UTC()})
	for _, bad := range []struct {
		name, title string
		fields      []string
	}{
		{"", "", []string{"name", "title"}},
		{"Wind", "Wind", []string{"name"}},
		{"wind/../sea", "Wind", []string{"name"}},
		{"wind\n", "Wind", []string{"name"}},
		{strings.Repeat("w", 65), "Wind", []string{"name"}},
		{"wind", strings.Repeat("w", 101), []string{"title"}},
		{"wind", "two\nlines", []string{"title"}},
		{"wind", " \t ", []string{"title"}},
	} {
		_, err := s.Create(t.Context(), "u", bad.name, bad.title, false)
		wantInvalid(t, err, bad.fields...)
	}
	_, err = s.Create(t.Context(), "u", strings.Repeat("w", 64), strings.Repeat("ö", 100), false)
	assert.NoError(t, err)
}

func TestVisible(t *testing.T) {
	t.Parallel()
	store := &channels{byName: map[string]models.Channel{"open": {Name: "open", Public: true}, "closed": {Name: "closed"}}}
	s := &services.Channels{Store: store, Now: clock}
	for _, look := range []struct {
		name     string
		mayWatch bool
		want     error
	}{
		{"open", false, nil},
		{"open", true, nil},
		{"closed", true, nil},
		{"closed", false, services.ErrNotFound},
		{"none", true, services.ErrNotFound},
		{"../open", true, services.ErrNotFound},
		{"\x00", true, services.ErrNotFound},
	} {
		c, err := s.Visible(t.Context(), look.name, look.mayWatch)
		assert.ErrorIs(t, err, look.want)
		if err != nil {
			assert.Equal(t, c, models.Channel{}) // nothing leaks beside the error
		}
	}
	store.err = errors.New("down")
	_, err := s.Visible(t.Context(), "open", true)
	assert.ErrorIs(t, err, store.err)
}
