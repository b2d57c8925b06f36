package scaffold_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/modfile"

	"github.com/galeweb/gale/cmd/gale/internal/scaffold"
	"github.com/galeweb/gale/internal/assert"
)

var update = flag.Bool("update", false, "write project.mod and project.sum as they should be")

// The files must be what go mod tidy makes of the command's own go.mod in a new
// project: the versions that were tested, all that are needed, and no others.
func TestProjectModule(t *testing.T) {
	t.Parallel()
	clone, err := filepath.Abs("../../../..")
	assert.NoError(t, err)
	p := scaffold.Project{Dir: filepath.Join(t.TempDir(), "hello"), Reference: os.DirFS("../../reference"), Clone: clone}
	_, err = p.Write()
	assert.NoError(t, err)
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join("../..", name))
		assert.NoError(t, err)
		assert.NoError(t, os.WriteFile(filepath.Join(p.Dir, name), content, 0o644))
	}
	const gale, drivers = "github.com/galeweb/gale", "github.com/galeweb/gale/drivers"
	goCommand(t, p.Dir, "mod", "edit", "-module=project", "-replace="+gale+"="+clone, "-replace="+drivers+"="+filepath.Join(clone, "drivers"))
	goCommand(t, p.Dir, "mod", "tidy")
	goCommand(t, p.Dir, "mod", "edit", "-droprequire="+gale, "-droprequire="+drivers, "-dropreplace="+gale, "-dropreplace="+drivers)

	for from, to := range map[string]string{"go.mod": "project.mod", "go.sum": "project.sum"} {
		want, err := os.ReadFile(filepath.Join(p.Dir, from))
		assert.NoError(t, err)
		if *update {
			assert.NoError(t, os.WriteFile(to, want, 0o644))
			continue
		}
		got, err := os.ReadFile(to)
		assert.NoError(t, err)
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s is not what new projects need (-want +got); run go test ./cmd/gale/internal/scaffold -run TestProjectModule -update\n%s", to, diff)
		}
	}
}

func TestGoMod(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		project      scaffold.Project
		version      string
		replace      string
		replaceCount int
	}{
		"clone":   {scaffold.Project{Clone: "/a b/gale"}, "v0.0.0", "/a b/gale/drivers", 2},
		"release": {scaffold.Project{Version: "v1.2.3"}, "v1.2.3", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := test.project
			p.Dir, p.Module, p.Reference = filepath.Join(t.TempDir(), "hello"), "example.com/x/y", tree("a.txt", "")
			f, err := modfile.Parse("go.mod", []byte(files(t, p)["go.mod"]), nil)
			assert.NoError(t, err)
			assert.Equal(t, f.Module.Mod.Path, "example.com/x/y")
			assert.Equal(t, len(f.Replace), test.replaceCount)
			for _, path := range []string{"github.com/galeweb/gale", "github.com/galeweb/gale/drivers"} {
				var version string
				for _, r := range f.Require {
					if r.Mod.Path == path && !r.Indirect {
						version = r.Mod.Version
					}
				}
				assert.Equal(t, version, test.version)
			}
			for _, r := range f.Replace {
				if r.Old.Path == "github.com/galeweb/gale/drivers" {
					assert.Equal(t, r.New.Path, test.replace)
				}
			}
		})
	}
}

func TestWorkspaceAbove(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	p := scaffold.Project{Dir: filepath.Join(parent, "a", "hello"), Reference: tree("a.txt", ""), Clone: "/gale"}
	if work, ok := files(t, p)["go.work"]; ok {
		t.Errorf("a go.work without need: %s", work)
	}
	assert.NoError(t, os.WriteFile(filepath.Join(parent, "go.work"), []byte("go 1.26.0\n"), 0o644))
	text := files(t, p)["go.work"]
	f, err := modfile.ParseWork("go.work", []byte(text), nil)
	assert.NoError(t, err)
	oldest, err := scaffold.GoVersion()
	assert.NoError(t, err)
	assert.Equal(t, f.Go.Version, oldest) // a lower one than go.mod's is refused by go
	assert.Equal(t, f.Use[0].Path, ".")
}

// goCommand runs the go command in dir as if no workspace were above it.
func goCommand(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %v: %v\n%s", args, err, out)
	}
}
