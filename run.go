package gale

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/obs"
)

// Run serves h until ctx ends or a signal comes, then drains; see the package
// comment for the order. It returns nil after an orderly end, and otherwise an
// error that says what went wrong: [ErrDrain] when something was cut off by
// DrainTimeout, [ErrForced] when a second signal came, what kept it from
// starting, and what the Close functions returned. It panics when h is nil.
func Run(ctx context.Context, h http.Handler, o Options) error {
	if h == nil {
		panic("gale: Run without a handler; give it a router.New()")
	}
	if o.Began.IsZero() {
		o.Began = time.Now()
	}
	signals := watchSignals(ctx, o.Signals)
	defer signals.release()
	err := run(signals, h, o)
	return errors.Join(err, closeAll(signals.force, o.Close))
}

// runner is a service between its start and its end.
type runner struct {
	o        Options
	signals  *stopping
	server   *engine.Server
	ops      *engine.Server  // nil when it is off
	stalls   *obs.StallWatch // nil when it is off
	inflight *inflight
	cut      context.CancelCauseFunc // ends the contexts of all requests

	serving sync.WaitGroup
	failed  chan error // the first server that ended by itself
}

func run(signals *stopping, h http.Handler, o Options) error {
	o, err := o.withDefaults()
	if err != nil {
		closeListeners(o.Listeners)
		return err
	}
	listeners, err := o.listen(signals.stop)
	if err != nil {
		return err
	}
	ops, moved, err := o.listenOps(signals.stop)
	if err != nil {
		closeListeners(listeners)
		return err
	}
	r := newRunner(signals, h, o)
	r.stalls = o.watchStalls(r.server, ops != nil)
	defer r.watch()()
	r.start(listeners, ops)
	r.notify(daemon.SdNotifyReady)
	report{o, listeners, ops, moved, time.Since(o.Began)}.tell()
	if o.Ready != nil {
		o.Ready(listeners[0].Addr())
	}
	select {
	case <-signals.stop.Done():
		err = nil
	case err = <-r.failed:
	}
	return errors.Join(err, r.drain())
}

func newRunner(signals *stopping, h http.Handler, o Options) *runner {
	// Requests outlive the context of Run, whose end only begins the drain.
	base, cut := context.WithCancelCause(context.WithoutCancel(signals.stop))
	base = obs.WithLogger(base, o.Logger)
	r := &runner{o: o, signals: signals, inflight: newInflight(), cut: cut, failed: make(chan error, 1)}
	r.server = &engine.Server{
		Handler:     r.inflight.middleware(o.handler(h)),
		ErrorLog:    o.Logger,
		BaseContext: func(net.Listener) context.Context { return base },
		TLSConfig:   o.TLS,
		Route:       routeOf(h),
	}
	if o.Configure != nil {
		o.Configure(r.server)
	}
	return r
}

func (r *runner) start(listeners []net.Listener, ops net.Listener) {
	if ops != nil {
		r.ops = r.o.opsServer(r.stalls)
		r.serve("ops listener", func() error { return r.ops.Serve(ops) })
	}
	for _, l := range listeners {
		r.serve(l.Addr().String(), func() error {
			if r.o.TLS != nil {
				return r.server.ServeTLS(l, "", "")
			}
			return r.server.Serve(l)
		})
	}
}

func (r *runner) serve(name string, f func() error) {
	r.serving.Go(func() {
		if err := f(); !errors.Is(err, http.ErrServerClosed) {
			select {
			case r.failed <- fmt.Errorf("gale: %s: %w", name, err):
			default: // one reason to stop is enough
			}
		}
	})
}

// notify tells systemd, where it asked to be told.
func (r *runner) notify(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		r.o.Logger.Warn("systemd could not be notified", "state", state, "err", err)
	}
}
