package gale_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale"
	"github.com/galeweb/gale/internal/assert"
)

// collector stands in for the runtime's.
type collector struct {
	live, roots int64
	percent     int
	calls       int
}

func (c *collector) size() (live, roots int64) { return c.live, c.roots }

func (c *collector) set(percent int) (before int) {
	before, c.percent = c.percent, percent
	c.calls++
	return before
}

// goal is what the runtime makes of it: see its guide to the collector.
func (c *collector) goal() int64 {
	return max(c.live+(c.live+c.roots)*int64(c.percent)/100, 4<<20*int64(c.percent)/100)
}

func TestGCPercentFollowsTheHeap(t *testing.T) {
	t.Parallel()
	const mb = 1 << 20
	c := &collector{live: 200 << 10, roots: 300 << 10, percent: 100}
	g := gale.NewGCTuner(64*mb, c.size, c.set)
	assert.True(t, g.Begin(100), "the tuner did not begin")
	for _, live := range []int64{200 << 10, 3 * mb, 10 * mb, 20 * mb, 30 * mb, 5 * mb, 0, 1 * mb} {
		c.live = live
		assert.True(t, g.Adjust(), "the tuner is off")
		// A step of a tenth is left out.
		if goal := c.goal(); goal < 56*mb || goal > 72*mb {
			t.Errorf("%d MiB live: percent %d makes a heap of %d MiB, want about 64", live/mb, c.percent, goal/mb)
		}
	}
	for _, live := range []int64{32 * mb, 64 * mb, 1000 * mb} {
		c.live = live
		assert.True(t, g.Adjust(), "the tuner is off")
		assert.Equal(t, c.percent, 100)
	}
	calls := c.calls
	c.live = 1001 * mb
	g.Adjust()
	g.Stop()
	assert.Equal(t, c.percent, 100)
	assert.True(t, !g.Adjust(), "the tuner goes on after Stop")
	assert.True(t, c.calls-calls <= 2, "the percent is set without a change")
}

func TestGCPercentOfSomebodyElse(t *testing.T) {
	t.Parallel()
	c := &collector{live: 1 << 20, percent: 200}
	assert.True(t, !gale.NewGCTuner(64<<20, c.size, c.set).Begin(200), "the tuner began")
	assert.Equal(t, c.calls, 0)

	// Set while it runs, seen at a collection.
	c.percent = 100
	g := gale.NewGCTuner(64<<20, c.size, c.set)
	g.Begin(100)
	c.percent, c.live = 50, 20<<20
	assert.True(t, !g.Adjust(), "the tuner is on")
	g.Stop()
	assert.Equal(t, c.percent, 50)

	// And seen only at the end.
	c.percent, c.live = 100, 1<<20
	g = gale.NewGCTuner(64<<20, c.size, c.set)
	g.Begin(100)
	c.percent = 300
	g.Stop()
	assert.Equal(t, c.percent, 300)
}

// helperMode in the environment makes this test binary a service.
const helperMode = "GALE_TEST_GC"

func TestGCOfAProcess(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, mode, want string
		env              []string
	}{
		{"default", "tune", "1600 few 100", nil},
		{"GOGC", "tune", "150 150 150", []string{"GOGC=150"}},
		{"GOGC of the default", "tune", "100 100 100", []string{"GOGC=100"}},
		{"GOMEMLIMIT", "tune", "100 100 100", []string{"GOMEMLIMIT=1GiB"}},
		{"KeepGC", "keep", "100 100 100", nil},
		{"set by the program", "set", "70 70 70", nil},
		{"memory limit set by the program", "limit", "100 100 100", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestGCHelper$", "-test.v")
			for _, v := range os.Environ() {
				if !strings.HasPrefix(v, "GOGC=") && !strings.HasPrefix(v, "GOMEMLIMIT=") {
					cmd.Env = append(cmd.Env, v)
				}
			}
			cmd.Env = append(append(cmd.Env, helperMode+"="+c.mode), c.env...)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			assert.Contains(t, string(out), "percents: "+c.want+"\n")
		})
	}
}

// TestGCHelper prints the percent while Run runs, that with 40 MiB alive, and
// that after.
func TestGCHelper(t *testing.T) {
	mode := os.Getenv(helperMode)
	switch mode {
	case "":
		t.Skip("is run by TestGCOfAProcess")
	case "set":
		debug.SetGCPercent(70)
	case "limit":
		debug.SetMemoryLimit(1 << 30)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var began int
	var grown string
	err := gale.Run(ctx, text(""), gale.Options{
		Addr: "127.0.0.1:0", OpsAddr: "off", Banner: io.Discard, Logger: slog.New(slog.DiscardHandler), KeepGC: mode == "keep",
		Ready: func(net.Addr) {
			began = gale.CurrentPercent()
			grown = percentWithHeap(began)
			cancel()
		},
	})
	assert.NoError(t, err)
	fmt.Printf("percents: %d %s %d\n", began, grown, gale.CurrentPercent())
}

// percentWithHeap returns the percent once 40 MiB live; "few" for one between
// Go's default and twice that, for which the tuner is waited for.
func percentWithHeap(before int) string {
	heap := make([]byte, 40<<20)
	defer runtime.KeepAlive(heap)
	for begin := time.Now(); time.Since(begin) < 10*time.Second; runtime.Gosched() {
		runtime.GC()
		p := gale.CurrentPercent()
		if before <= 200 {
			return fmt.Sprint(p)
		}
		if p >= 100 && p < 200 {
			return "few"
		}
	}
	return fmt.Sprint(gale.CurrentPercent())
}
