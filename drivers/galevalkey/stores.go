package galevalkey

import (
	"cmp"
	"context"
	"time"

	"github.com/valkey-io/valkey-go"
)

// StoreOptions are those of [NewRateLimits], [NewSessions] and [NewCache].
type StoreOptions struct {
	// Prefix begins the names of all keys; applications that share a server
	// have different ones. Defaults to "gale:limits:", "gale:sessions:" and
	// "gale:cache:".
	Prefix string
	// Timeout bounds the wait for the server in each call. Defaults to 3
	// seconds.
	Timeout time.Duration
}

// store is what the stores have in common.
type store struct {
	client  valkey.Client
	prefix  string
	timeout time.Duration
}

func newStore(client valkey.Client, o StoreOptions, prefix string) store {
	if client == nil {
		panic("galevalkey: a store without a client; make one by valkey.NewClient")
	}
	if o.Timeout < 0 {
		panic("galevalkey: StoreOptions.Timeout is negative; leave it 0 for the default of 3 seconds")
	}
	return store{client, cmp.Or(o.Prefix, prefix), cmp.Or(o.Timeout, 3*time.Second)}
}

// bounded ends a context after the timeout: the client would wait for ever for
// a server that does not come back.
func (s *store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.timeout)
}
