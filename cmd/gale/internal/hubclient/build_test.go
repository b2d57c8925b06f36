package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// source is where the TypeScript lies, from here.
const source = "../../../../hub/browser"

func TestDistIsFresh(t *testing.T) {
	t.Parallel()
	for _, s := range scripts() {
		want, err := s.build(source)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(source, "dist", s.name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the sources give; run make generate", s.name)
		}
	}
}

func TestBuildFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "connect.ts"), []byte("export const = 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, s := range scripts() {
		if _, err := s.build(dir); err == nil {
			t.Errorf("%s is built from what is no TypeScript", s.name)
		}
	}
}

// TestTypes needs the npm package typescript, of which tsc is the compiler. The
// tests of this repository do not ask for it: esbuild drops types unread.
func TestTypes(t *testing.T) {
	t.Parallel()
	tsc, err := exec.LookPath("tsc")
	if err != nil {
		t.Skip("needs tsc: npm install --global typescript")
	}
	for _, project := range []string{source, filepath.Join(source, "test")} {
		if out, err := exec.CommandContext(t.Context(), tsc, "--project", project).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", project, err, out)
		}
	}
}
