// Package cache keeps computed values for a while, typed, in any [Store].
//
//	prices := cache.New[Price](cache.Options{Store: store, Prefix: "price:", TTL: time.Minute})
//	p, err := prices.GetOrLoad(ctx, "EUR", func(ctx context.Context) (Price, error) {
//		return bank.Price(ctx, "EUR")
//	})
//
// Concurrency: a [Cache] may be shared by any number of goroutines. However
// many ask [Cache.GetOrLoad] for one missing key, one of them loads it and the
// others wait, each no longer than its own context.
//
// Security: a cache is not a place for secrets, and what is cached under a key
// is shown to everyone who can produce the key, so put the user's id into keys
// of what only that user may see.
//
// Limits: values are JSON. Protection from stampedes is per process; two
// processes that share a store may each load a key once. A broken store costs
// speed, not correctness: [Cache.GetOrLoad] then loads and logs a warning.
package cache
