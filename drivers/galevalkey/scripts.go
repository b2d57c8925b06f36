package galevalkey

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"strings"

	"github.com/valkey-io/valkey-go"
)

// publishScript appends messages and publishes them. It begins with a line
// that sets life, the id of the server's process. Where that is another than
// the one that wrote last, the server may have come back with less than it had:
// the offsets then jump by more messages than anybody published in between.
// Eight times in an age it drops what is too old and has the keys live on.
//
//	KEYS  meta, stream
//	ARGV  channel, new epoch, messages, age in ms or 0, life of meta in ms or 0, entries …
const publishScript = `
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'top', 'life', 'due')
local epoch = meta[1]
if not epoch then
  epoch, meta[2], meta[3], meta[4] = ARGV[2], '0', false, false
  redis.call('DEL', KEYS[2])
end
local prev = tonumber(meta[2])
local first = prev + 1
if meta[3] and meta[3] ~= life then first = first + 4294967296 end
local count, keep, age = #ARGV - 5, tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local number, stamp = function(n) return string.format('%.0f', n) end, string.format('-%.0f', now)
local top = number(first + count - 1)
redis.call('HSET', KEYS[1], 'epoch', epoch, 'top', top, 'life', life)
local text = {epoch, ' ', number(prev), ' ', number(first), '\n'}
for i = 1, count do
  local entry = ARGV[i + 5]
  text[#text + 1] = #entry .. ':'
  text[#text + 1] = entry
  if i > count - keep then
    local id = number(first + i - 1) .. stamp
    if i == 1 and first ~= prev + 1 then
      redis.call('XADD', KEYS[2], 'MAXLEN', keep, id, 'd', entry, 'p', number(prev))
    else
      redis.call('XADD', KEYS[2], 'MAXLEN', keep, id, 'd', entry)
    end
  end
end
if age > 0 and now >= tonumber(meta[4] or 0) then
  while true do
    local oldest = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
    local offset, at = oldest[1]:match('(%d+)-(%d+)')
    if now - at < age then break end
    redis.call('XTRIM', KEYS[2], 'MINID', number(offset + 1))
  end
  local step = math.floor(age / 8)
  redis.call('HSET', KEYS[1], 'due', number(now + step))
  redis.call('PEXPIRE', KEYS[2], age + step + 1)
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
end
redis.call('PUBLISH', ARGV[1], table.concat(text))
return {epoch, top}
`

// lifeScript returns the id of the process that serves a key, which is new
// after each start.
const lifeScript = `return redis.call('INFO', 'server'):match('run_id:(%w+)') or ''`

// clusterLife is the first line of publishScript in a cluster, where each
// server has a life of its own.
const clusterLife = `local life = redis.call('INFO', 'server'):match('run_id:(%w+)') or ''`

// historyScript reads up to one more entry than the limit, so that too many
// are noticed. With a mark it publishes that, after which everything up to the
// top has been delivered.
//
//	KEYS  meta, stream
//	ARGV  new epoch, life of meta in ms or 0, limit, epoch and offset asked for or "", channel, mark or ""
const historyScript = `
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'top')
if not meta[1] then
  meta = {ARGV[1], '0'}
  redis.call('HSET', KEYS[1], 'epoch', meta[1], 'top', meta[2])
  redis.call('DEL', KEYS[2])
end
if ARGV[2] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
if ARGV[7] ~= '' then redis.call('PUBLISH', ARGV[6], ARGV[7]) end
local entries = {}
if ARGV[4] == '' then
  if ARGV[3] ~= '0' then entries = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', ARGV[3]) end
elseif ARGV[4] == meta[1] and ARGV[5] ~= meta[2] then
  entries = redis.call('XRANGE', KEYS[2], ARGV[5] + 1, '+', 'COUNT', ARGV[3] + 1)
end
local time = redis.call('TIME')
return {meta[1], meta[2], string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)), entries}
`

// setMembersScript notes what a node says, or takes it back.
//
//	KEYS  hash
//	ARGV  node, time to live in ms, members
const setMembersScript = `
if ARGV[3] == '' then return redis.call('HDEL', KEYS[1], ARGV[1]) end
local time = redis.call('TIME')
local expires = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2]
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f\n', expires) .. ARGV[3])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1
`

// membersScript returns what is not over, and forgets the rest.
//
//	KEYS  hash
const membersScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local all, there = redis.call('HGETALL', KEYS[1]), {}
for i = 1, #all, 2 do
  local expires, members = all[i + 1]:match('^(%d+)\n(.*)$')
  if tonumber(expires) > now then
    there[#there + 1] = all[i]
    there[#there + 1] = members
  else
    redis.call('HDEL', KEYS[1], all[i])
  end
end
return there
`

// unkeptScript publishes from the server that has a key, since in a cluster
// only what goes the same way keeps its order.
//
//	KEYS  any of the stream's
//	ARGV  channel, text
const unkeptScript = `redis.call('PUBLISH', ARGV[1], ARGV[2])`

type scripts struct {
	life, history, unkept, setMembers, members *script
}

func newScripts() scripts {
	return scripts{
		newScript(lifeScript), newScript(historyScript), newScript(unkeptScript), newScript(setMembersScript), newScript(membersScript),
	}
}

// script is one that the server knows by its hash, once it has seen it.
type script struct{ text, hash string }

func newScript(text string) *script {
	sum := sha1.Sum([]byte(text))
	return &script{text, hex.EncodeToString(sum[:])}
}

// run calls it by its hash, and with its text where the server does not know
// that.
func (s *script) run(ctx context.Context, c valkey.CommandClient, keys []string, args ...string) valkey.ValkeyResult {
	result := s.runKnown(ctx, c, keys, args)
	if unknown(result) {
		return s.load(ctx, c, keys, args)
	}
	return result
}

func (s *script) runKnown(ctx context.Context, c valkey.CommandClient, keys, args []string) valkey.ValkeyResult {
	return c.Do(ctx, c.B().Evalsha().Sha1(s.hash).Numkeys(int64(len(keys))).Key(keys...).Arg(args...).Build())
}

func (s *script) load(ctx context.Context, c valkey.CommandClient, keys, args []string) valkey.ValkeyResult {
	return c.Do(ctx, c.B().Eval().Script(s.text).Numkeys(int64(len(keys))).Key(keys...).Arg(args...).Build())
}

func unknown(result valkey.ValkeyResult) bool {
	e, ok := valkey.IsValkeyErr(result.Error())
	return ok && e.IsNoScript()
}

// runPublish calls publishScript. Its text contains the life of the server, so
// that the server of another life does not know it: no message has to ask.
func (b *Broker) runPublish(ctx context.Context, keys []string, args ...string) valkey.ValkeyResult {
	if p := b.publisher.Load(); p != nil {
		if result := p.runKnown(ctx, b.client, keys, args); !unknown(result) {
			return result
		}
	}
	first := clusterLife
	if !b.cluster {
		life, err := b.scripts.life.run(ctx, b.client, keys).ToString()
		if err != nil {
			return valkey.NewErrorResult(err)
		}
		first = "local life = '" + life + "'"
	}
	p := newScript(strings.TrimSpace(first) + publishScript)
	b.publisher.Store(p)
	return p.load(ctx, b.client, keys, args)
}
