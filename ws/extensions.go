package ws

import "strings"

// extension is an element of Sec-WebSocket-Extensions.
type extension struct {
	name   string
	params []param
}

type param struct {
	name, value string
	valued      bool // there is a "="
}

// parseExtensions parses the values of Sec-WebSocket-Extensions by the grammar
// of RFC 6455 section 9.1; ok is false when they do not follow it.
func parseExtensions(lines []string) (all []extension, ok bool) {
	for _, line := range lines {
		l := lexer{line}
		for {
			for l.skip(',') { // a list may have empty elements, RFC 9110 section 5.6.1
			}
			if l.rest == "" {
				break
			}
			e, ok := l.extension()
			if !ok {
				return nil, false
			}
			all = append(all, e)
			if l.rest != "" && !l.skip(',') {
				return nil, false
			}
		}
	}
	return all, true
}

type lexer struct{ rest string }

// skip takes c and the blanks around it.
func (l *lexer) skip(c byte) bool {
	l.blanks()
	if l.rest == "" || l.rest[0] != c {
		return false
	}
	l.rest = l.rest[1:]
	l.blanks()
	return true
}

func (l *lexer) blanks() { l.rest = strings.TrimLeft(l.rest, " \t") }

func (l *lexer) extension() (e extension, ok bool) {
	if e.name, ok = l.token(); !ok {
		return e, false
	}
	for l.skip(';') {
		var p param
		if p.name, ok = l.token(); !ok {
			return e, false
		}
		if p.valued = l.skip('='); p.valued {
			if p.value, ok = l.value(); !ok {
				return e, false
			}
		}
		e.params = append(e.params, p)
	}
	l.blanks()
	return e, true
}

func (l *lexer) token() (string, bool) {
	n := 0
	for n < len(l.rest) && isTokenByte(l.rest[n]) {
		n++
	}
	t := l.rest[:n]
	l.rest = l.rest[n:]
	return t, n > 0
}

// value is a token, which may be written as a quoted string.
func (l *lexer) value() (string, bool) {
	quoted, found := strings.CutPrefix(l.rest, `"`)
	if !found {
		return l.token()
	}
	var b strings.Builder
	for i := 0; i < len(quoted); i++ {
		switch c := quoted[i]; {
		case c == '"':
			l.rest = quoted[i+1:]
			return b.String(), b.Len() > 0
		case c == '\\' && i+1 < len(quoted) && isTokenByte(quoted[i+1]):
			i++
			b.WriteByte(quoted[i])
		case isTokenByte(c):
			b.WriteByte(c)
		default:
			return "", false
		}
	}
	return "", false
}

func isTokenByte(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' ||
		strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}
