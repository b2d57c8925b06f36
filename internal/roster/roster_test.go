package roster_test

import (
	"fmt"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/roster"
)

func counts(r *roster.Roster) string {
	users, connections := r.Counts()
	return fmt.Sprintf("%d users, %d connections, %d named", users, connections, len(r.Members(1<<20)))
}

func TestRoster(t *testing.T) {
	t.Parallel()
	a, b := roster.New(), roster.New()
	assert.True(t, a.Mine() == nil, "nobody says nothing")
	a.Join(roster.Member{User: "ann", Conn: "a1", Since: 2})
	a.Join(roster.Member{User: "ann", Conn: "a2", Since: 1})
	a.Join(roster.Member{Conn: "a3", Since: 3})
	b.Join(roster.Member{User: "ann", Conn: "b1", Since: 4})
	b.Join(roster.Member{User: "bob", Conn: "b2", Since: 5})
	assert.Equal(t, counts(a), "1 users, 3 connections, 3 named")

	said := map[string][]byte{"a": a.Mine(), "b": b.Mine(), "broken": []byte("{")}
	joined, left, lost := a.Others(said, "a")
	assert.Equal(t, fmt.Sprint(len(joined), len(left), lost), "2 0 false")
	assert.Equal(t, counts(a), "2 users, 5 connections, 5 named")
	assert.Equal(t, a.Members(10)[0].Conn, "a2")
	assert.Equal(t, len(a.Members(4)), 4)

	m, ok := b.Leave("b2")
	assert.True(t, ok && m.User == "bob", "bob leaves")
	_, ok = b.Leave("b2")
	assert.True(t, !ok, "once")
	joined, left, lost = a.Others(map[string][]byte{"a": a.Mine(), "b": b.Mine()}, "a")
	assert.Equal(t, fmt.Sprintf("%d %s %v", len(joined), left[0].Conn, lost), "0 b2 false")

	_, left, lost = a.Others(nil, "a")
	assert.Equal(t, fmt.Sprintf("%s %v", left[0].Conn, lost), "b1 true")
	assert.Equal(t, counts(a), "1 users, 3 connections, 3 named")
}

// TestLargeNode: members beyond the thousandth are counted, not named.
func TestLargeNode(t *testing.T) {
	t.Parallel()
	large, small := roster.New(), roster.New()
	for i := range 3000 {
		large.Join(roster.Member{User: fmt.Sprint("u", i/2), Conn: fmt.Sprint("c", i)})
	}
	small.Join(roster.Member{User: "other", Conn: "s"})
	small.Others(map[string][]byte{"large": large.Mine()}, "small")
	assert.Equal(t, counts(small), "1501 users, 3001 connections, 1001 named")
	assert.Equal(t, counts(large), "1500 users, 3000 connections, 3000 named")
}
