package obs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/trace"
	"slices"
	"sync"
	"time"
)

// TraceMode says when a [StallWatch] has the runtime's flight recorder on. The
// recorder costs CPU all the while: 14 % of a plain request on net/http with 64
// connections (13.9 s per million requests without, 16.0 with). There is one in
// a process; where another has it already, that is logged and traces are not kept.
type TraceMode uint8

const (
	// TraceAfterStall records from the first stall until 10 minutes have
	// passed without one: the first stall has no trace, those after it do.
	TraceAfterStall TraceMode = iota
	// TraceAlways records all the time.
	TraceAlways
	// TraceNever does not record.
	TraceNever
)

const (
	// tapeAge is how far back the recorder aims to go.
	tapeAge = 5 * time.Second
	// tapeIdle is how long it goes on after the last stall.
	tapeIdle = 10 * time.Minute
	// tapeGap is the least time between two traces: one of 7 MB took 20 ms to
	// write.
	tapeGap = 10 * time.Second
)

// flightRecorder is [trace.FlightRecorder].
type flightRecorder interface {
	Start() error
	Stop()
	WriteTo(w io.Writer) (int64, error)
}

// flightTape has the flight recorder and the traces taken from it. Its methods
// but get are for the goroutine of Run.
type flightTape struct {
	mode     TraceMode
	keep     int
	max      int
	log      *slog.Logger
	recorder flightRecorder

	on        bool
	lastStall time.Time
	lastTrace time.Time
	told      bool // that it does not start

	mu     sync.Mutex
	traces []keptTrace // oldest first
}

type keptTrace struct {
	name string
	data []byte
}

func newFlightTape(o StallOptions) *flightTape {
	return &flightTape{
		mode: o.Trace, keep: o.Keep, max: o.MaxBytes, log: o.Log,
		recorder: trace.NewFlightRecorder(trace.FlightRecorderConfig{
			MinAge: tapeAge, MaxBytes: uint64(o.MaxBytes / 8), // a hint: a second is the least it keeps
		}),
	}
}

func (t *flightTape) begin() {
	if t.mode == TraceAlways {
		t.start()
	}
}

func (t *flightTape) end() {
	if t.on {
		t.recorder.Stop()
		t.on = false
	}
}

// start is tried again at each stall, since whoever has the recorder may stop.
func (t *flightTape) start() {
	if err := t.recorder.Start(); err != nil {
		if !t.told {
			t.log.Warn("flight recorder does not start; stalls have no traces", "err", err)
		}
		t.told = true
		return
	}
	t.on = true
	if t.mode == TraceAfterStall {
		t.log.Info("flight recorder is on, so that the next stall has a trace; it costs CPU", "until_quiet_for", tapeIdle)
	}
}

// tick turns the recorder off when nothing has stalled for long.
func (t *flightTape) tick(now time.Time) {
	if t.on && t.mode == TraceAfterStall && now.Sub(t.lastStall) >= tapeIdle {
		t.recorder.Stop()
		t.on = false
		t.log.Info("flight recorder is off; nothing stalled", "for", tapeIdle)
	}
}

// snapshot keeps what was recorded under the stall's number, and returns the
// path of the trace. Without a recorder running it starts one, if it may, and
// returns "".
func (t *flightTape) snapshot(now time.Time, id int) string {
	t.lastStall = now
	if t.mode == TraceNever {
		return ""
	}
	if !t.on {
		t.start()
		return ""
	}
	if !t.lastTrace.IsZero() && now.Sub(t.lastTrace) < tapeGap {
		return ""
	}
	t.lastTrace = now
	data := &boundedBuffer{max: t.max}
	if _, err := t.recorder.WriteTo(data); err != nil {
		t.log.Warn("flight recorder gave no trace", "err", err)
		return ""
	}
	name := fmt.Sprintf("%d.trace", id)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.traces = append(t.traces, keptTrace{name, bytes.Clone(data.buf.Bytes())})
	for len(t.traces) > t.keep || t.size() > t.max {
		t.traces = slices.Delete(t.traces, 0, 1)
	}
	return stallsPath + "/" + name
}

// size is that of all traces. The caller holds mu.
func (t *flightTape) size() (n int) {
	for _, k := range t.traces {
		n += len(k.data)
	}
	return n
}

// get returns a trace, or nil.
func (t *flightTape) get(name string) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range t.traces {
		if k.name == name {
			return k.data
		}
	}
	return nil
}

// errTraceSize says that a trace is larger than MaxBytes; half of one is no
// trace.
var errTraceSize = errors.New("obs: the trace is larger than StallOptions.MaxBytes")

// boundedBuffer is a buffer that refuses to grow beyond max.
type boundedBuffer struct {
	buf bytes.Buffer
	max int
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	if b.buf.Len()+len(p) > b.max {
		return 0, errTraceSize
	}
	return b.buf.Write(p)
}
