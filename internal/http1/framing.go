package http1

import (
	"math"
	"net/http"
	"strings"
)

// special takes a field that routes or frames a message, which may come but
// once.
func (p *parser) special(f field) *Error {
	again := p.seen.has(f.name)
	p.seen.add(f.name)
	switch f.name {
	case nameHost:
		p.hostField = f.value
		if again {
			return bad("repeated_host", "there is more than one Host field")
		}
	case nameContentLength:
		p.length = f.value
		if again {
			return bad("repeated_length", "there is more than one Content-Length field")
		}
	case nameTransferEncoding:
		p.coding = f.value
		if again {
			return bad("repeated_coding", "there is more than one Transfer-Encoding field")
		}
	}
	return nil
}

// framing settles the length of the body, and whether the connection ends.
func (p *parser) framing() *Error {
	r := &p.r
	if p.seen.has(nameTransferEncoding) {
		if err := p.transferEncoding(); err != nil {
			return err
		}
	} else if p.seen.has(nameContentLength) {
		n, ok := parseLength(p.length)
		if !ok {
			return bad("bad_length", "the Content-Length is not a number of bytes")
		}
		r.ContentLength = n
	}
	r.Close = r.Minor == 0
	if p.seen.has(nameConnection) {
		r.Close = wantsClose(r.Minor, r.Header["Connection"])
	}
	if r.Chunked && p.seen.has(nameTrailer) {
		if err := p.trailer(); err != nil {
			return err
		}
	}
	if p.seen.has(nameExpect) {
		return p.expect()
	}
	return nil
}

// transferEncoding allows nothing but one "chunked" in HTTP/1.1, without a
// length beside it: all else is how requests are smuggled (RFC 9112 section
// 11.2).
func (p *parser) transferEncoding() *Error {
	if p.r.Minor == 0 {
		return bad("coding_in_http10", "HTTP/1.0 has no Transfer-Encoding")
	}
	if p.seen.has(nameContentLength) {
		return bad("both_lengths", "there are both Transfer-Encoding and Content-Length")
	}
	if !foldEqual(p.coding, "chunked") {
		return badCoding(p.coding)
	}
	p.r.Chunked = true
	p.r.ContentLength = -1
	return nil
}

// badCoding tells a list with a coding that is not known (501, RFC 9112 section
// 6.1) from one that is malformed.
func badCoding(list string) *Error {
	known := true
	for more := true; more; {
		var coding string
		coding, list, more = strings.Cut(list, ",")
		coding = trim(coding)
		if !isToken(coding) {
			return bad("bad_coding", "the Transfer-Encoding is malformed")
		}
		known = known && foldEqual(coding, "chunked")
	}
	if known {
		return bad("bad_coding", "the Transfer-Encoding is chunked more than once")
	}
	return &Error{Status: 501, Kind: "unknown_coding", Reason: "only the transfer coding chunked is known"}
}

// parseLength parses 1*DIGIT below 2^63.
func parseLength(s string) (n int64, ok bool) {
	if !isDigits(s) || len(s) > 19 {
		return 0, false
	}
	for i := range len(s) {
		d := int64(s[i] - '0')
		if n > (math.MaxInt64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, true
}

func wantsClose(minor int, connection []string) bool {
	keep := minor > 0
	for _, v := range connection {
		if listHas(v, "close") {
			return true
		}
		if !keep {
			keep = listHas(v, "keep-alive")
		}
	}
	return !keep
}

// trailer takes the announced names of trailer fields out of the header.
func (p *parser) trailer() *Error {
	r := &p.r
	values := r.Header["Trailer"]
	delete(r.Header, "Trailer")
	names := make(http.Header)
	for _, list := range values {
		for more := true; more; {
			var name string
			name, list, more = strings.Cut(list, ",")
			if name = trim(name); name == "" {
				continue
			}
			key, _, ok := canonical(name)
			if !ok || isForbiddenTrailer(key) {
				return bad("bad_trailer", "a trailer field is announced that may not be one")
			}
			names[key] = nil
		}
	}
	if len(names) > 0 {
		r.Trailer = names
	}
	return nil
}

// expect refuses all but 100-continue (RFC 9110 section 10.1.1).
func (p *parser) expect() *Error {
	r := &p.r
	for _, v := range r.Header["Expect"] {
		switch {
		case foldEqual(v, "100-continue"):
			r.Expect = r.Minor > 0 && r.ContentLength != 0
		case v != "":
			return &Error{Status: 417, Kind: "unknown_expectation", Reason: "only 100-continue can be expected"}
		}
	}
	return nil
}
