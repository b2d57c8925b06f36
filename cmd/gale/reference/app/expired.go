package app

import (
	"cmp"
	"context"
	"time"
)

// keepSwept removes what has ended of the OAuth server: tokens, their families,
// codes and requests. The server does so by itself only as far as a request can
// wait for, and not at all while nobody asks.
func (a *App) keepSwept(ctx context.Context) {
	a.running.Go(func() {
		tick := time.NewTicker(cmp.Or(a.o.SweepEvery, time.Minute))
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err := a.apps.Store.DeleteExpired(ctx, a.o.Now()); err != nil && ctx.Err() == nil {
				a.o.Logger.WarnContext(ctx, "tokens that have ended were not removed", "err", err)
			}
		}
	})
}
