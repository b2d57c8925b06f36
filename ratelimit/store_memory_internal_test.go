package ratelimit

import (
	"strconv"
	"testing"
	"time"

	"github.com/galeweb/gale/internal/assert"
)

func slots(m *Memory) (n int) {
	for i := range m.shards {
		n += len(m.shards[i].slots)
	}
	return n
}

func TestMemoryIsBoundedAndGrowsAsNeeded(t *testing.T) {
	t.Parallel()
	for _, maxKeys := range []int{1, 1024, 3000, 1 << 14} {
		m := NewMemory(MemoryOptions{MaxKeys: maxKeys})
		assert.Equal(t, slots(m), 0)
		for i := range 40_000 {
			c := []Charge{{Limit: "l", Key: strconv.Itoa(i), Cost: time.Hour, Capacity: time.Hour}}
			ok, err := m.Charge(t.Context(), c)
			assert.NoError(t, err)
			assert.True(t, ok, "a new key is refused")
		}
		want := 1024
		for want < maxKeys {
			want *= 2
		}
		assert.Equal(t, slots(m), want)
	}
	if n := slots(NewMemory(MemoryOptions{})); n != 0 {
		t.Errorf("an unused store has %d slots", n)
	}
}
