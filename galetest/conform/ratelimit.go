package conform

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/ratelimit"
)

// RateLimitStore runs the suite that every [ratelimit.Store] must pass. open
// returns an empty store and registers its closing with t.Cleanup.
func RateLimitStore(t *testing.T, open func(t *testing.T) ratelimit.Store) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, ratelimit.Store){
		"FillAndRefuse":   rateFillAndRefuse,
		"Look":            rateLook,
		"AllOrNothing":    rateAllOrNothing,
		"GiveBack":        rateGiveBack,
		"Drains":          rateDrains,
		"SmallerCapacity": rateSmallerCapacity,
		"Names":           rateNames,
		"Many":            rateMany,
		"Concurrent":      rateConcurrent,
		"OppositeOrders":  rateOppositeOrders,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// rateUnit is long enough that nothing drains while a test runs, however slow
// the machine; level rounds the little that does.
const rateUnit = time.Hour

func rateCharge(key string, cost, capacity int) ratelimit.Charge {
	return ratelimit.Charge{Limit: "conform", Key: key, Cost: time.Duration(cost) * rateUnit, Capacity: time.Duration(capacity) * rateUnit}
}

// charge returns what the store said, and the levels in units.
func charge(t *testing.T, s ratelimit.Store, charges ...ratelimit.Charge) (ok bool, levels []int) {
	t.Helper()
	for i := range charges {
		charges[i].Level = -1
	}
	ok, err := s.Charge(t.Context(), charges)
	assert.NoError(t, err)
	for _, c := range charges {
		if c.Level < 0 || c.Level > c.Capacity {
			t.Errorf("level of %s is %v of %v", c.Key, c.Level, c.Capacity)
		}
		levels = append(levels, int(c.Level.Round(rateUnit)/rateUnit))
	}
	return ok, levels
}

func expectCharge(t *testing.T, s ratelimit.Store, wantOK bool, wantLevels []int, charges ...ratelimit.Charge) {
	t.Helper()
	ok, levels := charge(t, s, charges...)
	assert.Equal(t, ok, wantOK)
	assert.Equal(t, levels, wantLevels)
}

func rateFillAndRefuse(t *testing.T, s ratelimit.Store) {
	for n := range 5 {
		expectCharge(t, s, true, []int{n + 1}, rateCharge("a", 1, 5))
	}
	for range 3 { // a refusal costs nothing
		expectCharge(t, s, false, []int{5}, rateCharge("a", 1, 5))
	}
	expectCharge(t, s, true, []int{3}, rateCharge("b", 3, 5))
	expectCharge(t, s, false, []int{3}, rateCharge("b", 3, 5))
	expectCharge(t, s, true, []int{5}, rateCharge("b", 2, 5))
	expectCharge(t, s, false, []int{0}, rateCharge("c", 6, 5))
}

func rateLook(t *testing.T, s ratelimit.Store) {
	expectCharge(t, s, true, []int{0}, rateCharge("a", 0, 5))
	expectCharge(t, s, true, []int{5}, rateCharge("a", 5, 5))
	for range 2 {
		expectCharge(t, s, true, []int{5, 0}, rateCharge("a", 0, 5), rateCharge("b", 0, 5))
	}
	ok, err := s.Charge(t.Context(), nil)
	assert.NoError(t, err)
	assert.True(t, ok, "no charges at all do not fit")
}

func rateAllOrNothing(t *testing.T, s ratelimit.Store) {
	expectCharge(t, s, true, []int{1, 1}, rateCharge("a", 1, 2), rateCharge("b", 1, 1))
	for range 3 { // whichever of them is full
		expectCharge(t, s, false, []int{1, 1}, rateCharge("a", 1, 2), rateCharge("b", 1, 1))
		expectCharge(t, s, false, []int{1, 1, 0}, rateCharge("b", 1, 1), rateCharge("a", 1, 2), rateCharge("c", 1, 1))
	}
	expectCharge(t, s, true, []int{2, 1}, rateCharge("a", 1, 2), rateCharge("c", 1, 1))
	expectCharge(t, s, false, []int{2, 1, 1, 0}, rateCharge("a", 1, 2), rateCharge("b", -1, 1), rateCharge("c", 0, 1), rateCharge("d", 1, 1))
}

func rateGiveBack(t *testing.T, s ratelimit.Store) {
	expectCharge(t, s, true, []int{0}, rateCharge("new", -1, 5))
	expectCharge(t, s, true, []int{5}, rateCharge("new", 5, 5))
	expectCharge(t, s, true, []int{4}, rateCharge("new", -1, 5))
	expectCharge(t, s, true, []int{5}, rateCharge("new", 1, 5))
	expectCharge(t, s, true, []int{0}, rateCharge("new", -9, 5))
	expectCharge(t, s, true, []int{5, 0}, rateCharge("new", 5, 5), rateCharge("other", -1, 5))
	expectCharge(t, s, true, []int{3, 2}, rateCharge("new", -2, 5), rateCharge("other", 2, 5))
}

// rateDrains asks until there is room again, since a store's server has a clock
// of its own.
func rateDrains(t *testing.T, s ratelimit.Store) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	fast := ratelimit.Charge{Limit: "conform", Key: "fast", Cost: 30 * time.Millisecond, Capacity: 30 * time.Millisecond}
	slow := rateCharge("slow", 1, 9)
	for n := 1; n <= 3; {
		both := []ratelimit.Charge{fast, slow}
		ok, err := s.Charge(ctx, both)
		assert.NoError(t, err)
		if ok {
			assert.Equal(t, int(both[1].Level.Round(rateUnit)/rateUnit), n)
			n++
			continue
		}
		if both[0].Level <= 0 {
			t.Errorf("refused with a level of %v", both[0].Level)
		}
		<-tick.C
	}
	for { // and to the end, not below
		look := []ratelimit.Charge{fast}
		look[0].Cost = 0
		_, err := s.Charge(ctx, look)
		assert.NoError(t, err)
		if look[0].Level == 0 {
			break
		}
		<-tick.C
	}
}

// rateSmallerCapacity is a limit that was lowered, or a clock that was set
// back: nobody waits longer than the limit in force says.
func rateSmallerCapacity(t *testing.T, s ratelimit.Store) {
	expectCharge(t, s, true, []int{100}, rateCharge("a", 100, 100))
	expectCharge(t, s, false, []int{2}, rateCharge("a", 1, 2))
	expectCharge(t, s, true, []int{1}, rateCharge("a", -1, 2))
	expectCharge(t, s, true, []int{2}, rateCharge("a", 1, 2))
}

func rateNames(t *testing.T, s ratelimit.Store) {
	keys := []string{"a", "A", "a ", " a", "a:b", "%", "_", "*", "{a}", "'", `"`, `\`, "#a", "~", strings.Repeat("k", 128), strings.Repeat("k", 127)}
	for _, limit := range []string{"a", "x", "x/1", "x.1_-"} {
		for _, key := range keys {
			c := rateCharge(key, 1, 1)
			c.Limit = limit
			ok, _ := charge(t, s, c)
			assert.True(t, ok, fmt.Sprintf("%s and %q share a bucket with another", limit, key))
			ok, _ = charge(t, s, c)
			assert.True(t, !ok, fmt.Sprintf("%s and %q are not kept", limit, key))
		}
	}
}

func rateMany(t *testing.T, s ratelimit.Store) {
	many := func(first int) (charges []ratelimit.Charge) {
		for i := range ratelimit.MaxTakes {
			charges = append(charges, rateCharge(fmt.Sprint("k", first+i), 1, 1))
		}
		return charges
	}
	ok, _ := charge(t, s, many(0)...)
	assert.True(t, ok, "the most charges at once do not fit")
	ok, levels := charge(t, s, many(ratelimit.MaxTakes-1)...)
	assert.True(t, !ok, "one full bucket of many does not count")
	assert.Equal(t, levels, append([]int{1}, make([]int, ratelimit.MaxTakes-1)...))
}

func rateConcurrent(t *testing.T, s ratelimit.Store) {
	var passed atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				ok, err := s.Charge(t.Context(), []ratelimit.Charge{rateCharge("a", 1, 20)})
				if err != nil {
					t.Errorf("Charge: %v", err)
					return
				}
				if ok {
					passed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	assert.Equal(t, passed.Load(), 20)
}

// rateOppositeOrders would find two calls that wait for each other, and one
// that adds to a bucket though the other is full.
func rateOppositeOrders(t *testing.T, s ratelimit.Store) {
	var passed atomic.Int64
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			charges := []ratelimit.Charge{rateCharge("a", 1, 20), rateCharge("b", 1, 15), rateCharge("c", 1, 50)}
			if g%2 == 1 {
				charges[0], charges[2] = charges[2], charges[0]
			}
			for range 5 {
				ok, err := s.Charge(t.Context(), charges)
				if err != nil {
					t.Errorf("Charge: %v", err)
					return
				}
				if ok {
					passed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	assert.Equal(t, passed.Load(), 15)
	expectCharge(t, s, true, []int{15, 15, 15}, rateCharge("a", 0, 20), rateCharge("b", 0, 15), rateCharge("c", 0, 50))
}
