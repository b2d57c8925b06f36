package obs

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// escape makes visible what would start a line, move the cursor, reorder text
// or cut the record short in a terminal: control and format characters, line
// separators, and what is not UTF-8.
//
// The hexadecimal digits are upper case, and a written-out \x1b becomes \x1B,
// because tint turns \x1b in a quoted text back into the escape character.
func escape(s string) string {
	if !strings.ContainsFunc(s, unsafeRune) && !strings.Contains(s, `\x1b`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == utf8.RuneError || r < utf8.RuneSelf && unsafeRune(r):
			for _, c := range []byte(s[i : i+size]) {
				fmt.Fprintf(&b, `\x%02X`, c)
			}
		case unsafeRune(r):
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return strings.ReplaceAll(b.String(), `\x1b`, `\x1B`)
}

// unsafeRune includes U+FFFD, at which tint stops reading a text.
func unsafeRune(r rune) bool {
	return r == utf8.RuneError || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}
