package house

import (
	"fmt"
	"go/ast"
	"io/fs"
	"regexp"
	"strings"
)

var quoted = regexp.MustCompile("`([^`]+)`")

// RulePaths finds files that docs/rules.md names as where a rule is kept and
// that do not exist: those in the last column of its tables, in backticks.
func RulePaths(t *Tree) []string {
	const name = "docs/rules.md"
	text, err := fs.ReadFile(t.FS, name)
	if err != nil {
		return []string{err.Error()}
	}
	var bad []string
	for n, line := range strings.Split(string(text), "\n") {
		cells := strings.Split(strings.Trim(line, "| "), "|")
		if len(cells) != 4 || !strings.HasPrefix(line, "|") {
			continue
		}
		for _, m := range quoted.FindAllStringSubmatch(cells[3], -1) {
			if _, err := fs.Stat(t.FS, strings.TrimSuffix(m[1], "/")); err != nil {
				bad = append(bad, fmt.Sprintf("%s:%d: %s is not there", name, n+1, m[1]))
			}
		}
	}
	return bad
}

// reference is the application whose files docs/security.md names without the
// folders above it.
const reference = "cmd/gale/reference/"

// SecurityTests finds files and tests that docs/security.md names as proof and
// that do not exist: those in the last column of its tables, in backticks.
func SecurityTests(t *Tree) []string {
	const name = "docs/security.md"
	text, err := fs.ReadFile(t.FS, name)
	if err != nil {
		return []string{err.Error()}
	}
	tests := map[string]bool{}
	for _, p := range t.Packages {
		for _, f := range p.Files {
			for _, d := range f.AST.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && f.Test() {
					tests[fn.Name.Name] = true
				}
			}
		}
	}
	exists := func(what string) bool {
		if strings.HasPrefix(what, "Test") || strings.HasPrefix(what, "Fuzz") {
			return tests[what]
		}
		path, _, _ := strings.Cut(strings.TrimSuffix(what, "/"), " ") // without the flags of a command
		_, err := fs.Stat(t.FS, path)
		if err != nil {
			_, err = fs.Stat(t.FS, reference+path)
		}
		return err == nil
	}
	var bad []string
	for n, line := range strings.Split(string(text), "\n") {
		cells := strings.Split(strings.Trim(line, "| "), "|")
		if len(cells) != 3 || !strings.HasPrefix(line, "|") {
			continue
		}
		for _, m := range quoted.FindAllStringSubmatch(cells[2], -1) {
			if !exists(m[1]) {
				bad = append(bad, fmt.Sprintf("%s:%d: %s is not there", name, n+1, m[1]))
			}
		}
	}
	return bad
}
