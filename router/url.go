package router

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// URL returns the path of the route called name, with the values of its
// wildcards, given as pairs: URL("packet.show", "id", "42"). For a route with
// a host it is "//host/path".
//
// Values are escaped so that each stays the one segment it stands for; the
// slashes of a {rest...} stay slashes. An unknown name, and a value that is
// missing, unknown, given twice or empty, is an error, and so is one that
// could not come back as it went: a dot segment, which browsers resolve, a lone
// slash, or an empty segment within a {rest...}.
//
// URL is safe for concurrent use once all routes are registered.
func (r *Router) URL(name string, pairs ...string) (string, error) {
	t := r.table.names[name]
	if t == nil {
		return "", fmt.Errorf("router: no route is named %q", name)
	}
	u, err := t.url(pairs)
	if err != nil {
		return "", fmt.Errorf("router: URL %q (%s): %w", name, t.text, err)
	}
	return u, nil
}

func (t *Route) url(pairs []string) (string, error) {
	if len(pairs)%2 != 0 {
		return "", errors.New("want pairs of name and value, got an odd number of strings")
	}
	values := make(map[string]string, len(pairs)/2)
	for pair := range slices.Chunk(pairs, 2) {
		key := pair[0]
		if _, twice := values[key]; twice {
			return "", fmt.Errorf("value %q is given twice", key)
		}
		if !t.pattern.has(key) {
			return "", fmt.Errorf("there is no wildcard {%s}", key)
		}
		values[key] = pair[1]
	}
	var b strings.Builder
	if t.pattern.host != "" {
		b.WriteString("//" + t.pattern.host)
	}
	for _, s := range t.pattern.segments {
		b.WriteByte('/')
		switch {
		case s.kind == literal && s.text != slash:
			b.WriteString(url.PathEscape(s.text))
		case s.kind != literal && s.text != "":
			value, ok := values[s.text]
			if !ok {
				return "", fmt.Errorf("value %q is missing", s.text)
			}
			text, err := escapeValue(value, s.kind)
			if err != nil {
				return "", fmt.Errorf("value %q is %q: %w", s.text, value, err)
			}
			b.WriteString(text)
		}
	}
	return b.String(), nil
}

func (p *pattern) has(name string) bool {
	return slices.ContainsFunc(p.segments, func(s segment) bool {
		return s.kind != literal && s.text == name && name != ""
	})
}

func escapeValue(value string, k kind) (string, error) {
	if k == wild {
		if value == slash {
			return "", errors.New("a lone slash would end the path")
		}
		return escapeSegment(value)
	}
	// A slash at the end is part of the value: a/b/ is another path than a/b.
	whole, trailing := strings.CutSuffix(value, slash)
	segments := strings.Split(whole, slash)
	for i, s := range segments {
		escaped, err := escapeSegment(s)
		if err != nil {
			return "", err
		}
		segments[i] = escaped
	}
	if trailing {
		segments = append(segments, "")
	}
	return strings.Join(segments, slash), nil
}

func escapeSegment(s string) (string, error) {
	switch s {
	case "":
		return "", errors.New("empty segment")
	case ".", "..":
		return "", errors.New("dot segment")
	}
	return url.PathEscape(s), nil
}
