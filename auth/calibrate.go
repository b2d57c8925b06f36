package auth

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// The floor of the costs: OWASP's Password Storage Cheat Sheet.
const (
	defaultMemory = 19456 // KiB
	defaultTime   = 2
)

// Calibrate measures argon2id on this machine and returns the costs of a hash
// that takes at most target, and more than half of it where bounds allow:
// first with more memory, up to maxMemoryKiB, then with more passes. A target
// of 0 means 100 ms, a bound of 0 means 64 MiB (65536). Costs are never below
// the defaults of [HasherOptions], also where those take longer.
//
// Call it once at start, while the machine has little else to do; it takes three
// hashes of the default costs, about 0.1 s, or until ctx ends. Costs grow in
// steps of two, so that the same machine gets the same ones from start to start.
// Where machines share a table of hashes, measure on the slowest and configure
// the result for all: else each would have the others' hashes made anew.
//
// It panics when target is negative or the bound is below the default memory or
// beyond 256 MiB.
func Calibrate(ctx context.Context, target time.Duration, maxMemoryKiB uint32) HasherOptions {
	e := encoded{params: params{defaultMemory, defaultTime, 1}, salt: make([]byte, saltLen)}
	return calibrate(ctx, target, maxMemoryKiB, func() time.Duration {
		start := time.Now()
		e.derive([]byte("calibration"), keyLen)
		return time.Since(start)
	})
}

// calibrate asks measure how long a hash of the default costs takes.
func calibrate(ctx context.Context, target time.Duration, bound uint32, measure func() time.Duration) HasherOptions {
	target, bound = cmp.Or(target, 100*time.Millisecond), cmp.Or(bound, 64<<10)
	if target < 0 || bound < defaultMemory || bound > maxMemory {
		panic(fmt.Sprintf("auth: calibration to %v within %d KiB is impossible; give a positive target, and %d to %d KiB or 0 for the defaults",
			target, bound, defaultMemory, maxMemory))
	}
	p := params{defaultMemory, defaultTime, 1}
	// The least of three: others can only slow a hash down.
	took := target + 1
	for range 3 {
		if ctx.Err() != nil {
			break
		}
		took = min(took, max(measure(), 1))
	}
	for took <= target/2 {
		dearer := p
		if p.memory*2 <= bound {
			dearer.memory *= 2
		} else {
			dearer.time *= 2
		}
		if !dearer.affordable() {
			break
		}
		p, took = dearer, took*2
	}
	return HasherOptions{MemoryKiB: p.memory, Time: p.time, Threads: p.threads}
}
