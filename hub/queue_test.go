package hub

import (
	"fmt"
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/assert"
)

func (q *backlog) String() string {
	var b strings.Builder
	for _, it := range q.items {
		fmt.Fprintf(&b, "%s%d ", it.Key, it.Offset)
	}
	fmt.Fprintf(&b, "missed %d", q.missed)
	return b.String()
}

func TestQueuePolicies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		policy Policy
		keys   string
		want   string
		closes bool
	}{
		{DropOldest, "abc", "a1 b2 c3 missed 0", false},
		{DropOldest, "abcde", "c3 d4 e5 missed 2", false},
		{Conflate, "abab", "a3 b4 missed 2", false},
		{Conflate, "abca", "b2 c3 a4 missed 1", false},
		{Conflate, "abcd", "b2 c3 d4 missed 1", false},
		{Conflate, "aaaa", "a4 missed 3", false},
		{CloseSlow, "abc", "a1 b2 c3 missed 0", false},
		{CloseSlow, "abcd", "a1 b2 c3 missed 0", true},
	} {
		q := backlog{limit: 3, policy: c.policy}
		closes, total := false, 0
		for i, key := range c.keys {
			dropped, ok := q.push(item{epoch: "e", Entry: Entry{Offset: uint64(i + 1), Key: string(key)}})
			closes = closes || !ok
			total += dropped
		}
		assert.Equal(t, q.String(), c.want)
		assert.Equal(t, closes, c.closes)
		assert.Equal(t, uint64(total), q.missed)
	}
}

func TestQueueBegin(t *testing.T) {
	t.Parallel()
	q := backlog{limit: 10}
	q.reset()
	for i := range uint64(4) {
		q.push(item{epoch: "e", Entry: Entry{Offset: i + 3}})
	}
	h := History{Top: Position{"e", 4}, Entries: []Entry{{Offset: 2}, {Offset: 3}, {Offset: 4}}}
	assert.True(t, q.begin(h, guard{}), "begins")
	assert.Equal(t, q.String(), "2 3 4 5 6 missed 0")
}
