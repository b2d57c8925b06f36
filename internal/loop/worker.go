//go:build linux

package loop

import "time"

// Worker is a goroutine of a set. It leads a loop, or serves one source away
// from the loops. Its methods may be called only on its own goroutine.
type Worker struct {
	set  *Set
	jobs chan job // holds one
	idle int64    // since when, on the set's clock; guarded by the pool

	loop *Loop  // the loop it leads, or nil
	word uint64 // of the loop, as this worker left it

	waited time.Duration // see Waited

	// ID follows Options.LabelPrefix, as a decimal number, in the label of this
	// goroutine.
	ID uint32
	// Scratch is for the source's buffers; it goes with the goroutine.
	Scratch any
}

type job struct {
	loop *Loop
	word uint64
	src  Source
	at   int64 // when src was handed over, on the set's clock
}

// work serves src as the leader.
func (w *Worker) work(src Source) {
	w.loop.now = src
	w.loop.word.Store(w.word + 1) // from even to odd: at work; nobody else changes an even word
	w.word++
	src.Serve(w)
	w.end()
}

func (w *Worker) end() {
	if w.loop == nil {
		return
	}
	if w.loop.word.CompareAndSwap(w.word, w.word+1) {
		w.word++
	} else {
		w.loop = nil
	}
}

// Step says that one piece of work has ended and another begins, so that many
// short ones are not taken for a long one. It reports whether the worker leads
// a loop still: when it does not, what it does may take its time.
func (w *Worker) Step() bool {
	if w.loop == nil {
		return false
	}
	if w.loop.word.CompareAndSwap(w.word, w.word+2) {
		w.word += 2
		return true
	}
	w.loop = nil
	return false
}

// Leads reports whether the worker leads a loop as far as it knows: the watch
// may have taken the loop away since the last Step.
func (w *Worker) Leads() bool { return w.loop != nil }

// Waited returns how long what is served now had to wait for its worker; it is
// 0 for the leader of a loop, and when it was asked before.
func (w *Worker) Waited() time.Duration {
	d := w.waited
	w.waited = 0
	return d
}

// GiveUp has another goroutine lead the loop, if this one does, since what comes
// may block.
func (w *Worker) GiveUp() {
	l := w.loop
	w.loop = nil
	if l != nil && l.word.CompareAndSwap(w.word, w.word+1) {
		l.set.pool.takeOver(l, w.word+1)
	}
}

// Lease is the lead of a loop as it was at one time, for goroutines that work
// for the leader and may have to block. The zero Lease is of no loop.
type Lease struct {
	loop *Loop
	word uint64
}

// Lease returns the worker's lead as of now; it ends with the next Step.
func (w *Worker) Lease() Lease { return Lease{w.loop, w.word} }

// GiveUp has another goroutine lead the loop, unless one does already. It
// reports whether it did. It may be called by any goroutine.
func (l Lease) GiveUp() bool {
	if l.loop == nil || !l.loop.word.CompareAndSwap(l.word, l.word+1) {
		return false
	}
	l.loop.set.pool.takeOver(l.loop, l.word+1)
	return true
}

// Again has src served after those that wait now. The caller gives src up.
func (w *Worker) Again(src Source) {
	l := w.loop
	if l == nil || !l.word.CompareAndSwap(w.word, w.word+1) {
		w.loop = nil
		w.set.Serve(src)
		return
	}
	l.again = append(l.again, src) // between two pieces of work: nobody can take the loop
	w.word += 2
	l.word.Store(w.word)
}
