package http1

import "strings"

// tokenLow and tokenHigh have a bit for each byte of a token (RFC 9110 section
// 5.6.2), those below 64 and those below 128.
const (
	tokenLow = 1<<'!' | 1<<'#' | 1<<'$' | 1<<'%' | 1<<'&' | 1<<'\'' | 1<<'*' | 1<<'+' | 1<<'-' | 1<<'.' |
		(1<<10-1)<<'0'
	tokenHigh = (1<<26-1)<<('A'-64) | (1<<26-1)<<('a'-64) |
		1<<('^'-64) | 1<<('_'-64) | 1<<('`'-64) | 1<<('|'-64) | 1<<('~'-64)
)

// in reports whether c is in the set of ASCII bytes that low and high have a
// bit for. A shift by 64 or more gives 0, also for what is not ASCII.
func in(c byte, low, high uint64) bool {
	return low>>c&1|high>>(c-64)&1 != 0
}

func isTokenByte(c byte) bool { return in(c, tokenLow, tokenHigh) }

func isToken(s string) bool {
	for i := range len(s) {
		if !isTokenByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i]-'0' > 9 {
			return false
		}
	}
	return s != ""
}

// word returns the eight bytes at s[i].
func word[T string | []byte](s T, i int) uint64 {
	s = s[i : i+8]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// controls is not 0 when one of the eight bytes in w is below 0x20 or is 0x7f.
func controls(w uint64) uint64 {
	del := w ^ 0x7f*ones
	return ((w-0x20*ones)&^w | (del-ones)&^del) & highs
}

// isValue reports whether s has only bytes of a field value (RFC 9110 section
// 5.5): visible ASCII, space, tab and bytes from 0x80.
func isValue(s string) bool {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		if controls(word(s, i)) != 0 && !isValueSlow(s[i:i+8]) {
			return false
		}
	}
	return i == len(s) || isValueSlow(s[i:])
}

func isValueSlow(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// trim cuts optional white space (RFC 9110 section 5.6.3) off both ends.
func trim(s string) string {
	for len(s) > 0 && isBlank(s[0]) {
		s = s[1:]
	}
	for len(s) > 0 && isBlank(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

func lower(c byte) byte {
	if c-'A' < 26 {
		c |= 0x20
	}
	return c
}

// foldEqual reports whether s is want, which is in lower case, but for the case
// of ASCII letters.
func foldEqual(s, want string) bool {
	if len(s) != len(want) {
		return false
	}
	for i := range len(s) {
		if lower(s[i]) != want[i] {
			return false
		}
	}
	return true
}

// listHas reports whether token, in lower case, is one of the elements of the
// comma-separated list.
func listHas(list, token string) bool {
	for more := true; more; {
		var element string
		element, list, more = strings.Cut(list, ",")
		if foldEqual(trim(element), token) {
			return true
		}
	}
	return false
}
