// Package conform holds the suites that every implementation of a gale store
// must pass. Run them from the implementation's own tests:
//
//	func TestStore(t *testing.T) {
//		conform.CacheStore(t, func(t *testing.T) cache.Store { return open(t) })
//	}
package conform
