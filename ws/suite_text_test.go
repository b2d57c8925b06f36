package ws_test

import (
	"fmt"
	"unicode/utf8"

	"github.com/galeweb/gale/internal/wsframe"
)

// validTexts stand at the edges of what UTF-8 has.
func validTexts() []string {
	return []string{
		"Hello-µ@ßöäüàá-UTF-8!!", "κόσμε", "\x00", "\x7f", "\u0080", "\u07ff", "\u0800", "\uffff", "\ufffe", "\ufffd", "\ud7ff", "\ue000", "\ufeff",
		"\U00010000", "\U0010ffff", "\U0001fffe", "\U0002ffff", "\U000fffff", "日本語", "🏳️‍🌈", "\u2028\u2029", "\ufdd0\ufdef", "a\u0300b",
	}
}

// invalidTexts are the classic sequences that are not UTF-8; bad is the index
// of the byte at which nothing valid can follow any more, or -1 when it is only
// the end that is missing.
func invalidTexts() []struct {
	name, s string
	bad     int
} {
	return []struct {
		name, s string
		bad     int
	}{
		{"continuation byte first, 80", "\x80", 0},
		{"continuation byte first, bf", "\xbf", 0},
		{"continuation byte after text", "abc\x80", 3},
		{"six continuation bytes", "\x80\xbf\x80\xbf\x80\xbf", 0},
		{"c0", "\xc0 ", 0},
		{"c1", "\xc1 ", 0},
		{"c2 and a blank", "\xc2 ", 1},
		{"df and a blank", "\xdf ", 1},
		{"e0 and a blank", "\xe0 ", 1},
		{"ef and a blank", "\xef ", 1},
		{"f0 and a blank", "\xf0 ", 1},
		{"f4 and a blank", "\xf4 ", 1},
		{"f5", "\xf5 ", 0},
		{"f7", "\xf7 ", 0},
		{"f8", "\xf8\x88\x80\x80\x80", 0},
		{"fb", "\xfb\xbf\xbf\xbf\xbf", 0},
		{"fc", "\xfc\x84\x80\x80\x80\x80", 0},
		{"fd", "\xfd\xbf\xbf\xbf\xbf\xbf", 0},
		{"fe", "\xfe", 0},
		{"ff", "\xff", 0},
		{"fe fe ff ff", "\xfe\xfe\xff\xff", 0},
		{"last byte of 2 missing", "\xc3", -1},
		{"last byte of 3 missing", "\xe2\x82", -1},
		{"last two of 3 missing", "\xe2", -1},
		{"last byte of 4 missing", "\xf0\x9f\x98", -1},
		{"last two of 4 missing", "\xf0\x9f", -1},
		{"last three of 4 missing", "\xf0", -1},
		{"last byte of 3 is no continuation", "\xe2\x82a", 2},
		{"last byte of 4 is no continuation", "\xf0\x9f\x98a", 3},
		{"two characters cut", "\xe2\x82\xe2\x82", 2},
		{"overlong slash in 2", "\xc0\xaf", 0},
		{"overlong slash in 3", "\xe0\x80\xaf", 1},
		{"overlong slash in 4", "\xf0\x80\x80\xaf", 1},
		{"overlong slash in 5", "\xf8\x80\x80\x80\xaf", 0},
		{"overlong slash in 6", "\xfc\x80\x80\x80\x80\xaf", 0},
		{"overlong NUL in 2", "\xc0\x80", 0},
		{"overlong NUL in 3", "\xe0\x80\x80", 1},
		{"overlong NUL in 4", "\xf0\x80\x80\x80", 1},
		{"greatest overlong of 2", "\xc1\xbf", 0},
		{"greatest overlong of 3", "\xe0\x9f\xbf", 1},
		{"greatest overlong of 4", "\xf0\x8f\xbf\xbf", 1},
		{"surrogate d800", "\xed\xa0\x80", 1},
		{"surrogate db7f", "\xed\xad\xbf", 1},
		{"surrogate dbff", "\xed\xaf\xbf", 1},
		{"surrogate dc00", "\xed\xb0\x80", 1},
		{"surrogate dfff", "\xed\xbf\xbf", 1},
		{"a pair of surrogates", "\xed\xa0\x80\xed\xb0\x80", 1},
		{"over U+10FFFF", "\xf4\x90\x80\x80", 1},
		{"U+1FFFFF", "\xf7\xbf\xbf\xbf", 0},
		{"Latin-1", "Stra\xdfe", 5},
		{"classic of the test suite", "κόσμε\xed\xa0\x80edited", 12},
	}
}

func utf8Cases() (all []suiteCase) {
	for _, s := range validTexts() {
		var letters []byte
		for i := range len(s) {
			f := wsframe.Frame{Op: wsframe.Continuation, Last: i == len(s)-1, Payload: []byte{s[i]}}
			if i == 0 {
				f.Op = wsframe.Text
			}
			letters = wsframe.AppendMasked(letters, f, key)
		}
		all = append(all,
			proper(fmt.Sprintf("valid %x", s), say(masked(wsframe.Text, s), text(s))),
			proper(fmt.Sprintf("valid %x, a fragment for each byte", s), say(letters, text(s))))
	}
	for _, c := range invalidTexts() {
		all = append(all,
			breach(c.name, masked(wsframe.Text, c.s), 1007),
			breach(c.name+", in fragments", join(fragment(wsframe.Text, c.s[:len(c.s)/2]), masked(wsframe.Continuation, c.s[len(c.s)/2:])), 1007),
			proper(c.name+", as binary", say(masked(wsframe.Binary, c.s), bin(c.s))))
		if c.bad >= 0 {
			// The rest of the frame never comes: the server must not wait for it.
			promised := masked(wsframe.Text, c.s+"and more that is never sent")
			all = append(all, breach(c.name+", told at the byte", promised[:2+len(key)+c.bad+1], 1007))
		}
	}
	return append(all,
		breach("a long text with the last byte bad", masked(wsframe.Text, letters(70000)+"\xff"), 1007),
		breach("a character cut by the message's end, after fragments", join(fragment(wsframe.Text, "a\xe2"), masked(wsframe.Continuation, "\x82")), 1007),
		proper("U+FFFD for what is not valid is valid", say(masked(wsframe.Text, string(utf8.RuneError)), text(string(utf8.RuneError)))))
}
