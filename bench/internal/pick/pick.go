// Package pick chooses from a list by ids, as flags name them.
package pick

import (
	"fmt"
	"slices"
	"strings"
)

// Of returns those of all whose ids are wanted, in their own order; all when
// none is.
func Of[T any](all []T, wanted string, id func(T) string) ([]T, error) {
	if wanted == "" {
		return all, nil
	}
	var picked []T
	names := strings.Split(wanted, ",")
	for _, v := range all {
		if slices.Contains(names, id(v)) {
			picked = append(picked, v)
		}
	}
	if len(picked) != len(names) {
		return nil, fmt.Errorf("%q: there are %s", wanted, IDs(all, id))
	}
	return picked, nil
}

// IDs returns the ids of all, with commas.
func IDs[T any](all []T, id func(T) string) string {
	var s []string
	for _, v := range all {
		s = append(s, id(v))
	}
	return strings.Join(s, ",")
}
