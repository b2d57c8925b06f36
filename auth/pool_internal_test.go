package auth

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/internal/assert"
)

// crowd is who stands before a pool whose hashes take as long as the test says.
type crowd struct {
	*testing.T
	pool *pool
	done []string // whose hashes ran, in their order
	busy map[string]int
	next chan struct{} // a value for each hash that is to end
}

func newCrowd(t *testing.T, workers, places int) *crowd {
	return &crowd{T: t, pool: newPool(workers, places, nil), busy: map[string]int{}, next: make(chan struct{})}
}

// comes has a source ask for a hash, and returns once it waits, runs or is refused.
func (c *crowd) comes(source string) {
	go c.asks(sourceKey.With(c.Context(), source), source)
	synctest.Wait()
}

func (c *crowd) asks(ctx context.Context, source string) {
	err := c.pool.run(ctx, func() {
		<-c.next
		c.done = append(c.done, source) // one worker
	})
	if err != nil {
		assert.ErrorIs(c, err, ErrBusy)
		c.busy[source]++
	}
}

// ends has n hashes end.
func (c *crowd) ends(n int) {
	for range n {
		c.next <- struct{}{}
		synctest.Wait()
	}
}

// had is what a source has had.
func (c *crowd) had(source string) time.Duration {
	used, _ := c.pool.charge(source, 0)
	return used
}

// A client that sends passwords without end keeps itself waiting, and nobody else.
func TestOneSourceDoesNotKeepOthersOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 1, 8)
		for range 100 {
			c.comes("flood")
		}
		assert.Equal(t, c.busy["flood"], 91) // one runs, eight wait
		for _, owner := range []string{"ada", "bob", "cay"} {
			c.comes(owner)
			c.comes("flood")
		}
		assert.Equal(t, c.busy, map[string]int{"flood": 97})
		c.ends(9)
		assert.Equal(t, c.done[:5], []string{"flood", "ada", "bob", "cay", "flood"})
		assert.Equal(t, len(c.pool.waiting)+c.pool.running, 0)
	})
}

// As many addresses as there are places, and ten times as many: who has had no hash
// of late is served before all that have.
func TestManySourcesDoNotKeepAnOwnerOut(t *testing.T) {
	t.Parallel()
	for _, sources := range []int{8, 80} {
		synctest.Test(t, func(t *testing.T) {
			c := newCrowd(t, 1, 8)
			for i := range 10 * sources { // a steady flood, of which one hash is made each 30 ms
				c.comes(fmt.Sprint("bot", i%sources))
				c.comes(fmt.Sprint("bot", (i+sources/2)%sources))
				time.Sleep(30 * time.Millisecond)
				c.ends(1)
			}
			for range 3 {
				c.comes("ada")
				for i := range sources {
					c.comes(fmt.Sprint("bot", i))
				}
				c.ends(2) // what runs, and she
				assert.Equal(t, c.done[len(c.done)-1], "ada")
				time.Sleep(2 * time.Minute) // while which nobody comes: all of it is forgotten but the bots'
			}
			assert.Equal(t, c.busy["ada"], 0)
			c.ends(c.pool.running + len(c.pool.waiting))
		})
	}
}

// What is refused or given up costs its source nothing, and passes its place on.
func TestRefusedHashesCostNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 1, 1)
		c.comes("a")
		c.comes("b")
		for range 50 {
			c.comes("b")
		}
		ctx, leave := context.WithCancelCause(t.Context())
		leave(ErrBusy)
		for range 50 {
			c.asks(sourceKey.With(ctx, "c"), "c")
		}
		assert.Equal(t, c.busy, map[string]int{"b": 50, "c": 50})
		assert.Equal(t, c.had("b"), useCounts)
		assert.Equal(t, c.had("c"), 0)
		c.ends(2)
		assert.Equal(t, c.done, []string{"a", "b"})
		assert.Equal(t, len(c.pool.waiting)+c.pool.running, 0)
	})
}

// Behind one address with an attacker the owner's own browser is a source by itself;
// of IPv6, all addresses of a network are one.
func TestSourcesOfAttempts(t *testing.T) {
	t.Parallel()
	source := func(a Attempt) (s string) {
		_, err := NewThrottle(ThrottleOptions{}).Check(t.Context(), a, func(ctx context.Context) (bool, error) {
			s, _ = sourceKey.Value(ctx)
			return true, nil
		})
		assert.NoError(t, err)
		return s
	}
	addr, known := netip.MustParseAddr("203.0.113.7"), Device{account: accountKey("ada"), id: "browser"}
	stranger, owner := source(Attempt{Account: "ada", Addr: addr}), source(Attempt{Account: "ada", Addr: addr, Device: known})
	assert.True(t, stranger != owner && owner != "", "one source")
	assert.Equal(t, source(Attempt{Account: "bob", Addr: addr, Device: known}), stranger)
	assert.Equal(t, source(Attempt{Addr: netip.MustParseAddr("2001:db8::1")}), source(Attempt{Addr: netip.MustParseAddr("2001:db8::2:3")}))
}

// Whoever has a mailed link can have any number of new passwords hashed with it.
func TestHashesOutsideOfAThrottleKeepNobodyOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 1, 8)
		c.pool.addr = func(context.Context) netip.Addr { return netip.MustParseAddr("192.0.2.7") }
		for range 100 {
			go c.asks(t.Context(), "link")
			synctest.Wait()
		}
		c.comes("ada")
		c.ends(2)
		assert.Equal(t, c.done, []string{"link", "ada"})
		assert.Equal(t, c.busy, map[string]int{"link": 92})
		c.ends(7)
	})
}

// Who has had the most is not given back what was never counted.
func TestNothingIsGivenBackTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 1, 1)
		for range 60 {
			c.comes("flood")
			c.ends(1)
		}
		assert.Equal(t, c.had("flood"), useMost)
		for range 5 { // one runs, one waits, and the others are refused
			c.comes("flood")
		}
		assert.Equal(t, c.had("flood"), useMost)
		c.ends(2)
	})
}
