package galevalkey

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/galeweb/gale/ratelimit"
)

// RateLimits is a [ratelimit.Store]: one script, one round trip, by the clock of
// the server, so that all instances count together however their clocks differ.
//
// In a cluster the keys of one call must be in one slot: there give a Prefix
// with a hash tag, such as "{limits}:". The server must not evict keys
// (maxmemory-policy noeviction), or a flood of keys can make it forget the limit
// of who caused it.
type RateLimits struct {
	store
	script *valkey.Lua
}

// NewRateLimits returns a store on client, which stays the caller's to close.
func NewRateLimits(client valkey.Client, o StoreOptions) *RateLimits {
	return &RateLimits{newStore(client, o, "gale:limits:"), valkey.NewLuaScript(chargeScript)}
}

// chargeScript gets the cost and the capacity of each key in microseconds. A
// key holds when its bucket has drained, in Unix microseconds, which a Lua
// number has exactly until the year 2255. It returns 1 or 0 and the levels.
const chargeScript = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local drained = redis.call('MGET', unpack(KEYS))
local out, fits = {1}, true
for i = 1, #KEYS do
	local cost, capacity = tonumber(ARGV[2*i-1]), tonumber(ARGV[2*i])
	local level = math.min(math.max((tonumber(drained[i] or 0) or 0) - now, 0), capacity)
	out[i+1] = level
	if cost > 0 and level + cost > capacity then fits = false end
end
if not fits then
	out[1] = 0
	return out
end
for i = 1, #KEYS do
	local cost = tonumber(ARGV[2*i-1])
	if cost ~= 0 then
		local level = math.max(out[i+1] + cost, 0)
		out[i+1] = level
		if level == 0 then
			redis.call('DEL', KEYS[i])
		else
			redis.call('SET', KEYS[i], string.format('%.0f', now + level), 'PX', math.ceil(level / 1000))
		end
	end
end
return out
`

// Charge implements [ratelimit.Store].
func (s *RateLimits) Charge(ctx context.Context, charges []ratelimit.Charge) (bool, error) {
	if len(charges) == 0 {
		return true, nil
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	keys, args := make([]string, len(charges)), make([]string, 0, 2*len(charges))
	for i, c := range charges {
		keys[i] = s.prefix + c.Limit + ":" + c.Key
		args = append(args, strconv.FormatInt(c.Cost.Microseconds(), 10), strconv.FormatInt(c.Capacity.Microseconds(), 10))
	}
	out, err := s.script.Exec(ctx, s.client, keys, args).AsIntSlice()
	if err != nil {
		return false, fmt.Errorf("galevalkey: charge: %w", err)
	}
	if len(out) != len(charges)+1 {
		return false, fmt.Errorf("galevalkey: charge: the script returned %d numbers for %d keys", len(out), len(charges))
	}
	for i := range charges {
		charges[i].Level = time.Duration(out[i+1]) * time.Microsecond
	}
	return out[0] == 1, nil
}
