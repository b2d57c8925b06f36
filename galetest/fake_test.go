package galetest_test

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/galeweb/gale/internal/assert"
)

// fakeTB is a test inside a test, which may fail.
type fakeTB struct {
	testing.TB // for what is not faked, and for the hidden method

	mu       sync.Mutex
	failures []string
	skipped  bool
	cleanups []func()
}

// try runs body as a test of its own, clean-ups included, and returns what it
// failed with.
func try(t *testing.T, body func(tb testing.TB)) *fakeTB {
	t.Helper()
	f := &fakeTB{TB: t}
	protected := func(fn func()) {
		done := make(chan struct{})
		go func() { defer close(done); fn() }()
		<-done
	}
	protected(func() { body(f) })
	for len(f.cleanups) > 0 {
		last := f.cleanups[len(f.cleanups)-1]
		f.cleanups = f.cleanups[:len(f.cleanups)-1]
		protected(last)
	}
	return f
}

func (f *fakeTB) Errorf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failures = append(f.failures, fmt.Sprintf(format, args...))
}

func (f *fakeTB) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	runtime.Goexit()
}

func (f *fakeTB) Fatal(args ...any) { f.Fatalf("%s", fmt.Sprint(args...)) }

func (f *fakeTB) Skipf(string, ...any) {
	f.skipped = true
	runtime.Goexit()
}

func (f *fakeTB) Cleanup(fn func()) { f.cleanups = append(f.cleanups, fn) }
func (f *fakeTB) Helper()           {}
func (f *fakeTB) Output() io.Writer { return io.Discard }

// failedWith checks that the inner test failed once, with that in the message;
// "" checks that it passed.
func (f *fakeTB) failedWith(t *testing.T, want string) {
	t.Helper()
	all := strings.Join(f.failures, "\n")
	switch {
	case want == "" && all != "":
		t.Errorf("the inner test failed: %s", all)
	case want != "" && len(f.failures) != 1:
		t.Errorf("the inner test failed %d times, want once with %q: %s", len(f.failures), want, all)
	case want != "":
		assert.Contains(t, all, want)
	}
}
