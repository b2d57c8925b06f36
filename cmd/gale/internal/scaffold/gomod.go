package scaffold

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/mod/modfile"
)

const (
	galeModule    = "github.com/galeweb/gale"
	driversModule = galeModule + "/drivers"
)

// The tidy go.mod and go.sum of a project, but for gale itself. They follow
// cmd/gale/go.mod and what the reference imports: TestProjectModule compares,
// and writes them with -update.
var (
	//go:embed project.mod
	projectMod []byte
	//go:embed project.sum
	projectSum []byte
)

func parseProjectMod() (*modfile.File, error) {
	f, err := modfile.Parse("project.mod", projectMod, nil)
	if err != nil {
		return nil, fmt.Errorf("gale was built with a broken file: %w", err)
	}
	return f, nil
}

// requires reports whether every project needs the module with this path.
func requires(path string) (bool, error) {
	f, err := parseProjectMod()
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(f.Require, func(r *modfile.Require) bool { return r.Mod.Path == path }), nil
}

// modules returns go.mod, go.sum and, where needed, go.work. With a clone,
// gale comes from there.
func (p Project) modules() (map[string][]byte, error) {
	f, err := parseProjectMod()
	if err != nil {
		return nil, err
	}
	if err := f.AddModuleStmt(p.module()); err != nil {
		return nil, err
	}
	for _, gale := range []struct{ path, dir string }{{galeModule, "."}, {driversModule, "drivers"}} {
		if p.Clone == "" {
			err = f.AddRequire(gale.path, p.Version)
		} else if err = f.AddRequire(gale.path, "v0.0.0"); err == nil {
			err = f.AddReplace(gale.path, "", filepath.Join(p.Clone, gale.dir), "")
		}
		if err != nil {
			return nil, err
		}
	}
	f.SortBlocks()
	f.Cleanup()
	mod, err := f.Format()
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"go.mod": mod, "go.sum": projectSum}
	if workspaceAbove(p.Dir) {
		files["go.work"] = fmt.Appendf(nil, "// Without this file the go command would take the project for a part of the\n"+
			"// workspace in a folder above.\n\ngo %s\n\nuse .\n", f.Go.Version)
	}
	return files, nil
}

// workspaceAbove reports whether a folder above dir has a go.work.
func workspaceAbove(dir string) bool {
	for parent := filepath.Dir(dir); ; parent = filepath.Dir(parent) {
		if _, err := os.Stat(filepath.Join(parent, "go.work")); err == nil {
			return true
		}
		if parent == filepath.Dir(parent) {
			return false
		}
	}
}

// GoVersion returns the oldest version of Go that projects build with, such
// as "1.26.0".
func GoVersion() (string, error) {
	f, err := parseProjectMod()
	if err != nil {
		return "", err
	}
	return f.Go.Version, nil
}
