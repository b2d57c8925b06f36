package scaffold

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"
)

// The reference, as it stands in the repository.
const (
	oldModule = "github.com/galeweb/gale/cmd/gale/reference"
	oldName   = "relay"
)

// Names of a project: what stands for the old name, by how that is written.
type names struct {
	name   string // my-app
	upper  string // MY_APP
	module string // example.com/my-app
}

func namesOf(name, module string) names {
	return names{name, strings.ToUpper(strings.ReplaceAll(name, "-", "_")), module}
}

var (
	wordOld  = regexp.MustCompile(`\b` + oldName + `\b`)
	upperOld = regexp.MustCompile(`\b` + strings.ToUpper(oldName) + `_`)
)

// copyTree writes every file of fsys below dst under the new names.
func copyTree(dst string, fsys fs.FS, n names) error {
	return fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if leftBehind(name) {
			return nil
		}
		content, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		to := filepath.Join(dst, filepath.FromSlash(wordOld.ReplaceAllString(name, n.name)))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		return os.WriteFile(to, n.rewrite(name, content), 0o644)
	})
}

// leftBehind reports whether a file is the trace of a run in the reference's
// own folder and not a part of it.
func leftBehind(name string) bool {
	base := path.Base(name)
	return base == ".env" || strings.Contains(base, ".db") || strings.HasPrefix(name, "bin/")
}

// rewrite puts the new names into a text; anything else, and vendored files,
// stay as they are.
func (n names) rewrite(name string, content []byte) []byte {
	if !utf8.Valid(content) || strings.Contains(name, ".min.") || strings.Contains(name, "licenses/") {
		return content
	}
	content = bytes.ReplaceAll(content, []byte(oldModule), []byte("\x00module\x00"))
	content = wordOld.ReplaceAll(content, []byte(n.name))
	content = upperOld.ReplaceAll(content, []byte(n.upper+"_"))
	return bytes.ReplaceAll(content, []byte("\x00module\x00"), []byte(n.module))
}

// checkEmpty makes sure that dst can be filled: it is not there, or empty.
func checkEmpty(dst string) error {
	entries, err := os.ReadDir(dst)
	switch {
	case os.IsNotExist(err):
		return nil
	case err != nil:
		return fmt.Errorf("cannot use %s: %w", dst, err)
	case len(entries) > 0:
		return fmt.Errorf("%s is not empty (it has %s); choose another name or empty it first", dst, entries[0].Name())
	}
	return nil
}
