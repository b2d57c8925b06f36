package house

import (
	"fmt"
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
