package galetest

import "testing"

// cleanup has f called when the test ends. The testing package keeps what it has
// called until the process ends; f is let go, and with it the application that
// it was about.
func cleanup(tb testing.TB, f func()) {
	tb.Helper()
	tb.Cleanup(func() {
		f()
		f = nil
	})
}
