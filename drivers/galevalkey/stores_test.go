package galevalkey_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/galeweb/gale/cache"
	"github.com/galeweb/gale/drivers/galevalkey"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/galetest/conform"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/ratelimit"
	"github.com/galeweb/gale/session"
)

// storeClient returns a client, and options with a prefix of the test's own
// whose keys are deleted after it.
func storeClient(t testing.TB) (valkey.Client, galevalkey.StoreOptions) {
	t.Helper()
	client, err := valkey.NewClient(valkey.MustParseURL(galetest.Require(t, "redis")))
	assert.NoError(t, err)
	o := galevalkey.StoreOptions{Prefix: "galetest:" + rand.Text()[:12] + ":"}
	t.Cleanup(func() {
		defer client.Close()
		ctx := context.WithoutCancel(t.Context())
		scan, err := client.Do(ctx, client.B().Scan().Cursor(0).Match(o.Prefix+"*").Count(1_000_000).Build()).AsScanEntry()
		assert.NoError(t, err)
		for _, key := range scan.Elements {
			assert.NoError(t, client.Do(ctx, client.B().Del().Key(key).Build()).Error())
		}
	})
	return client, o
}

func TestRateLimitStore(t *testing.T) {
	t.Parallel()
	conform.RateLimitStore(t, func(t *testing.T) ratelimit.Store { return galevalkey.NewRateLimits(storeClient(t)) })
}

// counting notes the commands that a store sends; each is a round trip.
type counting struct {
	valkey.Client
	sent []string
}

func (c *counting) Do(ctx context.Context, command valkey.Completed) valkey.ValkeyResult {
	c.sent = append(c.sent, command.Commands()[0])
	return c.Client.Do(ctx, command)
}

// However many limits are taken at once, and whether they are taken or refused, it
// is one round trip, but for the first, of a server that has not seen the script.
func TestChargeIsOneRoundTrip(t *testing.T) {
	t.Parallel()
	client, o := storeClient(t)
	c := &counting{Client: client}
	limits := galevalkey.NewRateLimits(c, o)
	charges := make([]ratelimit.Charge, ratelimit.MaxTakes)
	for i := range charges {
		charges[i] = ratelimit.Charge{Limit: "trips", Key: fmt.Sprint(i), Cost: time.Hour, Capacity: 2 * time.Hour}
	}
	ok := make([]bool, 4)
	for i := range ok {
		if i == 1 {
			c.sent = nil
		}
		var err error
		ok[i], err = limits.Charge(t.Context(), charges)
		assert.NoError(t, err)
	}
	assert.Equal(t, ok, []bool{true, true, false, false})
	assert.Equal(t, c.sent, []string{"EVALSHA", "EVALSHA", "EVALSHA"})
}

func TestSessionStore(t *testing.T) {
	t.Parallel()
	conform.SessionStore(t, func(t *testing.T) session.Store { return galevalkey.NewSessions(storeClient(t)) })
}

func TestCacheStore(t *testing.T) {
	t.Parallel()
	conform.CacheStore(t, func(t *testing.T) cache.Store { return galevalkey.NewCache(storeClient(t)) })
}

// What is forgotten must not stay in the server's memory.
func TestEveryKeyOfAStoreExpires(t *testing.T) {
	t.Parallel()
	client, o := storeClient(t)
	limits, sessions := galevalkey.NewRateLimits(client, o), galevalkey.NewSessions(client, o)
	for i := range 3 {
		ok, err := limits.Charge(t.Context(), []ratelimit.Charge{
			{Limit: "l", Key: fmt.Sprint(i), Cost: time.Minute, Capacity: time.Hour},
			{Limit: "l", Key: "drained", Cost: -time.Minute, Capacity: time.Hour},
		})
		assert.NoError(t, err)
		assert.True(t, ok, "a new key is refused")
		now := time.Now().UTC().Truncate(time.Millisecond)
		assert.NoError(t, sessions.Save(t.Context(), session.Hash{byte(i)}, session.Record{
			Hash: session.Hash{byte(i)}, ID: fmt.Sprint(i), User: "alice", Created: now, Seen: now, Expires: now.Add(time.Hour),
		}))
	}
	scan, err := client.Do(t.Context(), client.B().Scan().Cursor(0).Match(o.Prefix+"*").Count(1_000_000).Build()).AsScanEntry()
	assert.NoError(t, err)
	assert.Equal(t, len(scan.Elements), 3+3+1)
	for _, key := range scan.Elements {
		ttl, err := client.Do(t.Context(), client.B().Pttl().Key(key).Build()).AsInt64()
		assert.NoError(t, err)
		assert.True(t, ttl > 0 && ttl <= (2*time.Hour).Milliseconds(), fmt.Sprintf("%q lives for %d ms", key, ttl))
	}
}

// A list that lost its entry would hide a session that still opens something.
func TestAUsersListOutlivesItsSessions(t *testing.T) {
	t.Parallel()
	sessions := galevalkey.NewSessions(storeClient(t))
	now := time.Now().UTC().Truncate(time.Millisecond)
	r := session.Record{Hash: session.Hash{1}, ID: "1", User: "alice", Created: now, Seen: now, Expires: now.Add(time.Hour)}
	assert.NoError(t, sessions.Save(t.Context(), r.Hash, r))
	late := r
	r.Version, r.Expires = 1, now.Add(5*time.Hour)
	assert.NoError(t, sessions.Save(t.Context(), r.Hash, r))
	assert.ErrorIs(t, sessions.Save(t.Context(), late.Hash, late), session.ErrConflict) // with the early time
	other := session.Record{Hash: session.Hash{2}, ID: "2", User: "alice", Created: now, Seen: now, Expires: now.Add(-2 * time.Hour)}
	assert.NoError(t, sessions.Save(t.Context(), other.Hash, other)) // which has expired
	all, err := sessions.ByUser(t.Context(), "alice")
	assert.NoError(t, err)
	assert.Equal(t, len(all), 1)
	assert.Equal(t, all[0].Expires, r.Expires)
}

func TestStoresFailWithoutAServer(t *testing.T) {
	t.Parallel()
	client, o := storeClient(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	limits, sessions, c := galevalkey.NewRateLimits(client, o), galevalkey.NewSessions(client, o), galevalkey.NewCache(client, o)
	_, err := limits.Charge(ctx, []ratelimit.Charge{{Limit: "l", Key: "k", Cost: 1, Capacity: 1}})
	assert.ErrorIs(t, err, context.Canceled)
	_, err = sessions.Load(ctx, session.Hash{})
	assert.ErrorIs(t, err, context.Canceled)
	_, err = sessions.ByUser(ctx, "alice")
	assert.ErrorIs(t, err, context.Canceled)
	assert.ErrorIs(t, sessions.Save(ctx, session.Hash{}, session.Record{}), context.Canceled)
	assert.ErrorIs(t, sessions.Delete(ctx, session.Hash{}), context.Canceled)
	_, err = c.Get(ctx, "k")
	assert.ErrorIs(t, err, context.Canceled)
	assert.ErrorIs(t, c.Set(ctx, "k", nil, time.Second), context.Canceled)
	assert.ErrorIs(t, c.Delete(ctx, "k"), context.Canceled)
	assert.Contains(t, assert.Panics(t, func() { galevalkey.NewCache(nil, o) }).(string), "valkey.NewClient")
	assert.Contains(t, assert.Panics(t, func() { galevalkey.NewCache(client, galevalkey.StoreOptions{Timeout: -1}) }).(string), "Timeout")
}

func BenchmarkCharge(b *testing.B) {
	limits := galevalkey.NewRateLimits(storeClient(b))
	b.RunParallel(func(pb *testing.PB) {
		charges := []ratelimit.Charge{{Limit: "l", Key: "k", Cost: time.Microsecond, Capacity: time.Hour}}
		for pb.Next() {
			if _, err := limits.Charge(b.Context(), charges); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
