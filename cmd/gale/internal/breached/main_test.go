package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestPick(t *testing.T) {
	t.Parallel()
	lines := []string{"short", "password1\r", "pässword1", "password2", "password1", "password3", "password4"}
	got, err := pick(lines, "4-6,1-3,7-7", 4)
	if want := []string{"password2", "password1", "password3", "password4"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if got, err := pick(lines, "1-7", 2); err != nil || len(got) != 2 {
		t.Errorf("got %q, %v, want two", got, err)
	}
	for _, ranges := range []string{"", "0-1", "2-1", "1-8", "x"} {
		if got, err := pick(lines, ranges, 9); err == nil {
			t.Errorf("%q picks %q", ranges, got)
		}
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "words")
	if err := os.WriteFile(file, []byte("password2\npassword1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := run(&b, []string{file}, "1-2", 9); err != nil || b.Len() != 16+2*8 {
		t.Errorf("%v, %d bytes", err, b.Len())
	}
	if err := run(io.Discard, nil, "1-2", 9); err == nil {
		t.Error("runs without a file")
	}
}
