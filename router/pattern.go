package router

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"
)

// pattern is a parsed "[METHOD ][HOST]/[PATH]".
type pattern struct {
	method   string // empty: any
	host     string // empty: any
	path     string // as written, group prefixes included
	segments []segment
}

// segment is one piece of a path, between slashes. The end of a pattern is a
// segment as well: "/{$}" is the literal "/", and a trailing slash is a rest
// without a name.
type segment struct {
	text string // literal, decoded; or the wildcard's name
	kind kind
}

type kind uint8

const (
	literal kind = iota
	wild         // {name}: one segment
	rest         // {name...} or a trailing slash: all that remains
)

// slash is the text of the literal segment that "{$}" stands for. A segment
// "%2F" decodes to the same, in patterns and in requests, and net/http takes
// the two for one; so does gale, since the two must agree.
const slash = "/"

func (p *pattern) String() string {
	if p.method == "" {
		return p.host + p.path
	}
	return p.method + " " + p.host + p.path
}

func (p *pattern) last() segment { return p.segments[len(p.segments)-1] }

// subtree reports whether p matches paths of any length.
func (p *pattern) subtree() bool { return p.last().kind == rest }

// splitPattern cuts s at its method and host. What is left of the path is not
// checked: a group's prefix may belong in front of it.
func splitPattern(s string) (method, host, path string, err error) {
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		method, s = s[:i], strings.TrimLeft(s[i+1:], " \t")
	}
	if method != "" && !isToken(method) {
		return "", "", "", fmt.Errorf("%q is not a method", method)
	}
	i := strings.IndexByte(s, '/')
	if i < 0 {
		i = len(s)
	}
	host, path = s[:i], s[i:]
	if strings.Contains(host, "{") {
		return "", "", "", fmt.Errorf("host %q has a wildcard; the path must start with /", host)
	}
	return method, host, path, nil
}

// newPattern checks path and cuts it into segments.
func newPattern(method, host, path string) (*pattern, error) {
	if !strings.HasPrefix(path, "/") {
		return nil, errors.New("the path must start with /")
	}
	if method != "" && method != http.MethodConnect && cleanPath(path) != path {
		return nil, fmt.Errorf("the path can never match, because requests are cleaned first; write %s", cleanPath(path))
	}
	p := &pattern{method: method, host: host, path: path}
	names := map[string]bool{}
	texts := strings.Split(path[1:], "/")
	for i, text := range texts {
		s, err := newSegment(text, i == len(texts)-1)
		if err != nil {
			return nil, err
		}
		if s.kind != literal && s.text != "" {
			if names[s.text] {
				return nil, fmt.Errorf("wildcard {%s} stands twice", s.text)
			}
			names[s.text] = true
		}
		p.segments = append(p.segments, s)
	}
	return p, nil
}

func newSegment(text string, last bool) (segment, error) {
	if text == "" {
		if last {
			return segment{kind: rest}, nil
		}
		// net/http accepts this and then takes the empty segment for a wildcard.
		return segment{}, errors.New("an empty segment can never match")
	}
	if !strings.Contains(text, "{") {
		if decoded, err := url.PathUnescape(text); err == nil {
			text = decoded
		}
		return segment{text: text}, nil
	}
	if text[0] != '{' || text[len(text)-1] != '}' {
		return segment{}, fmt.Errorf("wildcard in %q must be a whole segment", text)
	}
	name := text[1 : len(text)-1]
	k := wild
	if name == "$" {
		name, k = slash, literal
	} else if cut, ok := strings.CutSuffix(name, "..."); ok {
		name, k = cut, rest
	}
	if k != wild && !last {
		return segment{}, fmt.Errorf("%s must stand at the end", text)
	}
	if k != literal && !isIdentifier(name) {
		return segment{}, fmt.Errorf("wildcard name in %s must be a Go identifier", text)
	}
	return segment{text: name, kind: k}, nil
}

func isIdentifier(s string) bool {
	for i, c := range s {
		if c != '_' && !unicode.IsLetter(c) && (i == 0 || !unicode.IsDigit(c)) {
			return false
		}
	}
	return s != ""
}

// isToken reports whether s is a token of RFC 9110, section 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		alnum := '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
		if !alnum && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}
