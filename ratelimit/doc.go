// Package ratelimit bounds how often something may happen under a key: so many
// requests a minute for an address, a user, an API key; so many attempts at a
// password for an account.
//
//	limits := ratelimit.New(ratelimit.Options{})
//	r.Use(limits.Middleware(
//		ratelimit.Rule{
//			Limit: ratelimit.Limit{Name: "address", Rate: 600, Per: time.Minute, Burst: 100},
//			Key:   ratelimit.ByAddr(middleware.ClientAddr),
//		},
//	))
//
// Outside of a middleware, for a message of a WebSocket say:
//
//	res, err := limits.Allow(ctx, ratelimit.Limit{Name: "messages", Rate: 10, Per: time.Second}, user.ID)
//
// The method is GCRA: a key has one number, the moment at which all that it has
// used is given back. A limit of 600 a minute gives one back every 100 ms, so
// that there is no edge of a window at which twice the limit passes.
//
// Counts are kept by a [Store]: [Memory], [SQLStore], or galevalkey in the
// drivers module.
//
// # Concurrency
//
// A [Limiter] and every Store are shared by all requests. Several limits that
// are taken together are taken all or none, also against other instances that
// use the same store.
//
// # Security
//
// A refused request costs nothing of any limit, so that nobody is kept out by
// trying too early. Keys that a client may choose have their length and letters
// bounded before they reach a store. The keys of addresses come from a function
// such as middleware.ClientAddr, which believes X-Forwarded-For only from
// trusted proxies; IPv6 clients are told apart by their /64 network, since each
// has 2^64 addresses in it.
//
// When the store fails, requests pass unless [Options].OnFailure says otherwise:
// limits protect the service, and must not be what takes it down. Each failure
// is counted and at most one a minute is logged. For limits that guard secrets
// use [Local] or [FailClosed].
//
// # Limits
//
// At most [MaxTakes] limits at once, one million events a second and a year for
// a full bucket; times are kept in microseconds. The memory store is for one
// process: behind a balancer each instance has limits of its own.
package ratelimit
