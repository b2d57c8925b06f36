package assert_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/galeweb/gale/internal/assert"
)

// recorder is a testing.TB that remembers instead of failing.
type recorder struct {
	testing.TB
	errors, fatals int
}

func (r *recorder) Helper()               {}
func (r *recorder) Error(...any)          { r.errors++ }
func (r *recorder) Errorf(string, ...any) { r.errors++ }
func (r *recorder) Fatal(...any)          { r.fatals++ }
func (r *recorder) Fatalf(string, ...any) { r.fatals++ }

func TestEachCheckFails(t *testing.T) {
	t.Parallel()
	var r recorder
	assert.Equal(&r, []int{1}, []int{2})
	assert.True(&r, false, "is false")
	assert.ErrorIs(&r, io.EOF, io.ErrUnexpectedEOF)
	assert.Contains(&r, "wind", "gale")
	if r.errors != 4 {
		t.Errorf("errors = %d, want 4", r.errors)
	}
	assert.NoError(&r, errors.New("broken"))
	assert.Panics(&r, func() {})
	if r.fatals != 2 {
		t.Errorf("fatals = %d, want 2", r.fatals)
	}
}

func TestEachCheckPasses(t *testing.T) {
	t.Parallel()
	var r recorder
	assert.Equal(&r, map[string]int{"a": 1}, map[string]int{"a": 1})
	assert.True(&r, true, "is true")
	assert.NoError(&r, nil)
	assert.ErrorIs(&r, fmt.Errorf("read: %w", io.EOF), io.EOF)
	assert.Contains(&r, "gale", "ale")
	if v := assert.Panics(&r, func() { panic("wiring") }); v != "wiring" {
		t.Errorf("Panics = %v, want wiring", v)
	}
	if r.errors+r.fatals != 0 {
		t.Errorf("%d errors and %d fatals, want none", r.errors, r.fatals)
	}
}
