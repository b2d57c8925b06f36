package scaffold

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// Project says what to make. Of Version and Clone one is needed.
type Project struct {
	Dir       string // where, an absolute path; its last element is the name
	Module    string // path of the module; defaults to the name
	Reference fs.FS  // what is copied
	GoRoot    string // of the go command, whose packages the module must not hide
	Version   string // of gale, for go.mod
	Clone     string // a working tree of gale to use instead of Version
}

// maxName leaves room in file names, host names and labels made of the name.
const maxName = 40

var validName = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// Name returns the name of the project, the last element of Dir.
func (p Project) Name() string { return filepath.Base(p.Dir) }

// EnvPrefix is what the names of the project's environment variables begin
// with, such as MY_APP_.
func (p Project) EnvPrefix() string {
	return strings.ToUpper(strings.ReplaceAll(p.Name(), "-", "_")) + "_"
}

func (p Project) module() string { return cmp.Or(p.Module, p.Name()) }

// Check finds out whether the project can be made; it changes nothing.
func (p Project) Check() error {
	if name := p.Name(); !validName.MatchString(name) || len(name) > maxName {
		return fmt.Errorf("%q cannot be the name of a project: use a to z, 0 to 9 and single dashes, a letter first, at most %d in all, such as my-app", name, maxName)
	}
	if err := p.checkModule(); err != nil {
		return err
	}
	if p.Clone == "" && (!semver.IsValid(p.Version) || semver.Build(p.Version) != "") {
		return errors.New("this gale was built from a working tree that is gone; run it inside a clone of gale, or install a release")
	}
	return checkEmpty(p.Dir)
}

// patterns are names that the go command takes for something other than a
// module, or for one of its own.
var patterns = regexp.MustCompile(`^(all|cmd|internal|main|std|test|tool|vendor|work)$`)

func (p Project) checkModule() error {
	path := p.module()
	hint := "; choose another name, or a module path with --module, such as example.com/" + p.Name()
	if err := module.CheckImportPath(path); err != nil {
		if invalid, ok := errors.AsType[*module.InvalidPathError](err); ok {
			err = invalid.Err
		}
		return fmt.Errorf("%q cannot be a module path: %w%s", path, err, hint)
	}
	first, _, _ := strings.Cut(path, "/")
	if patterns.MatchString(first) {
		return fmt.Errorf("%q means something else to the go command%s", first, hint)
	}
	// One element without a dot is where the standard library lives.
	if info, err := os.Stat(filepath.Join(p.GoRoot, "src", first)); p.GoRoot != "" && err == nil && info.IsDir() {
		return fmt.Errorf("%q is a package of Go's standard library, which the module would hide%s", first, hint)
	}
	used, err := requires(path)
	if err != nil {
		return err
	}
	if used || path == galeModule || path == driversModule {
		return fmt.Errorf("%q is a module that the project itself uses%s", path, hint)
	}
	return nil
}

// checkEmpty makes sure that dst can be filled: it is not there, or empty.
func checkEmpty(dst string) error {
	entries, err := os.ReadDir(dst)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("%s cannot be used: %w", dst, reason(err))
	case len(entries) > 0:
		return fmt.Errorf("%s is not empty (it has %s); choose another name or empty it first", dst, entries[0].Name())
	}
	return nil
}

// reason is err without the path, where the sentence names it already.
func reason(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
