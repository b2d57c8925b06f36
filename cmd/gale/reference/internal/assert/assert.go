// Package assert is the test vocabulary of this project: a handful of checks
// that report with the caller's line and go on. Where more is needed, write
// the if and the message.
package assert

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

// Equal reports an error when got is not want, by [reflect.DeepEqual].
func Equal[T any](t testing.TB, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v, want %#v", got, want)
	}
}

// True reports an error with the message when ok is false.
func True(t testing.TB, ok bool, message string) {
	t.Helper()
	if !ok {
		t.Error(message)
	}
}

// NoError stops the test when err is not nil: what follows would only repeat
// the failure.
func NoError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

// ErrorIs reports an error when no error in err's tree is target.
func ErrorIs(t testing.TB, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("error is %v, want %v", err, target)
	}
}

// Contains reports an error when s has no sub in it.
func Contains(t testing.TB, s, sub string) {
	t.Helper()
	if !strings.Contains(s, sub) {
		t.Errorf("%q does not contain %q", s, sub)
	}
}

// Panics runs f, stops the test when f returns, and otherwise returns what f
// panicked with.
func Panics(t testing.TB, f func()) (value any) {
	t.Helper()
	defer func() {
		value = recover()
		if value == nil {
			t.Fatal("no panic")
		}
	}()
	f()
	return nil
}
