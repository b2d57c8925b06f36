package http1

import (
	"net/http"
	"strings"
)

// Parse parses a head that [Scanner.Next] found, its empty line included, into
// *into, which is overwritten. After an error *into has no meaning.
//
// values is room for field values: it is appended to, and each field's []string
// is a part of it. It belongs to into.Header from then on. Where its capacity
// does not suffice, or when it is nil, more is allocated.
func Parse(head string, into *Request, values []string, l Limits) *Error {
	l = l.withDefaults()
	// The parser has a Request of its own: with a pointer to the caller's, that
	// would escape to the heap.
	p := parser{values: values}
	err := p.parse(head, l)
	*into = p.r
	return err
}

func (p *parser) parse(head string, l Limits) *Error {
	end := strings.IndexByte(head, '\n')
	if end < 1 || head[end-1] != '\r' {
		return bad("bad_request_line", "the request line does not end in CRLF")
	}
	if end-1 > l.RequestLine {
		return errLineTooLong()
	}
	if err := p.requestLine(head[:end-1]); err != nil {
		return err
	}
	if err := p.header(head[end+1:], l); err != nil {
		return err
	}
	if err := p.host(); err != nil {
		return err
	}
	return p.framing()
}

// parser holds what the parts of Parse tell one another.
type parser struct {
	r      Request
	values []string
	seen   seen // names that came

	hostField, length, coding string // values of the fields of these names
	form                      form
}

func (p *parser) requestLine(line string) *Error {
	sp := strings.IndexByte(line, ' ')
	last := strings.LastIndexByte(line, ' ')
	if sp < 0 || sp == last {
		return bad("bad_request_line", "the request line has not three parts")
	}
	r := &p.r
	r.Method, r.Target, r.Proto = line[:sp], line[sp+1:last], line[last+1:]
	if !isToken(r.Method) {
		return bad("bad_method", "the method is not a token")
	}
	if err := p.version(); err != nil {
		return err
	}
	return p.target()
}

func (p *parser) version() *Error {
	r := &p.r
	switch r.Proto {
	case "HTTP/1.1":
		r.Minor = 1
		return nil
	case "HTTP/1.0":
		return nil
	case "HTTP/2.0":
		if r.Method == "PRI" && r.Target == "*" {
			return &Error{Status: 505, Kind: "h2_preface", Reason: "the connection preface of HTTP/2"}
		}
	}
	v, ok := strings.CutPrefix(r.Proto, "HTTP/")
	if !ok || len(v) != 3 || v[1] != '.' || !isDigits(v[:1]) || !isDigits(v[2:]) {
		return bad("bad_version", "the protocol is not HTTP/digit.digit")
	}
	return &Error{Status: 505, Kind: "unsupported_version", Reason: "only HTTP/1.0 and HTTP/1.1 are served"}
}

// header parses the lines up to the empty one, which must end rest.
func (p *parser) header(rest string, l Limits) *Error {
	if len(rest) < 2 || rest[len(rest)-2:] != "\r\n" {
		return bad("bad_head", "the head does not end in an empty line")
	}
	rest = rest[:len(rest)-2]
	count := strings.Count(rest, "\n")
	if len(rest) > l.Header {
		return errHeaderTooLarge()
	}
	if count > l.Fields {
		return errTooManyFields()
	}
	p.r.Header = make(http.Header, max(count-1, 0)) // Host is not put there
	for left := count; len(rest) > 0; left-- {
		f, n, err := parseField(rest)
		if err != nil {
			return err
		}
		rest = rest[n:]
		if f.name != unknown && f.name <= nameTransferEncoding {
			if err := p.special(f); err != nil {
				return err
			}
			if f.name != nameContentLength {
				continue
			}
		}
		p.add(f, left)
	}
	if p.seen.has(namePragma) {
		p.fixPragma()
	}
	return nil
}

// field is a field line that was parsed.
type field struct {
	key, value string
	name       common
}

// parseField parses the field line that s starts with and returns the length of
// the line with its CRLF.
func parseField(s string) (f field, n int, err *Error) {
	end := strings.IndexByte(s, '\n')
	if end < 1 || s[end-1] != '\r' {
		return f, 0, bad("bare_lf", "a line of the head ends without CR")
	}
	line := s[:end-1]
	colon := strings.IndexByte(line, ':')
	if colon < 0 {
		return f, 0, badLine(line)
	}
	var ok bool
	if f.key, f.name, ok = canonical(line[:colon]); !ok {
		return f, 0, badName(line[:colon])
	}
	f.value = trim(line[colon+1:])
	if !isValue(f.value) {
		return f, 0, badValue(f.value)
	}
	return f, end + 1, nil
}

func badLine(line string) *Error {
	switch {
	case line == "":
		return bad("bad_head", "there is an empty line within the head")
	case isBlank(line[0]):
		return bad("obs_fold", "a header line starts with white space")
	}
	return bad("no_colon", "a header line has no colon")
}

func badName(name string) *Error {
	switch {
	case name == "":
		return bad("empty_name", "a field has no name")
	case isBlank(name[0]):
		return bad("obs_fold", "a header line starts with white space")
	case isBlank(name[len(name)-1]):
		return bad("space_before_colon", "there is white space before the colon of a field")
	}
	return bad("bad_name", "a field name is not a token")
}

func badValue(value string) *Error {
	if strings.IndexByte(value, '\r') >= 0 {
		return bad("bare_cr", "there is a CR without LF in the head")
	}
	return bad("control_byte", "there is a control byte in a field value")
}

// add puts a field into the header; left is how many lines have not been
// parsed, this one included.
func (p *parser) add(f field, left int) {
	h := p.r.Header
	if f.name == unknown || p.seen.has(f.name) && f.name != nameContentLength {
		if old, ok := h[f.key]; ok {
			h[f.key] = append(old, f.value)
			return
		}
	}
	p.seen.add(f.name)
	if len(p.values) == cap(p.values) {
		p.values = make([]string, 0, left)
	}
	p.values = append(p.values, f.value)
	n := len(p.values)
	h[f.key] = p.values[n-1 : n : n]
}

// fixPragma does what net/http does for requests of caches of HTTP/1.0: see RFC
// 9111 section 5.4.
func (p *parser) fixPragma() {
	h := p.r.Header
	if v := h["Pragma"]; len(v) > 0 && v[0] == "no-cache" {
		if _, ok := h["Cache-Control"]; !ok {
			h["Cache-Control"] = []string{"no-cache"}
		}
	}
}
