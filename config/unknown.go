package config

import (
	"maps"
	"slices"
	"strings"
)

// unknown reports the variables with the prefix that no field has.
func (s *sources) unknown(o Options, fields []field) []Problem {
	if o.Prefix == "" {
		return nil // every variable of the system would be one
	}
	var known []string
	for _, f := range fields {
		known = append(known, f.name, f.name+"_FILE")
	}
	isKnown := func(name string) bool {
		return slices.Contains(known, name) || name == o.Prefix+"ENV" || ignored(name, o.Ignore)
	}
	var problems []Problem
	for _, place := range []struct {
		vars map[string]string
		from string
	}{{s.environ, ""}, {s.envFile, " in " + s.envFileName}} {
		for _, name := range slices.Sorted(maps.Keys(place.vars)) {
			if strings.HasPrefix(name, o.Prefix) && !isKnown(name) {
				problems = append(problems, Problem{
					Name:    printable(name),
					Message: "is unknown" + place.from,
					Nearest: nearest(name, known),
				})
			}
		}
	}
	return problems
}

func ignored(name string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
			return strings.HasPrefix(name, prefix)
		}
		return name == pattern
	})
}

// printable keeps a name that is not one from writing lines of its own.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '?'
		}
		return r
	}, name)
}

// nearest returns the known name that differs from name in the fewest letters,
// two at most, or three in a long name; "" when there is none.
func nearest(name string, known []string) string {
	best, most := "", 2
	if len(name) > 16 {
		most = 3
	}
	for _, k := range known {
		if d := distance(name, k, most); d <= most {
			best, most = k, d-1
		}
	}
	return best
}

// distance returns the Levenshtein distance of a and b (insert, delete or
// replace one byte), or some number above most when
// their lengths alone differ by more.
func distance(a, b string, most int) int {
	if d := len(a) - len(b); d > most || -d > most {
		return most + 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			above := row[j+1]
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			row[j+1] = min(cost, above+1, row[j]+1)
			diagonal = above
		}
	}
	return row[len(b)]
}
