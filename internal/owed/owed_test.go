package owed_test

import (
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/owed"
)

func TestNames(t *testing.T) {
	t.Parallel()
	n := owed.Names{Most: 2}
	assert.True(t, n.Add("a"), "the first to add sees to it")
	for _, name := range []string{"b", "a", "too many"} {
		assert.True(t, !n.Add(name), "somebody takes them already")
	}
	seen := map[string]bool{}
	for name, ok := n.Take(); ok; name, ok = n.Take() {
		seen[name] = true
	}
	assert.Equal(t, seen, map[string]bool{"a": true, "b": true})
	assert.True(t, n.Add("c"), "nobody takes them any more")
}
