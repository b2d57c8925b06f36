package gale

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// ErrForced is returned by [Run] when a second signal cut the drain short.
var ErrForced = errors.New("gale: stopped by a second signal")

// stopping turns signals into contexts: the first one ends stop, the second
// ends force. They are counted whatever else ends stop, since a context of
// signal.NotifyContext ends by the very signal that comes here too.
type stopping struct {
	stop, force context.Context
	release     func()
}

func watchSignals(ctx context.Context, signals <-chan os.Signal) *stopping {
	unregister := func() {}
	if signals == nil {
		ch := make(chan os.Signal, 2)
		signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
		signals, unregister = ch, func() { signal.Stop(ch) }
	}
	stop, endStop := context.WithCancelCause(ctx)
	force, endForce := context.WithCancelCause(context.WithoutCancel(ctx))
	quit := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		ends := []func(error){endStop, endForce}
		causes := []string{"signal: %v", "second signal: %v"}
		for i := 0; i < len(ends); {
			select {
			case s, ok := <-signals:
				if !ok {
					return
				}
				ends[i](fmt.Errorf(causes[i], s))
				i++
			case <-quit:
				return
			}
		}
	})
	return &stopping{stop: stop, force: force, release: func() {
		unregister()
		close(quit)
		wg.Wait()
		endStop(nil)
		endForce(nil)
	}}
}
