package auth

import (
	"context"
	"testing"
	"time"

	"github.com/galeweb/gale/internal/assert"
)

func TestCalibrate(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		took, target time.Duration
		bound        uint32
		memory, time uint32
	}{
		"defaults":                 {25 * ms, 0, 0, 38912, 4},
		"within the target":        {26 * ms, 0, 0, 38912, 2},
		"a slow machine":           {500 * ms, 0, 0, 19456, 2}, // never below OWASP's floor
		"at the target":            {100 * ms, 0, 0, 19456, 2},
		"memory first":             {10 * ms, 80 * ms, 256 << 10, 155648, 2},
		"then passes":              {10 * ms, 80 * ms, 19456, 19456, 16},
		"no more than is verified": {1, time.Hour, 256 << 10, 155648, 4},
		"a clock that stands":      {0, time.Hour, 19456, 19456, 32},
	} {
		o := calibrate(t.Context(), c.target, c.bound, func() time.Duration { return c.took })
		if o.MemoryKiB != c.memory || o.Time != c.time || o.Threads != 1 {
			t.Errorf("%s: %+v, want m=%d, t=%d", name, o, c.memory, c.time)
		}
		NewHasher(o) // takes it
	}
}

func TestCalibrationCountsTheFastestOfThree(t *testing.T) {
	t.Parallel()
	times := []time.Duration{90, 20, 70}
	o := calibrate(t.Context(), 85, 0, func() time.Duration {
		took := times[0]
		times = times[1:]
		return took
	})
	assert.Equal(t, o, HasherOptions{MemoryKiB: 38912, Time: 4, Threads: 1})
}

func TestCalibrationEndsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Equal(t, Calibrate(ctx, time.Hour, 0), HasherOptions{MemoryKiB: defaultMemory, Time: defaultTime, Threads: 1})
}

func TestCalibrateMeasures(t *testing.T) {
	t.Parallel()
	assert.True(t, Calibrate(t.Context(), time.Hour, 0).Time > defaultTime, "an hour buys nothing")
}

func TestImpossibleCalibrationsPanic(t *testing.T) {
	t.Parallel()
	for _, f := range []func(){
		func() { Calibrate(t.Context(), -1, 0) },
		func() { Calibrate(t.Context(), 0, 19455) },
		func() { Calibrate(t.Context(), 0, 256<<10+1) },
	} {
		assert.Contains(t, assert.Panics(t, f).(string), "auth: ")
	}
}
