package oauth

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText is as long as a mail address can be, and longer than most names.
const maxText = 320

// cleanText drops what a provider's text must not bring into pages and logs:
// control characters, marks of direction, bytes that are no UTF-8, more than 320
// bytes.
func cleanText(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, s)
	s = strings.TrimSpace(s)
	for len(s) > maxText {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return strings.TrimSpace(s)
}
