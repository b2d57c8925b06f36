package keyring

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/galeweb/gale/internal/reload"
)

// Options configure a [Ring].
type Options struct {
	// Source has the keys. Required.
	Source Source
	// Interval is how often [Ring.Run] looks for new keys. Defaults to 1
	// minute. It must be less than the delay with which keys are rotated, 10
	// minutes by default of the command.
	Interval time.Duration
	// Timeout bounds one load from the source. Defaults to 10 s.
	Timeout time.Duration
	// Require is the purposes that must have an active key; a set without one
	// is refused. Whatever is given, a purpose that has an active key is not
	// left without one by a reload.
	Require []Purpose
	// Logger takes reloads, and the first of several failures. Defaults to
	// [slog.Default].
	Logger *slog.Logger
	// Metrics takes the gale_keyring_* metrics. Optional.
	Metrics prometheus.Registerer
	// Clock tells the time. Defaults to [time.Now].
	Clock func() time.Time
}

// Ring has the keys in use. It is safe for concurrent use.
type Ring struct {
	o       Options
	snap    atomic.Pointer[snapshot]
	loading chan struct{} // holds one token while nobody loads
	loop    reload.Loop
	unknown atomic.Int64
}

// snapshot is a set as it was loaded. Its address is what caches of derived
// keys are compared by.
type snapshot struct {
	set     Set
	version string
}

// Open loads the keys. It fails when they cannot be loaded, so that a service
// never starts without them.
func Open(ctx context.Context, o Options) (*Ring, error) {
	if o.Source == nil {
		panic("keyring: Open without Options.Source; use Text, Env, File, Credential or NewVault")
	}
	if o.Interval < 0 || o.Timeout < 0 {
		panic("keyring: an option is negative; leave it 0 for its default")
	}
	o.Interval = cmp.Or(o.Interval, time.Minute)
	o.Timeout = cmp.Or(o.Timeout, 10*time.Second)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	o.Require = slices.Clone(o.Require)
	if o.Clock == nil {
		o.Clock = time.Now
	}
	r := &Ring{o: o, loading: make(chan struct{}, 1), loop: reload.Loop{Name: "keyring", What: "keys"}}
	r.loading <- struct{}{}
	if _, err := r.load(ctx); err != nil {
		return nil, err
	}
	if o.Metrics != nil {
		if err := o.Metrics.Register(newCollector(r)); err != nil {
			return nil, fmt.Errorf("keyring: register metrics: %w", err)
		}
	}
	return r, nil
}

// Set returns the keys as they are now.
func (r *Ring) Set() Set { return r.snap.Load().set }

// Run looks for new keys until ctx is done, and then returns nil. A load that
// fails leaves the keys as they are, is logged once, and is tried again.
func (r *Ring) Run(ctx context.Context) error { return r.loop.Run(ctx, r.o.Interval, r.Reload) }

// Reload loads the keys now, for a signal handler or an admin's button. When
// it fails the keys stay as they are.
func (r *Ring) Reload(ctx context.Context) error {
	before := r.snap.Load()
	after, err := r.load(ctx)
	r.loop.Note(ctx, r.o.Logger, err)
	if err == nil && after != before {
		r.o.Logger.InfoContext(ctx, "keyring: keys reloaded", "keys", after.set)
	}
	return err
}

// load reads the source once and puts what it has in place.
func (r *Ring) load(ctx context.Context) (*snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, r.o.Timeout)
	defer cancel()
	// One at a time: of two, the slower could bring the older keys back.
	select {
	case <-r.loading:
		defer func() { r.loading <- struct{}{} }()
	case <-ctx.Done():
		return nil, fmt.Errorf("keyring: load: %w", ctx.Err())
	}
	text, version, err := r.o.Source.Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("keyring: load: %w", err)
	}
	old := r.snap.Load()
	if old != nil && old.version == version && version != "" {
		return old, nil
	}
	set, err := ParseSet(text)
	if err != nil {
		return nil, err
	}
	if err := r.covers(set, old); err != nil {
		return nil, err
	}
	s := &snapshot{set: set, version: version}
	r.snap.Store(s)
	return s, nil
}

// covers returns an error when the set lacks an active key that Require asks
// for, or that the old set has.
func (r *Ring) covers(set Set, old *snapshot) error {
	var missing []string
	for _, p := range Purposes() {
		if _, ok := set.Current(p, time.Time{}); ok {
			continue
		}
		had := false
		if old != nil {
			_, had = old.set.Current(p, time.Time{})
		}
		if had || slices.Contains(r.o.Require, p) {
			missing = append(missing, string(p))
		}
	}
	if len(missing) > 0 {
		return errors.New("keyring: the set has no active key for " + strings.Join(missing, ", ") + "; gale secret rotate adds one")
	}
	return nil
}

// now is the time of the ring's clock.
func (r *Ring) now() time.Time { return r.o.Clock() }
