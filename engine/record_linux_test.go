package engine

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/galeweb/gale/internal/assert"
)

// However records are split, a part of one is known for what it is.
func TestFraming(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var stream []byte
		ends := map[int]bool{0: true}
		for _, size := range rapid.SliceOfN(rapid.IntRange(0, 600), 1, 5).Draw(t, "sizes") {
			stream = append(stream, 23, 3, 3, byte(size>>8), byte(size))
			stream = append(stream, make([]byte, size)...)
			ends[len(stream)] = true
		}
		var f framing
		for at := 0; at < len(stream); {
			n := rapid.IntRange(1, len(stream)-at).Draw(t, "n")
			f.pass(stream[at : at+n])
			at += n
			if f.halfway() == ends[at] {
				t.Fatalf("halfway is %v at byte %d", f.halfway(), at)
			}
		}
	})
}

func TestWholeRecord(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"":                        false,
		"GET ":                    false,
		"GET /":                   true, // enough to be refused
		"\x16\x03\x01\x00":        false,
		"\x16\x03\x01\x00\x02":    false,
		"\x16\x03\x01\x00\x02a":   false,
		"\x16\x03\x01\x00\x02ab":  true,
		"\x16\x03\x01\x00\x02abc": true,
		"\x16\x03\x01\x40\x01":    true, // too long
		"\x15\x03\x01\x00\x02":    true, // an alert
	} {
		assert.Equal(t, wholeRecord([]byte(in)), want)
	}
}

func TestSplitHello(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                            "",
		"GET / HTTP/1.1":              "GET / HTTP/1.1",
		"\x16\x03\x01\x00\x03ab":      "\x16\x03\x01\x00\x03ab",
		"\x16\x03\x01\x00\x00":        "\x16\x03\x01\x00\x00",
		"\x16\x03\x01\x00\x01a":       "\x16\x03\x01\x00\x01a",
		"\x16\x03\x01\x00\x04abcd":    "\x16\x03\x01\x00\x01a\x16\x03\x01\x00\x01b\x16\x03\x01\x00\x01c\x16\x03\x01\x00\x01d",
		"\x16\x03\x01\x00\x05abcdexy": "\x16\x03\x01\x00\x02ab\x16\x03\x01\x00\x02cd\x16\x03\x01\x00\x01exy",
	} {
		assert.Equal(t, string(splitHello([]byte(in))), want)
	}
}
