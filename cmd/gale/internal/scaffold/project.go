package scaffold

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"golang.org/x/mod/module"
)

// Project says what to make.
type Project struct {
	Dir     string // where; its last element is the name
	Module  string // defaults to the name
	Source  fs.FS  // holds reference/, go.mod and go.sum
	Version string // of gale, for go.mod
	Clone   string // a working tree of gale to use instead of Version
}

var validName = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// Name returns the name of the project, the last element of Dir.
func (p Project) Name() string { return filepath.Base(p.Dir) }

// Check finds out whether the project can be made, before anything is written.
func (p Project) Check() error {
	if name := p.Name(); !validName.MatchString(name) || len(name) > 40 {
		return fmt.Errorf("%q cannot be a project's name: use at most 40 of a-z, 0-9 and -, beginning with a letter, such as my-app", name)
	}
	if p.Name() == "test" || p.Name() == "internal" || p.Name() == "vendor" {
		return fmt.Errorf("%q means something else to Go; choose another name", p.Name())
	}
	if p.Module != "" {
		if err := module.CheckImportPath(p.Module); err != nil {
			return fmt.Errorf("%q cannot be a module path: %w", p.Module, err)
		}
	}
	if p.Clone == "" && p.Version == "(devel)" {
		return errors.New("this gale was built from a working tree that cannot be found; run it inside a clone of gale, or install a release")
	}
	return checkEmpty(p.Dir)
}

// Write makes the project. What it wrote stays when it fails.
func (p Project) Write() error {
	if err := p.Check(); err != nil {
		return err
	}
	mod := p.Module
	if mod == "" {
		mod = p.Name()
	}
	reference, err := fs.Sub(p.Source, "reference")
	if err != nil {
		return err
	}
	if err := copyTree(p.Dir, reference, namesOf(p.Name(), mod)); err != nil {
		return fmt.Errorf("copying: %w", err)
	}
	cli, err := fs.ReadFile(p.Source, "go.mod")
	if err != nil {
		return err
	}
	text, err := goMod(cli, mod, p.Version, p.Clone)
	if err != nil {
		return err
	}
	sums, err := fs.ReadFile(p.Source, "go.sum")
	if err != nil {
		return err
	}
	files := map[string][]byte{"go.mod": text, "go.sum": sums}
	if workspaceAbove(p.Dir) {
		// Else the go command would take the project for a part of that workspace.
		files["go.work"] = []byte("go 1.26\n\nuse .\n")
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(p.Dir, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// workspaceAbove reports whether a folder above dir has a go.work.
func workspaceAbove(dir string) bool {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return false
	}
	for parent := filepath.Dir(dir); ; parent = filepath.Dir(parent) {
		if _, err := os.Stat(filepath.Join(parent, "go.work")); err == nil {
			return true
		}
		if parent == filepath.Dir(parent) {
			return false
		}
	}
}
