package galetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"strings"
	"testing"
	"time"
)

// leakPatience is how long goroutines may take to end by themselves.
const leakPatience = 2 * time.Second

// leakLabel is the profiler label by which a test's goroutines are known.
const leakLabel = "galetest"

// watchLeaks has the test fail when a goroutine that began in it still runs
// after its other clean-ups. A new goroutine inherits the labels of the one
// that started it, which tells those of parallel tests apart. The returned
// context carries the label to code that calls [pprof.Do].
func watchLeaks(tb testing.TB, ignore []string) context.Context {
	tb.Helper()
	id := rand.Text()
	ctx := pprof.WithLabels(tb.Context(), pprof.Labels(leakLabel, id))
	pprof.SetGoroutineLabels(ctx)
	cleanup(tb, func() {
		pprof.SetGoroutineLabels(context.Background())
		mark := fmt.Sprintf("%q:%q", leakLabel, id)
		leaked := lasting(1, func(stack string) bool {
			return strings.Contains(stack, mark) && !strings.Contains(stack, signalStack) && !containsAny(stack, ignore)
		})
		if len(leaked) > 0 {
			tb.Errorf("galetest: goroutines still run after the test:\n%s", strings.Join(leaked, "\n\n"))
		}
	})
	return ctx
}

// Main runs a package's tests and fails when goroutines are left that none of
// the tests owned. Parts of function names in ignore excuse a goroutine.
//
//	func TestMain(m *testing.M) { galetest.Main(m) }
func Main(m *testing.M, ignore ...string) {
	code := m.Run()
	if code == 0 {
		code = verify(os.Stderr, ignore)
	}
	os.Exit(code)
}

// signalStack is of the goroutine that the first signal.Notify of the process
// starts, wherever it is called: it never ends.
const signalStack = "os/signal.signal_recv"

// systemStacks belong to the runtime, the testing package and the check.
var systemStacks = []string{
	"galetest.Main(", "galetest.stacks(", signalStack, "os/signal.loop(", "testing.(*M).", "testing.tRunner(",
	"testing.runFuzzing(", "runtime/pprof.profileWriter(", "runtime.ensureSigM",
}

func verify(out io.Writer, ignore []string) (code int) {
	leaked := lasting(2, func(stack string) bool {
		return !containsAny(stack, systemStacks) && !containsAny(stack, ignore)
	})
	if len(leaked) == 0 {
		return 0
	}
	fmt.Fprintf(out, "galetest: goroutines still run after the tests:\n%s\n", strings.Join(leaked, "\n\n"))
	return 1
}

// lasting returns the goroutines for which leaks is true and stays so. What
// has ended already costs no waiting.
func lasting(debug int, leaks func(stack string) bool) []string {
	deadline := time.Now().Add(leakPatience)
	for wait := time.Millisecond; ; wait *= 2 {
		var leaked []string
		for _, stack := range stacks(debug) {
			if leaks(stack) {
				leaked = append(leaked, stack)
			}
		}
		if len(leaked) == 0 || time.Now().After(deadline) {
			return leaked
		}
		time.Sleep(min(wait, 100*time.Millisecond))
	}
}

// stacks returns one text for each goroutine or, with debug 1, for each group
// of goroutines with the same stack and labels.
func stacks(debug int) []string {
	var buf bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&buf, debug)
	text := buf.String()
	if debug == 1 { // the first line is a heading
		_, text, _ = strings.Cut(text, "\n")
	}
	return strings.Split(strings.TrimSpace(text), "\n\n")
}

func containsAny(s string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(s, part) {
			return true
		}
	}
	return false
}
