package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// root is the repository, from here.
const root = "../../../.."

func TestDistIsFresh(t *testing.T) {
	t.Parallel()
	for _, c := range clients() {
		for _, s := range c.scripts {
			want, err := c.build(root, s)
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(filepath.Join(root, c.source, "dist", s.name))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s is not what the sources give; run make generate", s.name)
			}
		}
	}
}

func TestBuildFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, c := range clients() {
		if err := os.MkdirAll(filepath.Join(dir, c.source), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, c.source, c.entry), []byte("export const = 1"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, s := range c.scripts {
			if _, err := c.build(dir, s); err == nil {
				t.Errorf("%s is built from what is no TypeScript", s.name)
			}
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
	for _, project := range []string{"hub/browser", "hub/browser/test", "auth/passkey/browser"} {
		if out, err := exec.CommandContext(t.Context(), tsc, "--project", filepath.Join(root, project)).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", project, err, out)
		}
	}
}
