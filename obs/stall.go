package obs

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// StallOptions configure [NewStallWatch].
type StallOptions struct {
	// Running returns the requests whose handlers run now, in any order; those
	// that wait for their client may be left out. It is called several times a
	// second, by one goroutine. Required.
	Running func() []RunningRequest
	// Label is the key of the goroutine label (runtime/pprof) whose value is
	// [RunningRequest.Worker]. Without it stalls have no stack.
	Label string
	// Budget is the time after which a handler is reported. Defaults to 1 s:
	// what a person notices as waiting, and long past what a handler needs that
	// is not stuck behind a lock, a pool or another service.
	Budget time.Duration
	// Log gets one Warn for each stalled handler. Defaults to [slog.Default].
	Log *slog.Logger

	// Trace says when execution traces are recorded. Defaults to
	// [TraceAfterStall].
	Trace TraceMode
	// Keep is how many traces are kept in memory, the newest. Defaults to 3.
	Keep int
	// MaxBytes bounds them together: older ones make room, and one that is
	// larger by itself is dropped. The recorder aims at an eighth of it, and
	// keeps at least a second, however much that is (4 MB at 45,000 requests a
	// second). Defaults to 64 MiB.
	MaxBytes int
}

// RunningRequest is a request whose handler has not returned.
type RunningRequest struct {
	// Method, Path (without query) and Route of the request. Route may be empty.
	Method, Path, Route string
	Start               time.Time
	// Worker is the value of [StallOptions.Label] on the handler's goroutine.
	Worker string
	// Request is the record in the request's context, or nil. It has the
	// request's id, the better route, and what [LongLived] said.
	Request *Request
}

// Stall is a handler that was found past its budget.
type Stall struct {
	ID        int           `json:"id"`
	Time      time.Time     `json:"time"`
	Method    string        `json:"method"`
	Path      string        `json:"path"`
	Route     string        `json:"route,omitempty"`
	RequestID string        `json:"request_id,omitempty"`
	Age       time.Duration `json:"age_ns"`
	// Waits is what the handler waits for, such as "lock" or "network", or ""
	// when it runs or that is not known.
	Waits string `json:"waits,omitempty"`
	// Stack has the handler's frames, innermost first, without those of the
	// server and the middleware around it.
	Stack []string `json:"stack,omitempty"`
	// Trace is the path of the execution trace on the ops listener, or "". It
	// leads nowhere once newer traces took its place.
	Trace string `json:"trace,omitempty"`
}

const (
	// keptStalls is how many stalls the page of the ops listener lists.
	keptStalls = 50
	// At most stallLines are logged in stallWindow, since a database that
	// hangs stalls every handler; the rest are counted.
	stallLines  = 10
	stallWindow = 10 * time.Second

	minStallTick = 10 * time.Millisecond
	maxStallTick = 250 * time.Millisecond

	// knownFor is how long a reported request is known that is not seen any
	// more, while there are not more than maxKnown.
	knownFor = 10 * time.Minute
	maxKnown = 10_000

	// profileShare bounds what profiles cost, to one in fifty of a CPU: with
	// 10,000 requests under way one takes from 60 to 400 ms.
	profileShare = 50
)

// StallWatch finds handlers that run past their budget. Each is logged once,
// with its stack, and kept for the ops listener together with an execution
// trace of the seconds before, where one was recorded.
//
// Not reported are requests that [LongLived] marked, even when they hang, and
// handlers that wait for their client, to send more of the body or to take more
// of the response: the server's own limits are for these, and the budget begins
// again after.
//
// All methods but [StallWatch.Run] may be called at any time by anyone. Logged
// and shown are method, path, route and request id; never query, header or body.
type StallWatch struct {
	o        StallOptions
	tape     *flightTape
	known    map[stallKey]*stallState // of Run's goroutine only
	limit    stallLimit
	since    func(time.Time) time.Duration // time.Since, save in tests
	lastLook time.Time
	// profileAfter is when the next profile may be taken.
	profileAfter time.Time

	found atomic.Uint64

	mu     sync.Mutex
	lastID int
	stalls []Stall // the last keptStalls, oldest first
}

// stallKey tells requests apart. A worker serves one at a time.
type stallKey struct {
	worker string
	start  int64
}

type stallState struct {
	since    time.Time // from when on it was seen to run at every look
	seen     time.Time // at which look it was last
	missed   bool      // its goroutine was not found once
	reported bool
}

// NewStallWatch returns a watch that does nothing before [StallWatch.Run]. It
// panics without Running.
func NewStallWatch(o StallOptions) *StallWatch {
	if o.Running == nil {
		panic("obs: StallOptions without Running; give it the server's running requests")
	}
	o.Budget = cmp.Or(o.Budget, time.Second)
	o.Keep = cmp.Or(o.Keep, 3)
	o.MaxBytes = cmp.Or(o.MaxBytes, 64<<20)
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &StallWatch{o: o, tape: newFlightTape(o), known: map[stallKey]*stallState{}, since: time.Since}
}

// Run watches until ctx ends. Only one Run may be active at a time.
func (w *StallWatch) Run(ctx context.Context) {
	w.tape.begin()
	defer w.tape.end()
	tick := time.NewTicker(min(max(w.o.Budget/4, minStallTick), maxStallTick))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			w.look(ctx, time.Now())
		}
	}
}

// Count returns how many handlers were found past their budget.
func (w *StallWatch) Count() uint64 { return w.found.Load() }

// Stalls returns the last 50 stalls, the newest first.
func (w *StallWatch) Stalls() []Stall {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := slices.Clone(w.stalls)
	slices.Reverse(all)
	return all
}

// suspect is a request past its budget that was not reported yet.
type suspect struct {
	RunningRequest
	*stallState
}

func (w *StallWatch) look(ctx context.Context, now time.Time) {
	w.tape.tick(now)
	suspects := w.suspects(now)
	if len(suspects) == 0 || now.Before(w.profileAfter) {
		return
	}
	room := w.limit.room(now)
	if room == 0 {
		// The profile is not taken either: it is the dear part.
		for _, s := range suspects {
			s.reported = true
		}
		w.found.Add(uint64(len(suspects)))
		w.limit.skipped += len(suspects)
		return
	}
	begin := time.Now()
	stacks := w.stacks()
	w.profileAfter = now.Add(profileShare * w.since(begin))
	var stalls []Stall
	for _, s := range suspects {
		frames := pickStack(stacks[s.Worker])
		switch {
		case frames == nil && !s.missed:
			s.missed = true // it has ended just now, or its labels are another's
		case waitsForClient(frames):
			s.since = now
		default:
			s.reported = true
			stalls = append(stalls, stallOf(s.RunningRequest, frames, now))
		}
	}
	w.report(ctx, stalls, now, room)
}

// suspects returns who is past the budget and was not reported.
func (w *StallWatch) suspects(now time.Time) []suspect {
	var due []suspect
	last := w.lastLook
	w.lastLook = now
	for _, r := range w.o.Running() {
		if r.Request.isLongLived() {
			continue
		}
		key := stallKey{r.Worker, r.Start.UnixNano()}
		state := w.known[key]
		switch {
		case state == nil && r.Start.Before(last):
			// It was there at the last look, and waited for its client.
			state = &stallState{since: now}
		case state == nil:
			state = &stallState{since: r.Start}
		case state.seen.Before(last):
			state.since = now // it has waited in between
		}
		state.seen = now
		w.known[key] = state
		if !state.reported && now.Sub(state.since) >= w.o.Budget {
			due = append(due, suspect{r, state})
		}
	}
	w.forget(now)
	return due
}

// forget drops the requests that have ended. Those reported may only wait for
// their clients, and are not to be reported again after.
func (w *StallWatch) forget(now time.Time) {
	maps.DeleteFunc(w.known, func(_ stallKey, s *stallState) bool {
		return s.seen.Before(now) && (!s.reported || now.Sub(s.seen) > knownFor || len(w.known) > maxKnown)
	})
}

func stallOf(r RunningRequest, frames []stackFrame, now time.Time) Stall {
	s := Stall{
		Time: now, Method: r.Method, Path: r.Path, Route: r.Request.Route(), RequestID: r.Request.ID(),
		Age: now.Sub(r.Start), Waits: waitsFor(frames), Stack: handlerFrames(frames),
	}
	s.Path, _, _ = strings.Cut(s.Path, "?")
	s.Route = cmp.Or(s.Route, r.Route)
	return s
}

// report logs the stalls, as many as there is room for, and keeps them with
// one trace for all.
func (w *StallWatch) report(ctx context.Context, stalls []Stall, now time.Time, room int) {
	if len(stalls) == 0 {
		return
	}
	w.found.Add(uint64(len(stalls)))
	w.keep(stalls, w.tape.snapshot(now, w.nextID()))
	for i, s := range stalls {
		if i == room {
			break
		}
		w.o.Log.LogAttrs(ctx, slog.LevelWarn, "handler is past its budget", w.attrs(s)...)
	}
	w.limit.used += min(len(stalls), room)
	w.limit.skipped += max(len(stalls)-room, 0)
}

func (w *StallWatch) nextID() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lastID + 1
}

func (w *StallWatch) keep(stalls []Stall, trace string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range stalls {
		w.lastID++
		stalls[i].ID, stalls[i].Trace = w.lastID, trace
	}
	w.stalls = append(w.stalls, stalls...)
	w.stalls = slices.Clone(w.stalls[max(len(w.stalls)-keptStalls, 0):])
}

// attrs leaves out what is empty.
func (w *StallWatch) attrs(s Stall) []slog.Attr {
	attrs := []slog.Attr{
		slog.String("method", s.Method), slog.String("path", s.Path),
		slog.Duration("age", s.Age.Round(time.Millisecond)), slog.Duration("budget", w.o.Budget),
	}
	for _, a := range [...]slog.Attr{
		slog.String("route", s.Route), slog.String("request_id", s.RequestID),
		slog.String("waits", s.Waits), slog.String("trace", s.Trace),
	} {
		if a.Value.String() != "" {
			attrs = append(attrs, a)
		}
	}
	if len(s.Stack) > 0 {
		attrs = append(attrs, slog.Any("stack", s.Stack))
	}
	if w.limit.skipped > 0 {
		attrs = append(attrs, slog.Int("not_logged_before", w.limit.skipped))
		w.limit.skipped = 0
	}
	return attrs
}

// stallLimit counts the lines of a window, and what had no room.
type stallLimit struct {
	begin   time.Time
	used    int
	skipped int
}

func (l *stallLimit) room(now time.Time) int {
	if now.Sub(l.begin) >= stallWindow {
		l.begin, l.used = now, 0
	}
	return stallLines - l.used
}
