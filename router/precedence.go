package router

import (
	"fmt"
	"net/http"
	"strings"
)

// relation says how the requests that one pattern, a, matches lie to those of
// another, b. Relations of parts (method, segments) combine by or.
type relation uint8

const (
	equal    relation = 0
	wider    relation = 1 << 0 // a matches something that b does not
	narrower relation = 1 << 1 // b matches something that a does not
	overlaps relation = wider | narrower
	disjoint relation = 1 << 2 // no request matches both
)

// conflict reports whether some request matches both patterns and neither is
// the more specific one. A pattern with a host wins over one without.
func conflict(a, b *pattern) bool {
	if a.host != b.host {
		return false
	}
	r := compareMethods(a.method, b.method) | comparePaths(a, b)
	return r == equal || r == overlaps
}

func compareMethods(a, b string) relation {
	switch {
	case a == b:
		return equal
	case a == "", a == http.MethodGet && b == http.MethodHead:
		return wider
	case b == "", b == http.MethodGet && a == http.MethodHead:
		return narrower
	}
	return disjoint
}

func comparePaths(a, b *pattern) relation {
	r := equal
	for i := range min(len(a.segments), len(b.segments)) {
		r |= compareSegments(a.segments[i], b.segments[i])
		if r&disjoint != 0 {
			return r
		}
	}
	switch {
	case len(a.segments) < len(b.segments) && !a.subtree(),
		len(b.segments) < len(a.segments) && !b.subtree():
		return disjoint
	}
	return r
}

func compareSegments(a, b segment) relation {
	if a.kind == b.kind {
		if a.kind == literal && a.text != b.text {
			return disjoint
		}
		return equal
	}
	// A single wildcard does not match the end of a path.
	if a.kind == wild && b.kind == literal && b.text == slash ||
		b.kind == wild && a.kind == literal && a.text == slash {
		return disjoint
	}
	if a.kind > b.kind {
		return wider
	}
	return narrower
}

// explain says why a and b conflict, with a request that both match.
func explain(a, b *pattern) string {
	if compareMethods(a.method, b.method)|comparePaths(a, b) == equal {
		return "both match the same requests; remove one"
	}
	return fmt.Sprintf("%s %s matches both and neither is more specific; change one",
		commonMethod(a.method, b.method), commonPath(a, b))
}

func commonMethod(a, b string) string {
	if compareMethods(a, b) == wider {
		a = b
	}
	if a == "" {
		return http.MethodGet
	}
	return a
}

func commonPath(a, b *pattern) string {
	if len(a.segments) < len(b.segments) {
		a, b = b, a
	}
	var path strings.Builder
	for i, s := range a.segments {
		if s.kind != literal && i < len(b.segments) && b.segments[i].kind < s.kind {
			s = b.segments[i]
		}
		path.WriteByte('/')
		if s.kind != rest && s.text != slash {
			path.WriteString(s.text)
		}
	}
	return path.String()
}
