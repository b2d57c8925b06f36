package gale

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

const (
	// standardPercent is Go's own GOGC.
	standardPercent = 100
	// minHeap is what the heap may grow to before a collection is worth it.
	minHeap = 64 << 20
	// goHeap is Go's minimum at standardPercent, to which it is in proportion.
	goHeap = 4 << 20
)

// gcTuner keeps the collector from running tens of times a second for a heap of
// a few MiB: garbage may gather until the heap has minHeap, or twice what lives,
// as usual, when that is more. After each collection it sets the GC percent
// that comes to that.
//
// The percent is the process's. The tuner leaves alone one that is not Go's
// default, by whomever, and stops when somebody changes it after.
type gcTuner struct {
	heap int64 // what is allowed before the percent counts
	live func() heapSize
	set  func(percent int) (before int)

	mu      sync.Mutex
	percent int // as last set; 0 when over
}

// heapSize is what the last collection found.
type heapSize struct{ live, roots int64 }

// tuneGC starts a tuner, unless the environment or the program decided already,
// and returns what puts the default back.
func tuneGC() (stop func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" || debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return func() {}
	}
	t := &gcTuner{heap: heapFor(memoryOf(os.DirFS("/"))), live: lastHeap, set: debug.SetGCPercent}
	if t.heap <= goHeap || !t.begin(currentPercent()) {
		return func() {}
	}
	t.again()
	return t.stop
}

// heapFor returns how much of memory, or of an unknown one when 0, the heap may
// have before it matters: a quarter at most, for the live heap's growth, the
// stacks and the rest of the machine need the others.
func heapFor(memory int64) int64 {
	if memory <= 0 {
		return minHeap
	}
	return min(minHeap, memory/4)
}

// begin sets the first percent and reports whether it may.
func (t *gcTuner) begin(current int) bool {
	if current != standardPercent {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.percent = t.wanted()
	t.set(t.percent)
	return true
}

// again has the next collection call adjust: it is what makes the object
// unreachable. No channel takes part, since clean-ups belong to no goroutine
// of Run's, and under synctest to no bubble.
func (t *gcTuner) again() {
	runtime.AddCleanup(&struct{ _ [64]byte }{}, func(t *gcTuner) {
		if t.adjust() {
			t.again()
		}
	}, t)
}

// adjust sets the percent for the heap as it is now, and reports whether the
// tuner is still on.
func (t *gcTuner) adjust() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.percent == 0 {
		return false
	}
	percent := t.wanted()
	// Setting it stops the world for a moment: small steps are left out.
	if d := percent - t.percent; d*10 < t.percent && -d*10 < t.percent && percent != standardPercent {
		return true
	}
	if before := t.set(percent); before != t.percent {
		t.set(before) // somebody else decides now
		t.percent = 0
		return false
	}
	t.percent = percent
	return true
}

// wanted returns the percent p by which live + (live + roots) * p/100, the
// collector's goal, is the heap that is allowed; at most the one at which Go's
// minimal heap is that.
func (t *gcTuner) wanted() int {
	size := t.live()
	most := t.heap * standardPercent / goHeap
	grow := (t.heap - size.live) * 100 / max(size.live+size.roots, 1)
	return int(min(max(grow, standardPercent), most))
}

func (t *gcTuner) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.percent == 0 {
		return
	}
	if before := t.set(standardPercent); before != t.percent {
		t.set(before)
	}
	t.percent = 0
}

func lastHeap() heapSize {
	s := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/globals:bytes"}, {Name: "/gc/scan/stack:bytes"},
	}
	metrics.Read(s)
	return heapSize{live: int64(s[0].Value.Uint64()), roots: int64(s[1].Value.Uint64() + s[2].Value.Uint64())}
}

func currentPercent() int {
	s := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(s)
	return int(s[0].Value.Uint64())
}
