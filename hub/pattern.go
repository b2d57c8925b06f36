package hub

import (
	"fmt"
	"strings"
)

// MaxName is the length of the longest topic name, in bytes.
const MaxName = 200

// pattern is a topic's pattern, split at its slashes. A segment in braces
// matches any one segment.
type pattern []string

// parsePattern panics on what cannot be a pattern: it is wiring.
func parsePattern(s string) pattern {
	p := pattern(strings.Split(s, "/"))
	if p[0] == reserved {
		panic(fmt.Sprintf("hub: topic pattern %q begins with %s, which is the hub's own; choose another name", s, reserved))
	}
	seen := make(map[string]bool)
	for _, segment := range p {
		name, isParam := param(segment)
		if !isParam {
			name = segment
		}
		if !validName(name) || strings.Contains(name, "/") {
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

// matches reports whether a valid name is one of the pattern's. What is reserved
// is nobody's.
func (p pattern) matches(name string) bool {
	if strings.HasPrefix(name, reserved+"/") || name == reserved {
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

func (p pattern) params(name string) map[string]string {
	params := make(map[string]string)
	for i, segment := range strings.Split(name, "/") {
		if key, ok := param(p[i]); ok {
			params[key] = segment
		}
	}
	return params
}

// overlaps reports whether some name is matched by both.
func (p pattern) overlaps(q pattern) bool {
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

// validName allows segments of an alphabet that needs no escaping in JSON, in
// URLs or in a broker's own names.
func validName(name string) bool {
	if len(name) > MaxName {
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
