package wsframe

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/galeweb/gale/internal/assert"
)

// TestAppendExamples are the examples of RFC 6455 section 5.7.
func TestAppendExamples(t *testing.T) {
	t.Parallel()
	assert.Equal(t, AppendFrame(nil, Text, []byte("Hello")), []byte("\x81\x05Hello"))
	assert.Equal(t, AppendMasked(nil, Frame{Op: Text, Last: true, Payload: []byte("Hello")}, [4]byte{0x37, 0xfa, 0x21, 0x3d}),
		[]byte("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"))
	assert.Equal(t, AppendFrame(nil, Binary, make([]byte, 256))[:4], []byte("\x82\x7e\x01\x00"))
	assert.Equal(t, AppendFrame(nil, Binary, make([]byte, 65536))[:10], []byte("\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"))
}

func TestHeaderLen(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 125, 126, 65535, 65536} {
		assert.Equal(t, len(AppendFrame(nil, Binary, make([]byte, n))), HeaderLen(n)+n)
	}
}

func TestAppendClose(t *testing.T) {
	t.Parallel()
	code, reason := ParseClose(AppendClose(nil, 1000, "bye"))
	assert.Equal(t, code, 1000)
	assert.Equal(t, reason, "bye")

	assert.Equal(t, len(AppendClose(nil, NoStatus, "ignored")), 0)
	code, _ = ParseClose(nil)
	assert.Equal(t, code, NoStatus)

	long := AppendClose(nil, 1000, strings.Repeat("€", 50))
	assert.Equal(t, len(long), 2+123)
	assert.True(t, utf8.Valid(long[2:]), "cut at a character")
	assert.Equal(t, len(AppendClose(nil, 1000, "x"+strings.Repeat("€", 50))), 2+121)
}

func TestMask(t *testing.T) {
	t.Parallel()
	for _, n := range append(upTo(40), []int{maskBlock, 2*maskBlock - 1, 2 * maskBlock, 2*maskBlock + 1, 16393}...) {
		for pos := range 9 {
			b, want := make([]byte, n), make([]byte, n)
			for i := range b {
				b[i] = byte(i * 7)
				want[i] = b[i] ^ key[(pos+i)%4]
			}
			mask(b, key, pos)
			assert.Equal(t, b, want)
		}
	}
}

// FuzzValidator compares with the standard library, for the text cut in two.
func FuzzValidator(f *testing.F) {
	for _, s := range []string{"", "aé€😀", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\x80", "\xe0\x9f\x80", "\xf0\x8f\x80\x80", "\xe2\x82"} {
		for cut := range len(s) + 1 {
			f.Add([]byte(s), cut)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, cut int) {
		cut = min(max(cut, 0), len(text))
		var v Validator
		got := v.Write(text[:cut]) && v.Write(text[cut:]) && v.Complete()
		if want := utf8.Valid(text); got != want {
			t.Fatalf("%q cut at %d: %v, want %v", text, cut, got, want)
		}
	})
}

func upTo(n int) (all []int) {
	for i := range n {
		all = append(all, i)
	}
	return all
}
