package obs

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/lmittmann/tint"
)

// Doors for the external tests.
var (
	Colour   = colour
	MaskText = maskText
	Escape   = escape
)

// FlightRecorder is what stands in for the runtime's in tests.
type FlightRecorder = flightRecorder

// SetRecorder replaces the runtime's flight recorder.
func (w *StallWatch) SetRecorder(r FlightRecorder) { w.tape.recorder = r }

// SetProfileTime has each goroutine profile seem to take d.
func (w *StallWatch) SetProfileTime(d time.Duration) {
	w.since = func(time.Time) time.Duration { return d }
}

// Look does what Run does at each tick, and Begin and End what it does around.
func (w *StallWatch) Look(ctx context.Context, now time.Time) { w.look(ctx, now) }
func (w *StallWatch) Begin()                                  { w.tape.begin() }
func (w *StallWatch) End()                                    { w.tape.end() }

// StackOf returns what is found for a worker now.
func (w *StallWatch) StackOf(worker string) (waits string, stack []string) {
	frames := pickStack(w.stacks()[worker])
	return waitsFor(frames), handlerFrames(frames)
}

// LabelledStacks counts the stacks in a profile by the value of their label.
func LabelledStacks(profile, label string) map[string]int {
	counts := map[string]int{}
	for value, stacks := range labelledStacks(bytes.NewBufferString(profile), label) {
		counts[value] = len(stacks)
	}
	return counts
}

// NewColourLogger writes colours to any writer, as to a terminal.
func NewColourLogger(w io.Writer) *slog.Logger {
	return slog.New(&logHandler{base: tint.NewTextHandler(w, &tint.Options{}), red: newRedactor(nil, true)})
}
