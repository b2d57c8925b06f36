// Package topicname knows the names of topics and the patterns that match them.
// Everything here may be used from any goroutine.
package topicname

import (
	"fmt"
	"strings"
)

const (
	// Max is the length of the longest name, in bytes.
	Max = 200
	// Reserved begins the names of the hub's own streams; it is nobody's.
	Reserved = "~hub"
)

// Pattern is a topic's pattern, split at its slashes. A segment in braces
// Matches any one segment.
type Pattern []string

// Parse panics on what cannot be a pattern: it is wiring.
func Parse(s string) Pattern {
	p := Pattern(strings.Split(s, "/"))
	if p[0] == Reserved {
		panic(fmt.Sprintf("hub: topic pattern %q begins with %s, which is the hub's own; choose another name", s, Reserved))
	}
	seen := make(map[string]bool)
	for _, segment := range p {
		name, isParam := param(segment)
		if !isParam {
			name = segment
		}
		if !Valid(name) || strings.Contains(name, "/") {
			panic(fmt.Sprintf("hub: topic pattern %q has the segment %q; use letters, digits and -_.~:@, or {name}", s, segment))
		}
		if isParam && seen[name] {
			panic(fmt.Sprintf("hub: topic pattern %q has {%s} twice; give each its own name", s, name))
		}
		seen[name] = seen[name] || isParam
	}
	return p
}

func param(segment string) (name string, ok bool) {
	if strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "}") {
		return segment[1 : len(segment)-1], true
	}
	return "", false
}

// Matches reports whether a valid name is one of the pattern's. What is reserved
// is nobody's.
func (p Pattern) Matches(name string) bool {
	if strings.HasPrefix(name, Reserved+"/") || name == Reserved {
		return false
	}
	for i, want := range p {
		segment, rest, more := strings.Cut(name, "/")
		if more != (i < len(p)-1) {
			return false
		}
		if want[0] != '{' && want != segment {
			return false
		}
		name = rest
	}
	return true
}

// Params returns the segments of a name that p matches, by their names in p.
func (p Pattern) Params(name string) map[string]string {
	params := make(map[string]string)
	for i, segment := range strings.Split(name, "/") {
		if key, ok := param(p[i]); ok {
			params[key] = segment
		}
	}
	return params
}

// Overlaps reports whether some name is matched by both.
func (p Pattern) Overlaps(q Pattern) bool {
	if len(p) != len(q) {
		return false
	}
	for i := range p {
		if p[i] != q[i] && p[i][0] != '{' && q[i][0] != '{' {
			return false
		}
	}
	return true
}

// Valid allows segments of an alphabet that needs no escaping in JSON, in
// URLs or in a broker's own names.
func Valid(name string) bool {
	if len(name) > Max {
		return false
	}
	previous := byte('/')
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case strings.IndexByte("-_.~:@", c) >= 0:
		case c == '/' && previous != '/':
		default:
			return false
		}
		previous = c
	}
	return previous != '/' // also when name is empty
}
