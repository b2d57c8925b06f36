package main

import (
	"context"
	"fmt"
	"time"

	"github.com/galeweb/gale/bench/realtime/internal/load"
)

// measure does one work with a fresh server and a fresh load, and calls took
// with what each step gave.
func (b *bench) measure(ctx context.Context, w work, p peer, took func(step, figures)) error {
	s, stop, err := b.start(ctx, p, w)
	if err != nil {
		return err
	}
	defer stop()
	open := load.Open{Addr: s.addr, Path: w.path, Protocol: p.protocol, Deflate: w.deflate, PID: s.PID()}
	var before int64
	if w.kind == idle {
		// What the first connections make the server load and allocate is not theirs.
		if before, err = b.warmMemory(ctx, s, open); err != nil {
			return err
		}
	}
	l, err := b.startLoader(ctx)
	if err != nil {
		return err
	}
	defer l.Kill()
	for made, i := 0, 0; i < len(w.steps); i++ {
		st := w.steps[i]
		connections := b.connections(st)
		open.Connections = connections - made
		made = connections
		var opened load.Result
		if open.Connections > 0 {
			if opened, err = l.order(order{Open: &open}); err != nil {
				return err
			}
		}
		if i == 0 && b.opened != nil {
			b.opened(s)
		}
		f, err := b.step(s, l, w, st, before)
		if err != nil {
			return fmt.Errorf("%s: %w", st.id, err)
		}
		if w.kind == idle {
			f.opening = opened.CPU.Seconds() / float64(max(opened.Deliveries, 1)) * 1e6
		}
		took(st, f)
	}
	return nil
}

// connections returns how many a step has.
func (b *bench) connections(st step) int {
	if st.connections < 1000 {
		return st.connections
	}
	return st.connections / b.share
}

func (b *bench) step(s server, l loader, w work, st step, before int64) (figures, error) {
	var o order
	switch w.kind {
	case idle:
		after, err := b.memory(s)
		return figures{bytes: float64(after-before) / float64(b.connections(st))}, err
	case broadcast:
		o.Broadcast = &load.Broadcast{Control: s.control, PID: s.PID(), Window: st.window, WarmUp: b.warmUp, Measured: b.measured}
	case echo:
		o.Echo = &load.Echo{PID: s.PID(), Size: st.size, WarmUp: b.warmUp, Measured: b.measured}
	case paced, nodes:
		// A measured time that has enough of the few messages.
		o.Paced = &load.Paced{Control: s.control, PID: s.PID(), Rate: st.rate, WarmUp: b.warmUp, Measured: 2 * b.measured, Drain: drain}
	}
	r, err := l.order(o)
	if err != nil {
		return figures{}, err
	}
	return figuresOf(r, b.connections(st))
}

// warmMemory opens and closes some connections and returns the memory then.
func (b *bench) warmMemory(ctx context.Context, s server, open load.Open) (int64, error) {
	l, err := b.startLoader(ctx)
	if err != nil {
		return 0, err
	}
	defer l.Kill()
	open.Connections = 100
	if _, err := l.order(order{Open: &open}); err != nil {
		return 0, err
	}
	l.Kill()
	return b.memory(s)
}

// memory has the server collect its garbage and returns its memory.
func (b *bench) memory(s server) (int64, error) {
	// A server closes what it lost, and shrinks its pools, a little later.
	time.Sleep(b.settle)
	if _, err := s.Ask("gc"); err != nil {
		return 0, err
	}
	return s.RSS()
}
