package tlsrecord

import (
	"bytes"
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
		var f Framing
		for at := 0; at < len(stream); {
			n := rapid.IntRange(1, len(stream)-at).Draw(t, "n")
			f.Pass(stream[at : at+n])
			at += n
			if f.Halfway() == ends[at] {
				t.Fatalf("halfway is %v at byte %d", f.Halfway(), at)
			}
		}
	})
}

func TestWhole(t *testing.T) {
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
		assert.Equal(t, Whole([]byte(in)), want)
	}
}

func TestSplitHello(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                             "",
		"GET / HTTP/1.1":               "GET / HTTP/1.1",
		"\x16\x03\x01\x00\x04abc":      "\x16\x03\x01\x00\x04abc",
		"\x16\x03\x01\x00\x00":         "\x16\x03\x01\x00\x00",
		"\x16\x03\x01\x00\x03abc":      "\x16\x03\x01\x00\x03abc",
		"\x16\x03\x01\x00\x04abcd":     "\x16\x03\x01\x00\x01a\x16\x03\x01\x00\x01b\x16\x03\x01\x00\x01c\x16\x03\x01\x00\x01d",
		"\x16\x03\x02\x00\x06abcdefxy": "\x16\x03\x02\x00\x01a\x16\x03\x02\x00\x01b\x16\x03\x02\x00\x01c\x16\x03\x02\x00\x03defxy",
	} {
		buf := append([]byte(in), make([]byte, 15)...)
		assert.Equal(t, string(buf[:SplitHello(buf, len(in))]), want)
		assert.Equal(t, SplitHello(buf[:len(in)], len(in)), len(in)) // no room
	}
}

// No byte of the message is lost or moved, whatever its size.
func TestSplitHelloKeepsTheMessage(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		size, rest := rapid.IntRange(4, 5000).Draw(t, "size"), rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(t, "rest")
		body := make([]byte, size)
		for i := range body {
			body[i] = byte(i * 7)
		}
		buf := append([]byte{handshake, 3, 1, byte(size >> 8), byte(size)}, body...)
		buf = append(append(buf, rest...), make([]byte, 15)...)
		p := buf[:SplitHello(buf, len(buf)-15)]
		var got []byte
		for range helloParts {
			n := bodySize(p)
			got = append(got, p[headSize:headSize+n]...)
			p = p[headSize+n:]
		}
		if !bytes.Equal(got, body) || !bytes.Equal(p, rest) {
			t.Fatal("the message has changed")
		}
	})
}
