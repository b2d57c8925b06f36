package scaffold_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/galeweb/gale/cmd/gale/internal/scaffold"
	"github.com/galeweb/gale/internal/assert"
)

func TestWrite(t *testing.T) {
	t.Parallel()
	p := scaffold.Project{
		Dir: filepath.Join(t.TempDir(), "deep", "hello"), Clone: "/gale",
		Reference: tree("README.md", "# relay\n", "cmd/relay/main.go", "package main\n"),
	}
	n, err := p.Write()
	assert.NoError(t, err)
	assert.Equal(t, n, 4) // and go.mod and go.sum
	content, err := os.ReadFile(filepath.Join(p.Dir, "cmd", "hello", "main.go"))
	assert.NoError(t, err)
	assert.Equal(t, string(content), "package main\n")

	_, err = p.Write()
	if err == nil {
		t.Fatal("a project was written over another")
	}
	assert.Contains(t, err.Error(), "is not empty (it has README.md)")
}

func TestWriteIntoEmptyFolder(t *testing.T) {
	t.Parallel()
	p := scaffold.Project{Dir: filepath.Join(t.TempDir(), "hello"), Clone: "/gale", Reference: tree("a.txt", "")}
	assert.NoError(t, os.Mkdir(p.Dir, 0o755))
	before, err := os.Stat(p.Dir)
	assert.NoError(t, err)
	_, err = p.Write()
	assert.NoError(t, err)
	after, err := os.Stat(p.Dir)
	assert.NoError(t, err)
	assert.True(t, os.SameFile(before, after), "the folder, in which a shell may be, was replaced")
}

func TestWriteCannot(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	assert.NoError(t, os.WriteFile(file, nil, 0o644))
	for _, dir := range []string{filepath.Join(file, "hello"), filepath.Join(filepath.Dir(file), "file")} {
		_, err := scaffold.Project{Dir: dir, Clone: "/gale", Reference: tree("a.txt", "")}.Write()
		if err == nil {
			t.Fatalf("a project was written to %s", dir)
		}
		assert.Contains(t, err.Error(), "not a directory")
	}
}

// A write that fails halfway, here since a file and a folder have one name
// after the renaming, leaves what was there before.
func TestWriteFailsHalfway(t *testing.T) {
	t.Parallel()
	for _, exists := range []bool{false, true} {
		p := scaffold.Project{
			Dir: filepath.Join(t.TempDir(), "hello"), Clone: "/gale",
			Reference: tree("cmd/relay", "", "cmd/hello/main.txt", "", "a.txt", "", "b/c.txt", ""),
		}
		if exists {
			assert.NoError(t, os.Mkdir(p.Dir, 0o755))
		}
		if _, err := p.Write(); err == nil {
			t.Fatal("no error")
		}
		entries, err := os.ReadDir(p.Dir)
		if exists {
			assert.NoError(t, err)
			assert.Equal(t, len(entries), 0)
		} else {
			assert.ErrorIs(t, err, fs.ErrNotExist)
		}
	}
}
