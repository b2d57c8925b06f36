// Package galevalkey is a [hub.Broker] on Valkey or Redis, and has stores of
// sessions, limits and caches there.
//
//	broker, err := galevalkey.Open(ctx, "valkey://:secret@valkey.example.com", galevalkey.Options{})
//	…
//	defer broker.Close(ctx)
//	h := hub.New(hub.Options{Broker: broker})
//
//	options, err := galevalkey.ParseURL("valkey://:secret@valkey.example.com")
//	…
//	client, err := valkey.NewClient(options)
//	defer client.Close()
//	limits := ratelimit.New(ratelimit.Options{Store: galevalkey.NewRateLimits(client, galevalkey.StoreOptions{})})
//
// # How
//
// A message of a stream with history is one call of a script, which numbers
// it, adds it to a stream (XADD), drops what is too much or too old, and
// publishes it (PUBLISH), all or nothing. A stream without history is only
// published, and has no positions. Each node has one connection on which it is
// subscribed to whatever its hub needs. For a stream of an age, all keys
// vanish a day after that age has passed in silence, and the stream begins a
// new epoch; a stream kept without limit of age stays until it is deleted.
//
// A server that comes back with less than it had, because it saved to disk
// only now and then or was replaced by a replica that lagged behind, is noticed
// by the script: the offsets then go on beyond all that were ever given, so
// that nobody who saw what is lost takes what is new for it. Whether history
// survives a restart at all is the server's configuration: appendonly yes,
// appendfsync always or everysec.
//
// [RateLimits] is a ratelimit.Store, [Sessions] a session.Store, [Cache] a
// cache.Store; all of their keys expire.
//
// Concurrency: a [Broker] and the stores may be used from any goroutine.
//
// Security: use rediss or valkeys, and a password, where the network between
// is not your own. The user needs the keys and channels that begin with the
// prefix, and no dangerous commands but INFO, and ROLE where there are sentinels:
//
//	user app on >secret ~gale:* ~{gale:* &gale:* +@all -@dangerous +info +role
//
// Errors never show the password. Of sessions only the hashes of tokens are
// stored; their data is readable to whoever reads the server. Keys of sessions
// and limits must not be evicted: maxmemory-policy noeviction, and another
// server for caches.
//
// With sentinels a broker follows the primary, within 5 seconds if it was told
// nothing. What the old one had not yet copied is gone, as above.
//
// Limits: Redis 6.2 or Valkey 7.2 and later, with RESP3. In a cluster, messages
// are carried by its bus to every server, and History costs one more of them.
package galevalkey
