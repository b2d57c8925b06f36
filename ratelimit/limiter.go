package ratelimit

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/galeweb/gale/web"
)

// ErrUnavailable is returned by a [Limiter] with [FailClosed] whose store has
// failed. It comes inside a [*web.Error] with status 503.
var ErrUnavailable = errors.New("ratelimit: the store is unavailable")

// Failure says what happens to events while the store fails.
type Failure int

const (
	// FailOpen allows them, uncounted: right where a limit keeps use fair.
	FailOpen Failure = iota
	// FailClosed refuses them with 503: right where one event too many is
	// worse than none.
	FailClosed
	// Local counts them in this process: right for limits that guard secrets.
	// Each instance then allows the whole limit.
	Local
)

// Options configure a [Limiter].
type Options struct {
	// Store keeps the counts. Defaults to a [Memory].
	Store Store
	// OnFailure says what happens when the Store fails. Defaults to
	// [FailOpen].
	OnFailure Failure
	// Timeout bounds the wait for a Store that is not a [Memory]; after it the
	// Store has failed. Defaults to 250 ms.
	Timeout time.Duration
	// Metrics takes gale_ratelimit_denied_total by limit and
	// gale_ratelimit_store_failures_total. Optional.
	Metrics prometheus.Registerer
}

// Limiter takes from limits. It is safe for concurrent use.
type Limiter struct {
	store   Store   // nil when memory is the store
	memory  *Memory // the store, or what [Local] falls back to; else nil
	failure Failure
	timeout time.Duration
	metrics metrics
}

// New returns a limiter. It panics when an option makes no sense, and when
// Metrics has other metrics of these names already.
func New(o Options) *Limiter {
	if o.OnFailure < FailOpen || o.OnFailure > Local || o.Timeout < 0 {
		panic("ratelimit: Options.OnFailure or Timeout makes no sense; leave them 0 for their defaults")
	}
	l := &Limiter{store: o.Store, failure: o.OnFailure, timeout: cmp.Or(o.Timeout, 250*time.Millisecond)}
	if m, ok := o.Store.(*Memory); ok || o.Store == nil {
		if m == nil {
			m = NewMemory(MemoryOptions{})
		}
		l.store, l.memory = nil, m
	} else if o.OnFailure == Local {
		l.memory = NewMemory(MemoryOptions{})
	}
	l.metrics.register(o.Metrics)
	return l
}

// Take asks for Cost events of Limit under Key.
type Take struct {
	Limit Limit
	// Key is whose limit it is, such as a user's id. Keys that are longer than
	// 128 bytes or not printable ASCII are kept as their SHA-256.
	Key string
	// Cost is how many events are asked for. Defaults to 1; negative gives
	// back what was taken before.
	Cost int
	// State is set by [Limiter.Take], unless the store failed.
	State State

	meter meter
}

// Result is what came of a take.
type Result struct {
	// Allowed reports whether the events may happen, and were counted.
	Allowed bool
	// Denied is the name of the limit that takes longest to allow them, ""
	// when Allowed.
	Denied string
	// RetryAfter is the time after which it may be tried again, 0 when
	// Allowed.
	RetryAfter time.Duration
	// Failed reports that the store failed and [FailOpen] decided.
	Failed bool
}

// Err returns nil when the events are allowed, and otherwise the answer for
// the client: a [*web.Error] with status 429 and Retry-After.
func (r Result) Err() error {
	if r.Allowed {
		return nil
	}
	seconds := strconv.FormatInt(seconds(r.RetryAfter), 10)
	return &web.Error{
		Status:  http.StatusTooManyRequests,
		Code:    "rate_limited",
		Message: "Too many requests. Please try again in " + seconds + " s.",
		Header:  http.Header{"Retry-After": {seconds}},
		Err:     fmt.Errorf("ratelimit: limit %q is used up", r.Denied),
	}
}

// seconds rounds up: who comes back a moment too early is refused again.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// Allow takes one event of limit under key.
func (l *Limiter) Allow(ctx context.Context, limit Limit, key string) (Result, error) {
	takes := [1]Take{{Limit: limit, Key: key}}
	return l.Take(ctx, takes[:])
}

// Take takes what all of takes ask for, or nothing when one limit does not
// allow it, and sets their States. No two may have both the same limit's name
// and the same key. The error is [ErrUnavailable] or the end of ctx. It panics
// for a limit that means nothing and for more than [MaxTakes].
func (l *Limiter) Take(ctx context.Context, takes []Take) (Result, error) {
	if len(takes) > MaxTakes {
		panic(fmt.Sprintf("ratelimit: Take of %d limits at once; at most %d are possible", len(takes), MaxTakes))
	}
	for i := range takes {
		takes[i].Limit.check()
		takes[i].meter = takes[i].Limit.meter()
	}
	return l.take(ctx, takes)
}

// take is Take with limits that are checked and have their meter.
func (l *Limiter) take(ctx context.Context, takes []Take) (Result, error) {
	if l.store == nil {
		return l.local(ctx, takes), nil
	}
	charges := make([]Charge, len(takes))
	for i := range takes {
		charges[i] = takes[i].charge()
	}
	ok, err := l.ask(ctx, charges)
	if err != nil {
		return l.failed(ctx, takes, err)
	}
	return l.result(takes, charges, ok), nil
}

// local takes from the memory store. Its charges stay on the stack, which they
// could not if they went through the interface.
func (l *Limiter) local(ctx context.Context, takes []Take) Result {
	var few [4]Charge
	charges := few[:0]
	for i := range takes {
		charges = append(charges, takes[i].charge())
	}
	ok, _ := l.memory.Charge(ctx, charges) // fails only for too many
	return l.result(takes, charges, ok)
}

func (l *Limiter) ask(ctx context.Context, charges []Charge) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	return l.store.Charge(ctx, charges)
}

// charge returns what t asks of a store.
func (t *Take) charge() Charge {
	// One event above Burst fits no better than a million, which would overflow.
	cost := max(min(cmp.Or(t.Cost, 1), t.Limit.burst()+1), -t.Limit.burst())
	return Charge{
		Limit:    t.Limit.Name,
		Key:      bounded(t.Key),
		Cost:     t.meter.interval * time.Duration(cost),
		Capacity: t.meter.capacity,
	}
}

func (l *Limiter) result(takes []Take, charges []Charge, ok bool) Result {
	res := Result{Allowed: ok}
	for i := range takes {
		t, c := &takes[i], &charges[i]
		fits := ok || c.fits()
		t.State = t.meter.state(c.Level, c.Cost, fits)
		if !fits && (res.Denied == "" || t.State.RetryAfter > res.RetryAfter) {
			res.Denied, res.RetryAfter = t.Limit.Name, t.State.RetryAfter
		}
	}
	if !ok {
		l.metrics.deny(res.Denied)
	}
	return res
}

// failed decides without the store.
func (l *Limiter) failed(ctx context.Context, takes []Take, err error) (Result, error) {
	if ctx.Err() != nil { // it was the caller who gave up
		return Result{}, fmt.Errorf("ratelimit: take: %w", context.Cause(ctx))
	}
	l.metrics.fail(ctx, err)
	switch l.failure {
	case Local:
		return l.local(ctx, takes), nil
	case FailClosed:
		return Result{}, &web.Error{
			Status:  http.StatusServiceUnavailable,
			Code:    "limits_unavailable",
			Message: "The service cannot answer at the moment. Please try again.",
			Header:  http.Header{"Retry-After": {"5"}},
			Err:     fmt.Errorf("%w: %w", ErrUnavailable, err),
		}
	}
	return Result{Allowed: true, Failed: true}, nil
}

const maxKey = 128

// bounded returns key, or its hash when it is one that a store might refuse or
// that costs it much memory: a key that makes the store fail would be a way
// around every limit that fails open.
func bounded(key string) string {
	plain := key != "" && len(key) <= maxKey && key[0] != '#'
	for i := 0; plain && i < len(key); i++ {
		plain = key[i]-' ' <= '~'-' '
	}
	if plain {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return "#" + hex.EncodeToString(sum[:])
}
