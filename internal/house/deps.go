package house

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// modFiles are the go.mod files whose direct requires docs/dependencies.md
// lists. The peers that bench compares are not dependencies of anything that
// is released.
var modFiles = []string{"go.mod", "drivers/go.mod", "cmd/gale/go.mod"}

// Deps compares the direct requires of each module with docs/dependencies.md,
// where each has one table row under the heading of its go.mod:
//
//	## drivers/go.mod
//	| module | job | licence | why this one |
func Deps(t *Tree) []string {
	text, err := fs.ReadFile(t.FS, "docs/dependencies.md")
	if err != nil {
		return []string{err.Error()}
	}
	listed := parseDependencies(string(text))
	var bad []string
	for _, name := range modFiles {
		mod, err := fs.ReadFile(t.FS, name)
		if err != nil {
			bad = append(bad, err.Error())
			continue
		}
		required, replaced := directRequires(string(mod))
		if replaced {
			bad = append(bad, name+": replace in a module that is released; go install refuses it")
		}
		rows := listed[name]
		for _, m := range required {
			if row, ok := rows[m]; !ok {
				bad = append(bad, fmt.Sprintf("docs/dependencies.md: %s requires %s, which has no row", name, m))
			} else if slices.Contains(row, "") || len(row) != 3 {
				bad = append(bad, fmt.Sprintf("docs/dependencies.md: the row of %s needs a job, a licence and a reason", m))
			}
		}
		for m := range rows {
			if !slices.Contains(required, m) {
				bad = append(bad, fmt.Sprintf("docs/dependencies.md: %s does not require %s", name, m))
			}
		}
	}
	slices.Sort(bad)
	return bad
}

// directRequires reads the requires without an indirect mark, save those of
// this repository's own modules.
func directRequires(mod string) (paths []string, replaced bool) {
	block := ""
	for line := range strings.Lines(mod) {
		line = strings.TrimSpace(line)
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0:
		case line == ")":
			block = ""
		case len(fields) == 2 && fields[1] == "(":
			block = fields[0]
		case fields[0] == "replace" || block == "replace":
			replaced = true
		case fields[0] == "require" || block == "require":
			path := fields[0]
			if path == "require" {
				path = fields[1]
			}
			if !strings.HasSuffix(line, "// indirect") && path != Module && !strings.HasPrefix(path, Module+"/") {
				paths = append(paths, path)
			}
		}
	}
	return paths, replaced
}

func parseDependencies(text string) map[string]map[string][]string {
	listed := map[string]map[string][]string{}
	var rows map[string][]string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "## "); ok {
			rows = map[string][]string{}
			listed[name] = rows
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if rows == nil || !strings.HasPrefix(line, "|") || cells[0] == "module" || strings.HasPrefix(cells[0], "-") {
			continue
		}
		rows[cells[0]] = cells[1:]
	}
	return listed
}
