package gale

import "io/fs"

// Doors for the external tests.

// MemoryOf is what the process may use, on a machine whose files are in root.
func MemoryOf(root fs.FS) int64 { return memoryOf(root) }

// HeapFor is the heap that is allowed of so much memory.
func HeapFor(memory int64) int64 { return heapFor(memory) }

// CurrentPercent is the collector's percent now.
func CurrentPercent() int { return currentPercent() }

// GCTuner is a tuner of a collector that the test stands in for.
type GCTuner struct{ t *gcTuner }

// NewGCTuner returns one that allows heap bytes.
func NewGCTuner(heap int64, size func() (live, roots int64), set func(percent int) (before int)) GCTuner {
	return GCTuner{&gcTuner{heap: heap, set: set, live: func() heapSize {
		live, roots := size()
		return heapSize{live, roots}
	}}}
}

// Begin, Adjust and Stop are what the start of Run, a collection and the end
// of Run do.
func (g GCTuner) Begin(current int) bool { return g.t.begin(current) }
func (g GCTuner) Adjust() bool           { return g.t.adjust() }
func (g GCTuner) Stop()                  { g.t.stop() }
