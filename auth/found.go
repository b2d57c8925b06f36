package auth

import (
	"context"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
)

// maxFound bounds the users that are kept; those not asked for make room.
const maxFound = 10_000

// found keeps the users that were looked up, for Options.FindAge.
type found[U any] struct {
	find  func(ctx context.Context, id string) (U, error)
	age   time.Duration
	clock func() time.Time
	users *otter.Cache[string, foundUser[U]]

	mu      sync.Mutex
	changes uint64 // of Forget: what was read before one must not be kept after it
}

type foundUser[U any] struct {
	user U
	at   time.Time
}

func newFound[U any](o Options[U]) *found[U] {
	return &found[U]{find: o.Find, age: o.FindAge, clock: o.Clock, users: otter.Must(&otter.Options[string, foundUser[U]]{
		MaximumSize: maxFound,
		Executor:    func(f func()) { f() }, // no goroutine that nobody waits for
	})}
}

func (f *found[U]) get(ctx context.Context, id string) (U, error) {
	now := f.clock()
	if u, ok := f.users.GetIfPresent(id); ok && now.Sub(u.at) < f.age {
		return u.user, nil
	}
	f.mu.Lock()
	before := f.changes
	f.mu.Unlock()
	u, err := f.find(ctx, id)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil && f.changes == before {
		f.users.Set(id, foundUser[U]{u, now})
	} else {
		f.users.Invalidate(id)
	}
	return u, err
}

func (f *found[U]) forget(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changes++
	f.users.Invalidate(id)
}

// Forget has the user with an id read anew for the next request, after a change
// of the user, where Options.FindAge is set. It may be called by any goroutine.
func (a *Auth[U]) Forget(id string) {
	if a.found != nil {
		a.found.forget(id)
	}
}
