package house

import "fmt"

// The limits, in lines. What is larger cannot be read at once, and what may
// grow without bound does.
const (
	maxSource  = 500
	maxTest    = 1000
	maxPackage = 4000 // sources of one package, tests apart
)

// Sizes finds files and packages that are too long.
func Sizes(t *Tree) []string {
	var bad []string
	for _, p := range t.Packages {
		total := 0
		for _, f := range p.Files {
			limit := maxSource
			if f.Test() {
				limit = maxTest
			} else {
				total += f.Lines
			}
			if f.Lines > limit {
				bad = append(bad, fmt.Sprintf("%s: %d lines, at most %d; split it by subject", f.Path, f.Lines, limit))
			}
		}
		if total > maxPackage {
			bad = append(bad, fmt.Sprintf("%s: %d lines of source, at most %d; split the package", p.Dir, total, maxPackage))
		}
	}
	return bad
}
