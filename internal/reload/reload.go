// Package reload keeps what was loaded from elsewhere up to date.
package reload

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// Loop looks for changes again and again. While they cannot be loaded, what was
// loaded before stays in use. It is safe for concurrent use.
type Loop struct {
	// Name is who reloads, and What is what stays, for the log: "keyring" and
	// "keys".
	Name, What string

	failing atomic.Bool
}

// Run calls reload at each interval until ctx is done, and then returns nil.
func (l *Loop) Run(ctx context.Context, interval time.Duration, reload func(context.Context) error) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			_ = reload(ctx) // which has it noted; there is nobody to return it to
		}
	}
}

// Note takes what came of a reload. Of several failures the first is logged, and
// then their end. A shutdown is no failure of the source.
func (l *Loop) Note(ctx context.Context, logger *slog.Logger, err error) {
	switch {
	case err != nil && ctx.Err() == nil && !l.failing.Swap(true):
		logger.ErrorContext(ctx, l.Name+": reload failed; the "+l.What+" stay as they are", "err", err)
	case err == nil && l.failing.Swap(false):
		logger.InfoContext(ctx, l.Name+": reload works again")
	}
}

// Failing reports whether the last reload failed.
func (l *Loop) Failing() bool { return l.failing.Load() }
