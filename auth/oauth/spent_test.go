package oauth_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/galeweb/gale/auth/oauth"
	"github.com/galeweb/gale/internal/assert"
)

func TestStatesThatCameBackAreRemembered(t *testing.T) {
	t.Parallel()
	s, now := oauth.NewSpent(), time.Unix(0, 0)
	assert.True(t, s.Take("a", now, now.Add(time.Minute)), "first use")
	assert.True(t, !s.Take("a", now, now.Add(time.Minute)), "second use")
	for i := range 3 * oauth.MaxSpent {
		s.Take(strconv.Itoa(i), now, now.Add(time.Hour))
		if s.Len() > oauth.MaxSpent {
			t.Fatal("a flood fills the memory: ", s.Len())
		}
	}
	// Those whose time is over make room first.
	s, later := oauth.NewSpent(), now.Add(time.Minute)
	for i := range oauth.MaxSpent - 1 {
		s.Take(strconv.Itoa(i), now, later)
	}
	s.Take("fresh", now, later.Add(time.Minute))
	s.Take("one more", later, later.Add(time.Minute))
	assert.Equal(t, s.Len(), 2)
	assert.True(t, !s.Take("fresh", later, later.Add(time.Minute)), "a fresh one was forgotten")
}
