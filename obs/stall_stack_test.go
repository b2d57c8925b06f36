package obs_test

import (
	"net"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/obs"
)

func TestWhatAHandlerWaitsFor(t *testing.T) {
	t.Parallel()
	release, sink := make(chan struct{}), make(chan struct{})
	var mu sync.Mutex
	mu.Lock()
	cond := sync.NewCond(new(sync.Mutex))
	woken := false
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	c, err := net.Dial("tcp", l.Addr().String())
	assert.NoError(t, err)
	s := newStalls(obs.StallOptions{})
	var ends []<-chan struct{}
	for want, wait := range map[string]func(){
		"channel receive": func() { <-release },
		"channel send":    func() { sink <- struct{}{} },
		"select": func() {
			select {
			case <-release:
			case <-t.Context().Done():
			}
		},
		"lock": func() { mu.Lock(); defer mu.Unlock() },
		"condition": func() {
			cond.L.Lock()
			defer cond.L.Unlock()
			for !woken {
				cond.Wait()
			}
		},
		"network": func() { _, _ = c.Read(make([]byte, 1)) },
		"":        func() { spin(release) },
	} {
		worker := "waits " + want
		done := labelled(worker, wait)
		ends = append(ends, done)
		until(t, worker, func() bool {
			waits, stack := s.StackOf(worker)
			return waits == want && len(stack) > 0
		})
	}
	close(release)
	<-sink
	mu.Unlock()
	cond.L.Lock()
	woken = true
	cond.L.Unlock()
	cond.Signal()
	assert.NoError(t, c.Close())
	assert.NoError(t, l.Close())
	for _, done := range ends {
		<-done
	}
}

func TestASleeperWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		done := labelled("w-sleep", func() { time.Sleep(time.Hour) })
		synctest.Wait()
		waits, _ := newStalls(obs.StallOptions{}).StackOf("w-sleep")
		assert.Equal(t, waits, "sleep")
		<-done
	})
}

func spin(release chan struct{}) {
	for {
		select {
		case <-release:
			return
		default:
			runtime.Gosched()
		}
	}
}

// until waits for what another goroutine is about to do.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for begin := time.Now(); !done(); runtime.Gosched() {
		if time.Since(begin) > 10*time.Second {
			t.Fatalf("%s: was not seen", what)
		}
	}
}

func TestProfilesOfOtherForms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		profile string
		want    map[string]int
	}{
		{"", map[string]int{}},
		{"goroutine profile: total 1\n1 @ 0x1 0x2\n#\t0x1\tmain.main+0x1\n", map[string]int{}},
		{"1 @ 0x1 0x2\n# labels: {\"k\":\"v\"}\n1 @ 0x1\n# labels: {\"a\":\"b\", \"k\":\"v\"}\n", map[string]int{"v": 2}},
		{"1 @ 0x1\n# labels: {\"k\":\"a\\\"b\"}\n", map[string]int{"a\"b": 1}},
		{"1 @ nonsense\n# labels: {\"k\":\"v\"}\n", map[string]int{"v": 1}},
		{"# labels: {\"k\":\"v\"}\n", map[string]int{"v": 1}},
		{"1 @ 0x1\n# labels: {\"k\":v}\n# labels: {\"k\":\"", map[string]int{}},
	} {
		if d := cmp.Diff(c.want, obs.LabelledStacks(c.profile, "k")); d != "" {
			t.Errorf("%q: -want +got\n%s", c.profile, d)
		}
	}
}
