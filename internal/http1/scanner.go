package http1

import "bytes"

// Scanner finds the end of a request head in a buffer that grows. Its work is
// linear in the bytes, even when they come one at a time. The zero value is
// ready for the first byte of a head; it is 16 bytes large. It is not safe for
// concurrent use.
type Scanner struct {
	pos    uint32 // the first byte not looked at
	line   uint32 // the start of the line that pos is in
	first  uint32 // the length of the request line with its CRLF; 0 before that
	fields uint32 // header lines that have ended
}

// Next returns the length of the head that starts at buf[0], with the empty
// line that ends it; 0 when it has not all come. buf must be what the last call
// had plus what has come since. After an n > 0 or an error the Scanner starts
// anew with the next call.
//
// A bare CR or LF, a NUL or a limit that is passed fails as soon as its byte is
// there, and the error is the same however the bytes were split. All else is
// left to [Parse].
//
// Empty lines before a request line are not the head's: see [Skip].
func (s *Scanner) Next(buf []byte, l Limits) (n int, err *Error) {
	l = l.withDefaults()
	from := int(s.pos)
	if from > len(buf) { // the caller changed buffers: nothing is known of this one
		*s, from = Scanner{}, 0
	}
	pos, lines := from, 0
	for {
		i := bytes.IndexByte(buf[pos:], '\n')
		if i < 0 {
			break
		}
		i += pos
		if i == 0 || buf[i-1] != '\r' {
			return 0, s.fail(buf, l)
		}
		pos = i + 1
		lines++
		if end, ok := s.endLine(i+1, l); !ok {
			return 0, s.fail(buf, l)
		} else if end {
			if !clean(buf[from:pos], lines) {
				return 0, s.fail(buf, l)
			}
			*s = Scanner{}
			return pos, nil
		}
	}
	pos = len(buf)
	if pos > from && buf[pos-1] == '\r' {
		pos-- // judged with the byte that follows
	}
	if !clean(buf[from:pos], lines) || !s.partOK(pos, l) {
		return 0, s.fail(buf, l)
	}
	s.pos = uint32(pos)
	return 0, nil
}

// endLine notes that a line ended before next, and says whether it ended the
// head and whether the limits hold.
func (s *Scanner) endLine(next int, l Limits) (end, ok bool) {
	size := next - int(s.line)
	s.line = uint32(next)
	if s.first == 0 {
		s.first = uint32(next)
		return size == 2, size-2 <= l.RequestLine
	}
	if size == 2 {
		return true, true
	}
	s.fields++
	return false, int(s.fields) <= l.Fields && next-int(s.first) <= l.Header
}

// partOK applies the limits to a line that has not ended before pos.
func (s *Scanner) partOK(pos int, l Limits) bool {
	if s.first == 0 {
		return pos <= l.RequestLine
	}
	if pos == int(s.line) {
		return true
	}
	return int(s.fields) < l.Fields && pos-int(s.first) <= l.Header
}

// clean reports whether a part of a head with that many lines, which starts and
// ends outside of a CRLF, has no CR but those of its lines, and no NUL.
func clean(part []byte, lines int) bool {
	return bytes.Count(part, []byte{'\r'}) == lines && bytes.IndexByte(part, 0) < 0
}

// fail finds the first fault in buf, byte by byte: the quick way above finds
// that there is one, but not which comes first.
func (s *Scanner) fail(buf []byte, l Limits) *Error {
	*s = Scanner{}
	var t Scanner
	for i, c := range buf {
		switch {
		case c == 0:
			return bad("control_byte", "there is a NUL in the head")
		case c == '\n' && (i == 0 || buf[i-1] != '\r'):
			return bad("bare_lf", "a line of the head ends without CR")
		case c == '\n':
			if _, ok := t.endLine(i+1, l); !ok {
				return t.limitError(i+1, l)
			}
			continue
		case i > 0 && buf[i-1] == '\r':
			return bad("bare_cr", "there is a CR without LF in the head")
		case c == '\r':
			continue
		}
		if !t.partOK(i+1, l) {
			return t.limitError(i+1, l)
		}
	}
	return bad("bad_head", "the head is malformed")
}

func (s *Scanner) limitError(pos int, l Limits) *Error {
	switch {
	case s.first == 0 || pos == int(s.first):
		return errLineTooLong()
	case pos-int(s.first) > l.Header:
		return errHeaderTooLarge()
	}
	return errTooManyFields()
}

// maxSkip is how many empty lines before a request line are forgiven at once.
const maxSkip = 4

// Skip returns the length of the empty lines (CRLF, at most four) that buf
// starts with, which a server should ignore before a request line (RFC 9112
// section 2.2). Call it before [Scanner.Next] for as long as nothing but a part
// of an empty line has come; later it returns 0. An empty line beyond the fourth
// is left to [Parse], which refuses it.
func Skip(buf []byte) int {
	n := 0
	for n < 2*maxSkip && len(buf) >= n+2 && buf[n] == '\r' && buf[n+1] == '\n' {
		n += 2
	}
	return n
}
