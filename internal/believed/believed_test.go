package believed_test

import (
	"errors"
	"testing"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/believed"
)

// source is what is cached, with a clock.
type source struct {
	now   time.Time
	value int
	err   error
	reads int
}

func (s *source) read() (int, error) {
	s.reads++
	return s.value, s.err
}

func setup() (*source, *believed.Cache[string, int]) {
	s := &source{value: 1, now: time.Unix(1e9, 0)}
	return s, believed.New[string, int](10, time.Second, func() time.Time { return s.now })
}

func get(t *testing.T, c *believed.Cache[string, int], s *source) int {
	t.Helper()
	v, err := c.Get("k", s.read)
	assert.NoError(t, err)
	return v
}

func TestBelievedForItsAge(t *testing.T) {
	t.Parallel()
	s, c := setup()
	assert.Equal(t, get(t, c, s), 1)
	s.value = 2
	s.now = s.now.Add(time.Second - 1)
	assert.Equal(t, get(t, c, s), 1)
	s.now = s.now.Add(1)
	assert.Equal(t, get(t, c, s), 2)
	assert.Equal(t, s.reads, 2)
}

func TestForgotten(t *testing.T) {
	t.Parallel()
	for name, forget := range map[string]func(*believed.Cache[string, int]){
		"one": func(c *believed.Cache[string, int]) { c.Forget("k") },
		"all": func(c *believed.Cache[string, int]) { c.ForgetAll() },
		"a change that failed": func(c *believed.Cache[string, int]) {
			assert.True(t, c.Change("k", func() (int, error) { return 7, errors.New("conflict") }) != nil, "no error")
		},
	} {
		s, c := setup()
		get(t, c, s)
		s.value = 2
		forget(c)
		if got := get(t, c, s); got != 2 {
			t.Errorf("%s: got %d", name, got)
		}
		s.value = 3
		_, err := c.Get("k", func() (int, error) {
			forget(c) // between the read and its keeping
			return 2, nil
		})
		assert.NoError(t, err)
		forget(c)
		_, err = c.Get("k", func() (int, error) {
			forget(c)
			return 2, nil
		})
		assert.NoError(t, err)
		if got := get(t, c, s); got != 3 {
			t.Errorf("%s: what was read before is kept after: %d", name, got)
		}
	}
}

func TestChange(t *testing.T) {
	t.Parallel()
	s, c := setup()
	set := func(v int) func() (int, error) { return func() (int, error) { s.value = v; return v, nil } }
	assert.NoError(t, c.Change("k", set(5)))
	assert.Equal(t, get(t, c, s), 5)
	assert.Equal(t, s.reads, 0)
	assert.NoError(t, c.Change("k", func() (int, error) {
		assert.NoError(t, c.Change("k", set(6))) // which of the two came last is not known
		return 7, nil
	}))
	assert.Equal(t, get(t, c, s), 6)
	assert.Equal(t, s.reads, 1)
}

func TestErrorsAreNotKept(t *testing.T) {
	t.Parallel()
	s, c := setup()
	s.err = errors.New("away")
	_, err := c.Get("k", s.read)
	assert.ErrorIs(t, err, s.err)
	s.err = nil
	assert.Equal(t, get(t, c, s), 1)
}
