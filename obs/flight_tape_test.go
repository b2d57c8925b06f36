package obs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/obs"
)

// fakeRecorder writes size bytes for each trace.
type fakeRecorder struct {
	events []string
	size   int
	err    error
}

func (f *fakeRecorder) Start() error {
	f.events = append(f.events, "start")
	return f.err
}

func (f *fakeRecorder) Stop() { f.events = append(f.events, "stop") }

func (f *fakeRecorder) WriteTo(w io.Writer) (int64, error) {
	f.events = append(f.events, "write")
	n, err := io.WriteString(w, strings.Repeat("t", f.size))
	return int64(n), err
}

// stall reports one more handler; look comes twice since it has no goroutine.
func (s *stalls) stall(t *testing.T, after time.Duration) {
	t.Helper()
	s.add(obs.RunningRequest{Method: "GET", Path: fmt.Sprint("/<", len(s.all), ">"), Start: s.now.Add(after - 2*time.Second), Worker: fmt.Sprint("tape", len(s.all))})
	s.look(t, after)
	s.look(t, after)
}

func TestRecorderFollowsItsMode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mode obs.TraceMode
		want []string
	}{
		// Stalls at 1 m, 2 m, 2 m + 1 s, and 13 m later again.
		{obs.TraceAfterStall, []string{"start", "write", "stop", "start", "stop"}},
		{obs.TraceAlways, []string{"start", "write", "write", "write", "stop"}},
		{obs.TraceNever, nil},
	} {
		s, f := newStalls(obs.StallOptions{Trace: c.mode}), &fakeRecorder{size: 10}
		s.SetRecorder(f)
		s.Begin()
		s.stall(t, time.Minute)
		s.stall(t, 2*time.Minute)
		s.stall(t, 2*time.Minute+time.Second)
		s.stall(t, 15*time.Minute)
		s.End()
		if d := cmp.Diff(c.want, f.events); d != "" {
			t.Errorf("mode %d: -want +got\n%s", c.mode, d)
		}
	}
}

func TestRecorderOfSomebodyElse(t *testing.T) {
	t.Parallel()
	s, f := newStalls(obs.StallOptions{}), &fakeRecorder{size: 10, err: errors.New("already active")}
	s.SetRecorder(f)
	s.Begin()
	s.stall(t, time.Minute)
	s.stall(t, 2*time.Minute)
	assert.Equal(t, strings.Count(s.log.String(), "already active"), 1)
	f.err = nil // it has stopped
	s.stall(t, 3*time.Minute)
	s.stall(t, 4*time.Minute)
	s.End()
	assert.Equal(t, f.events, []string{"start", "start", "start", "write", "stop"})
	assert.Equal(t, s.Stalls()[0].Trace, "/debug/stalls/4.trace")
}

func TestTooLargeATraceIsDropped(t *testing.T) {
	t.Parallel()
	s := newStalls(obs.StallOptions{Trace: obs.TraceAlways, MaxBytes: 1000})
	s.SetRecorder(&fakeRecorder{size: 1001})
	s.Begin()
	s.stall(t, time.Minute)
	s.End()
	assert.Contains(t, s.log.String(), "larger than StallOptions.MaxBytes")
	assert.Equal(t, s.Stalls()[0].Trace, "")
}

func TestTracesFitTogether(t *testing.T) {
	t.Parallel()
	s, f := newStalls(obs.StallOptions{Trace: obs.TraceAlways, MaxBytes: 1000}), &fakeRecorder{}
	s.SetRecorder(f)
	s.Begin()
	for i, size := range []int{300, 300, 300, 500} {
		f.size = size
		s.stall(t, time.Duration(i+1)*time.Minute)
	}
	s.End()
	ops := obs.NewOps(obs.OpsOptions{Stalls: s.StallWatch})
	for id, want := range map[int]int{1: 404, 2: 404, 3: 200, 4: 200} {
		assert.Equal(t, get(ops, fmt.Sprintf("http://127.0.0.1/debug/stalls/%d.trace", id)).Code, want)
	}
}

func TestStallPages(t *testing.T) {
	t.Parallel()
	s := newStalls(obs.StallOptions{Trace: obs.TraceAlways, Keep: 2})
	s.SetRecorder(&fakeRecorder{size: 5})
	ops := obs.NewOps(obs.OpsOptions{Stalls: s.StallWatch})
	s.Begin()
	for i := range 3 {
		s.stall(t, time.Duration(i+1)*time.Minute)
	}
	s.End()
	assert.Contains(t, get(ops, "http://127.0.0.1/").Body.String(), `href="/debug/stalls"`)
	page := get(ops, "http://127.0.0.1/debug/stalls")
	assert.Equal(t, page.Code, 200)
	assert.Equal(t, page.Header().Get("Content-Type"), "text/html; charset=utf-8")
	for _, want := range []string{"budget of 1s: 3.", "/&lt;2&gt;", `<a href="/debug/stalls/3.trace">`, `<a href="/debug/stalls/2.trace">`} {
		assert.Contains(t, page.Body.String(), want)
	}
	assert.True(t, !strings.Contains(page.Body.String(), "1.trace"), "a trace that is gone is shown")

	var list struct {
		Found  int
		Stalls []obs.Stall
	}
	assert.NoError(t, json.Unmarshal(get(ops, "http://127.0.0.1/debug/stalls?format=json").Body.Bytes(), &list))
	assert.Equal(t, list.Found, 3)
	var traces []string
	for _, stall := range list.Stalls {
		traces = append(traces, stall.Trace)
	}
	assert.Equal(t, traces, []string{"/debug/stalls/3.trace", "/debug/stalls/2.trace", ""})

	file := get(ops, "http://127.0.0.1/debug/stalls/3.trace")
	assert.Equal(t, file.Body.String(), "ttttt")
	assert.Equal(t, file.Header().Get("Content-Disposition"), `attachment; filename="3.trace"`)
	for _, path := range []string{"/debug/stalls/1.trace", "/debug/stalls/..%2f3.trace", "/debug/stalls/x"} {
		assert.Equal(t, get(ops, "http://127.0.0.1"+path).Code, http.StatusNotFound)
	}
	assert.Equal(t, get(ops, "http://evil.example/debug/stalls/3.trace").Code, http.StatusMisdirectedRequest)
	assert.Equal(t, get(newOps(), "http://127.0.0.1/debug/stalls").Code, http.StatusNotFound)
}

// There is one flight recorder a process; no other test starts it.
func TestRealTrace(t *testing.T) {
	t.Parallel()
	first := newStalls(obs.StallOptions{Trace: obs.TraceAlways})
	first.Begin()
	second := newStalls(obs.StallOptions{Trace: obs.TraceAlways})
	second.Begin()
	assert.Contains(t, second.log.String(), "flight recorder does not start")
	second.End()
	first.stall(t, time.Minute)
	first.End()
	file := get(obs.NewOps(obs.OpsOptions{Stalls: first.StallWatch}), "http://127.0.0.1"+first.Stalls()[0].Trace)
	assert.Contains(t, file.Body.String(), "go 1.")
	assert.True(t, file.Body.Len() > 100, "the trace is empty")
}
