// Package galememcached has gale's stores on Memcached: [Cache] is a
// cache.Store, [Sessions] a session.Store.
//
//	client := memcache.New("10.0.0.5:11211", "10.0.0.6:11211")
//	client.Timeout, client.MaxIdleConns = 200*time.Millisecond, 100
//	sessions := session.New(session.Options{Store: galememcached.NewSessions(client, galememcached.Options{})})
//
// # Concurrency
//
// The stores are safe for concurrent use. The caller makes and closes the
// client, whose Timeout bounds each exchange with a server; a context is looked
// at only before it.
//
// # Security
//
// Memcached has no passwords and no TLS of its own: whoever reaches it can read
// and write every session and cached value. Bind it to loopback or a private
// network. No token is stored, so that reading is not enough to sign in.
//
// A session of a user opens only while it is on the user's list, which is what
// [Sessions] shows and revokes. When the server has evicted the list, or was
// restarted, these sessions are over; none is left that cannot be revoked.
//
// # Limits
//
// Sessions end early when the server runs out of memory, is restarted, or the
// set of servers changes; Valkey or SQL keep them. A user's list has the 1,000
// sessions that expire last. Values of a cache have at most 1 MiB unless
// memcached runs with a larger -I. Times are whole seconds, so that a value may
// live up to two seconds longer than asked for; a cached one that must not says
// so itself.
package galememcached
