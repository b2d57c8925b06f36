package auth

import (
	"context"

	"github.com/galeweb/gale/internal/believed"
)

// maxFound bounds the users that are kept.
const maxFound = 10_000

// believing returns Options.Find for Options.FindAge.
func believing[U any](o Options[U]) (*believed.Cache[string, U], func(context.Context, string) (U, error)) {
	found := believed.New[string, U](maxFound, o.FindAge, o.Clock)
	return found, func(ctx context.Context, id string) (U, error) {
		return found.Get(id, func() (U, error) { return o.Find(ctx, id) })
	}
}

// Forget has the user with an id read anew for the next request, after a change
// of the user, where Options.FindAge is set. It may be called by any goroutine.
func (a *Auth[U]) Forget(id string) {
	if a.found != nil {
		a.found.Forget(id)
	}
}
