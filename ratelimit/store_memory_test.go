package ratelimit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/galetest/conform"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/ratelimit"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	conform.RateLimitStore(t, func(*testing.T) ratelimit.Store { return ratelimit.NewMemory(ratelimit.MemoryOptions{}) })
}

func charge(t testing.TB, s ratelimit.Store, charges ...ratelimit.Charge) bool {
	t.Helper()
	ok, err := s.Charge(t.Context(), charges)
	assert.NoError(t, err)
	return ok
}

// A flood of keys is the attack on a bounded store: to be forgotten.
func TestWhoIsAtTheLimitIsForgottenLast(t *testing.T) {
	t.Parallel()
	clock := galetest.NewClock(t, time.Time{})
	m := ratelimit.NewMemory(ratelimit.MemoryOptions{MaxKeys: 2048, Clock: clock.Now})
	attackers := make([]ratelimit.Charge, 20)
	for i := range attackers {
		attackers[i] = ratelimit.Charge{Limit: "address", Key: fmt.Sprint("attacker", i), Cost: time.Minute, Capacity: 5 * time.Minute}
		for range 5 {
			assert.True(t, charge(t, m, attackers[i]), "the limit is smaller than it should be")
		}
	}
	for i := range 20 * 2048 {
		// The windows of other limits must not matter: these buckets drain
		// long after those of the attackers, but only a fifth is used.
		flood := ratelimit.Charge{Limit: "account", Key: fmt.Sprint("flood", i), Cost: time.Hour, Capacity: 5 * time.Hour}
		assert.True(t, charge(t, m, flood), "a new key is refused")
	}
	for _, a := range attackers {
		assert.True(t, !charge(t, m, a), a.Key+" was forgotten")
	}
	clock.Advance(time.Minute)
	for _, a := range attackers {
		assert.True(t, charge(t, m, a), a.Key+" waits too long")
		assert.True(t, !charge(t, m, a), a.Key+" was forgotten")
	}
}

func TestKeysWithinTheBoundAreAllKept(t *testing.T) {
	t.Parallel()
	m := ratelimit.NewMemory(ratelimit.MemoryOptions{MaxKeys: 1 << 16})
	c := ratelimit.Charge{Limit: "l", Cost: time.Hour, Capacity: time.Hour}
	forgotten := 0
	for range 2 {
		for i := range 20_000 {
			c.Key = fmt.Sprint(i)
			if charge(t, m, c) {
				forgotten++
			}
		}
	}
	assert.Equal(t, forgotten, 20_000)
}

// A store whose buckets have drained must take new keys as if it were empty.
func TestDrainedBucketsMakeRoom(t *testing.T) {
	t.Parallel()
	clock := galetest.NewClock(t, time.Time{})
	m := ratelimit.NewMemory(ratelimit.MemoryOptions{MaxKeys: 1024, Clock: clock.Now})
	c := ratelimit.Charge{Limit: "l", Cost: time.Minute, Capacity: time.Minute}
	for round := range 5 {
		for i := range 300 {
			c.Key = fmt.Sprint(round, "-", i)
			assert.True(t, charge(t, m, c), "a new key is refused")
		}
		kept := 0
		for i := range 300 {
			c.Key = fmt.Sprint(round, "-", i)
			if !charge(t, m, c) {
				kept++
			}
		}
		assert.True(t, kept >= 295, fmt.Sprintf("only %d of 300 keys are kept in round %d", kept, round))
		clock.Advance(time.Minute)
	}
}

func TestTooManyCharges(t *testing.T) {
	t.Parallel()
	many := make([]ratelimit.Charge, ratelimit.MaxTakes+1)
	for i := range many {
		many[i] = ratelimit.Charge{Limit: "l", Key: fmt.Sprint(i), Cost: 1, Capacity: 1}
	}
	m := ratelimit.NewMemory(ratelimit.MemoryOptions{})
	_, err := m.Charge(t.Context(), many)
	assert.True(t, err != nil, "more than MaxTakes are accepted")
	assert.True(t, charge(t, m, many[:1]...), "the refused call has taken something")
	assert.Contains(t, assert.Panics(t, func() { ratelimit.NewMemory(ratelimit.MemoryOptions{MaxKeys: -1}) }).(string), "MaxKeys")
}
