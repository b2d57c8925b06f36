package latest_test

import (
	"slices"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/latest"
)

func TestRing(t *testing.T) {
	t.Parallel()
	r := latest.Ring[int]{Most: 3}
	for i, want := range [][]int{{0}, {0, 1}, {0, 1, 2}, {1, 2, 3}, {2, 3, 4}, {3, 4, 5}, {4, 5, 6}} {
		r.Add(i)
		assert.Equal(t, slices.Collect(r.All), want)
	}
	for v := range r.All {
		assert.Equal(t, v, 4)
		break
	}
}
