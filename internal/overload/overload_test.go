package overload

import (
	"net/http"
	"testing"
	"time"

	"github.com/galeweb/gale/internal/assert"
)

// TestQueue feeds waits at times of a clock of its own.
func TestQueue(t *testing.T) {
	t.Parallel()
	const target = 50 * time.Millisecond
	type wait struct {
		at, waited time.Duration
		late       bool
	}
	ms := func(at, waited int, late bool) wait {
		return wait{time.Duration(at) * time.Millisecond, time.Duration(waited) * time.Millisecond, late}
	}
	for name, waits := range map[string][]wait{
		"a burst":                     {ms(0, 10, false), ms(10, 60, false), ms(50, 99, false), ms(109, 200, false), ms(111, 50, false)},
		"a standing queue":            {ms(0, 51, false), ms(60, 500, false), ms(100, 51, true), ms(150, 500, true), ms(160, 51, true)},
		"one good wait ends it":       {ms(0, 60, false), ms(100, 60, true), ms(101, 50, false), ms(102, 60, false), ms(201, 60, false), ms(202, 60, true)},
		"a pause of the process":      {ms(0, 0, false), ms(2000, 2000, false), ms(2001, 1999, false), ms(2002, 1998, false), ms(2003, 1, false)},
		"long ago says nothing":       {ms(0, 60, false), ms(100, 60, true), ms(1101, 60, false), ms(1202, 60, true)},
		"few requests, all of them":   {ms(0, 60, false), ms(400, 60, true), ms(900, 60, true)},
		"exactly the target is right": {ms(0, 50, false), ms(200, 50, false), ms(400, 50, false)},
	} {
		start := time.Unix(1_000_000, 0)
		q := queue{target: target}
		for i, w := range waits {
			if got := q.waited(w.waited, start.Add(w.at)); got != w.late {
				t.Errorf("%s: wait %d of %v at %v: late is %v, want %v", name, i, w.waited, w.at, got, w.late)
			}
			assert.Equal(t, q.standing.Load(), w.late)
		}
	}
	off := queue{target: -1}
	for i := range 10 {
		assert.Equal(t, off.waited(time.Hour, time.Unix(int64(i), 0)), false)
	}
}

func TestSheds(t *testing.T) {
	t.Parallel()
	o := New(time.Second, func(r *http.Request) bool { return r.URL.Path == "/health" })
	page, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/page", nil)
	assert.NoError(t, err)
	health, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/health", nil)
	assert.NoError(t, err)

	assert.Equal(t, o.Sheds(page, 0), false)
	o.loops.standing.Store(true)
	assert.Equal(t, o.Sheds(page, 0), true)
	assert.Equal(t, o.Sheds(health, 0), false)
	assert.Equal(t, o.Sheds(page, time.Millisecond), false) // it has its worker
	o.loops.standing.Store(false)
	now := time.Now().UnixNano()
	o.workers.since.Store(now - int64(interval))
	o.workers.last.Store(now)
	assert.Equal(t, o.Sheds(health, 2*time.Second), false)
	assert.Equal(t, o.Sheds(page, 2*time.Second), true)
	assert.Equal(t, o.Sheds(page, 0), false) // the loops are quick
	assert.Equal(t, o.Sheds(page, time.Millisecond), false)
	assert.Equal(t, o.Sheds(page, 2*time.Second), false) // the queue has been short
}
