package wsframe

import "unicode/utf8"

// Validator checks UTF-8 that arrives in pieces and fails at the first byte
// that no valid text can have there (RFC 6455 section 8.1). The zero value is
// the start of a text.
type Validator struct {
	need   uint8 // continuation bytes still missing
	lo, hi byte  // range of the next one; RFC 3629 narrows it after E0 ED F0 F4
}

// Complete reports whether the text may end here.
func (v *Validator) Complete() bool { return v.need == 0 }

// Write takes the next piece, and reports whether the text is still valid.
func (v *Validator) Write(p []byte) bool {
	for len(p) > 0 && v.need > 0 {
		if !v.step(p[0]) {
			return false
		}
		p = p[1:]
	}
	// The bulk goes through the standard library's fast path; only a character
	// that is cut off at the end goes byte by byte.
	cut := len(p)
	for back := 1; back <= 3 && back <= len(p); back++ {
		if c := p[len(p)-back]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(p[len(p)-back:]) {
				cut = len(p) - back
			}
			break
		}
	}
	if !utf8.Valid(p[:cut]) {
		return false
	}
	for _, c := range p[cut:] {
		if !v.step(c) {
			return false
		}
	}
	return true
}

// step takes one byte, by the table of RFC 3629 section 4.
func (v *Validator) step(c byte) bool {
	if v.need > 0 {
		if c < v.lo || c > v.hi {
			return false
		}
		v.need--
		v.lo, v.hi = 0x80, 0xBF
		return true
	}
	v.lo, v.hi = 0x80, 0xBF
	switch {
	case c < 0x80:
	case c >= 0xC2 && c <= 0xDF:
		v.need = 1
	case c >= 0xE0 && c <= 0xEF:
		v.need = 2
		if c == 0xE0 {
			v.lo = 0xA0
		} else if c == 0xED {
			v.hi = 0x9F
		}
	case c >= 0xF0 && c <= 0xF4:
		v.need = 3
		if c == 0xF0 {
			v.lo = 0x90
		} else if c == 0xF4 {
			v.hi = 0x8F
		}
	default:
		return false
	}
	return true
}
