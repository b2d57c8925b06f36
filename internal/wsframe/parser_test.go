package wsframe

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/assert"
)

var key = [4]byte{0xa1, 0x5e, 0x00, 0xff}

// fragment is a frame that is not the last of its message.
func fragment(op Opcode, payload string) []byte {
	return AppendMasked(nil, Frame{Op: op, Payload: []byte(payload)}, key)
}

func frame(op Opcode, payload string) []byte {
	return AppendMasked(nil, Frame{Op: op, Last: true, Payload: []byte(payload)}, key)
}

// parse feeds the pieces and tells what came out, one line a frame, and the
// error as the last line.
func parse(p *Parser, pieces ...[]byte) string {
	var out strings.Builder
	for _, in := range pieces {
		for {
			f, n, ok, err := p.Next(in)
			in = in[n:]
			if err != nil {
				fmt.Fprintf(&out, "%v\n", err)
				return out.String()
			}
			if !ok {
				break
			}
			mark := ""
			if f.Compressed {
				mark = " packed"
			}
			if !f.Last && !f.Op.control() {
				mark += " more"
			}
			fmt.Fprintf(&out, "%x%s %q\n", byte(f.Op), mark, f.Payload)
		}
	}
	if !p.Idle() {
		out.WriteString("unfinished\n")
	}
	return out.String()
}

type parserCase struct {
	name string
	in   []byte
	want string
}

func parserCases() []parserCase {
	long := strings.Repeat("x", 126)
	longer := strings.Repeat("y", 0x10000)
	raw := func(b ...byte) []byte { return b }
	broken := func(code int, reason string) string {
		return fmt.Sprintf("wsframe: %s (close code %d)\n", reason, code)
	}
	return []parserCase{
		{"text", frame(Text, "hello"), "1 \"hello\"\n"},
		{"empty", frame(Binary, ""), "2 \"\"\n"},
		{"16-bit length", frame(Text, long), "1 \"" + long + "\"\n"},
		{"64-bit length", frame(Text, longer), "1 \"" + longer + "\"\n"},
		{"two", slices.Concat(frame(Text, "a"), frame(Text, "b")), "1 \"a\"\n1 \"b\"\n"},
		{
			"fragments around a ping", slices.Concat(fragment(Text, "a"), frame(Ping, "p"), fragment(Continuation, ""), frame(Continuation, "b")),
			"9 \"p\"\n1 \"ab\"\n",
		},
		{"character across fragments", slices.Concat(fragment(Text, "\xe2\x82"), frame(Continuation, "\xac")), "1 \"€\"\n"},
		{"close ends it", slices.Concat(frame(Close, "\x03\xe8bye"), frame(Text, "late")), "8 \"\\x03\\xe8bye\"\n"},
		{"close without status", frame(Close, ""), "8 \"\"\n"},
		{"unfinished", fragment(Text, "a"), "unfinished\n"},

		{"reserved bit", raw(0xc1), broken(1002, "reserved bit set without an extension")},
		{"reserved opcode", raw(0x83), broken(1002, "reserved opcode")},
		{"reserved control opcode", raw(0x8b), broken(1002, "reserved opcode")},
		{"no mask", raw(0x81, 0x01), broken(1002, "client frame without a mask")},
		{"fragmented ping", raw(0x09), broken(1002, "fragmented control frame")},
		{"long ping", raw(0x89, 0xfe), broken(1002, "control frame over 125 bytes")},
		{"stray continuation", raw(0x80), broken(1002, "continuation without a message")},
		{"message in message", slices.Concat(fragment(Text, "a"), raw(0x81)), broken(1002, "new message inside a fragmented one")},
		{"long form of 125", raw(0x82, 0xfe, 0, 125, 1, 2, 3, 4), broken(1002, "length not in its shortest form")},
		{"longer form of 65535", raw(0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4), broken(1002, "length not in its shortest form")},
		{"64th bit", raw(0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4), broken(1002, "length over 63 bits")},
		{"size limit, at the header", raw(0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 1, 1, 2, 3, 4), broken(1009, "message over the size limit")},
		{
			"size limit, fragments added up", slices.Concat(fragment(Text, longer), raw(0x80, 0xff, 0, 0, 0, 0, 0, 0x0f, 0, 1, 1, 2, 3, 4)),
			broken(1009, "message over the size limit"),
		},
		{"not UTF-8, in the first fragment", fragment(Text, "a\xff"), broken(1007, "text that is not UTF-8")},
		{"UTF-16 surrogate, at its second byte", fragment(Text, "\xed\xa0"), broken(1007, "text that is not UTF-8")},
		{"over U+10FFFF, at its second byte", fragment(Text, "\xf4\x90"), broken(1007, "text that is not UTF-8")},
		{"cut character", frame(Text, "\xe2\x82"), broken(1007, "text that ends inside a character")},
		{"binary may be anything", frame(Binary, "\xff"), "2 \"\\xff\"\n"},
		{"half a close code", frame(Close, "\x03"), broken(1002, "close frame with half a code")},
		{"close 1005", frame(Close, "\x03\xed"), broken(1002, "close code that must not be sent")},
		{"close 1006", frame(Close, "\x03\xee"), broken(1002, "close code that must not be sent")},
		{"close 999", frame(Close, "\x03\xe7"), broken(1002, "close code that must not be sent")},
		{"close 5000", frame(Close, "\x13\x88"), broken(1002, "close code that must not be sent")},
		{"close reason not UTF-8", frame(Close, "\x03\xe8\xff"), broken(1007, "close reason that is not UTF-8")},
	}
}

// deflateCases are for a parser that lets compressed messages through.
func deflateCases() []parserCase {
	first := func(f Frame) []byte { return AppendMasked(nil, f, key) }
	broken := func(reason string) string { return fmt.Sprintf("wsframe: %s (close code 1002)\n", reason) }
	return []parserCase{
		{"compressed", first(Frame{Op: Text, Compressed: true, Last: true, Payload: []byte("\xff")}), "1 packed \"\\xff\"\n"},
		{
			"compressed fragments", slices.Concat(first(Frame{Op: Binary, Compressed: true, Payload: []byte("a")}), frame(Ping, "p"), frame(Continuation, "b")),
			"9 \"p\"\n2 packed \"ab\"\n",
		},
		{"plain behind compressed", slices.Concat(first(Frame{Op: Text, Compressed: true, Last: true}), frame(Text, "a")), "1 packed \"\"\n1 \"a\"\n"},
		{"compressed ping", []byte{0xc9}, broken("compressed frame that begins no message")},
		{"compressed continuation", slices.Concat(fragment(Text, "a"), []byte{0xc0}), broken("compressed frame that begins no message")},
		{"other bit", []byte{0xa1}, broken("reserved bit set without an extension")},
		{"other bit too", []byte{0xd1}, broken("reserved bit set without an extension")},
	}
}

func TestParserDeflate(t *testing.T) {
	t.Parallel()
	for _, c := range deflateCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for i := range len(c.in) + 1 {
				assert.Equal(t, parse(&Parser{Masked: true, Deflate: true, Limit: 100}, c.in[:i], c.in[i:]), c.want)
			}
		})
	}
}

// TestParserPieces: what has come is handed out, whatever of it has come.
func TestParserPieces(t *testing.T) {
	t.Parallel()
	p := &Parser{Masked: true, Pieces: true, Limit: 100}
	in := slices.Concat(fragment(Text, "hel"), fragment(Continuation, ""), frame(Ping, "p"), frame(Continuation, "lo"), frame(Binary, ""))
	assert.Equal(t, parse(p, in[:8], in[8:len(in)-7], in[len(in)-7:]), "1 more \"he\"\n1 more \"l\"\n9 \"p\"\n1 more \"l\"\n1 \"o\"\n2 \"\"\n")
}

// TestParserFragmentFlood: a message may not go on for ever without growing.
func TestParserFragmentFlood(t *testing.T) {
	t.Parallel()
	flood := func(size int) (count int, err error) {
		p := &Parser{Masked: true, Pieces: true, Limit: 10 << 20}
		piece := fragment(Continuation, strings.Repeat("x", size))
		_, _, _, err = p.Next(fragment(Binary, ""))
		for ; err == nil && count < 20_000; count++ {
			_, _, _, err = p.Next(piece)
		}
		return count, err
	}
	count, err := flood(0)
	assert.Equal(t, count, maxTiny)
	assert.Contains(t, err.Error(), "too many tiny fragments (close code 1008)")
	_, err = flood(tinyFragment)
	assert.NoError(t, err)
	p := newParser()
	for range 3 { // the count is of one message
		got := parse(p, fragment(Binary, ""), bytes.Repeat(fragment(Continuation, ""), maxTiny-1), frame(Continuation, strings.Repeat("x", tinyFragment)))
		assert.Equal(t, got, "2 \""+strings.Repeat("x", tinyFragment)+"\"\n")
	}
}

// rejoin is parse for a parser in pieces, whose output it joins.
func rejoin(t *testing.T, p *Parser, ins [][]byte) string {
	t.Helper()
	var out strings.Builder
	var message []byte
	for _, in := range ins {
		f, _, ok, err := p.Next(in)
		switch {
		case err != nil:
			fmt.Fprintf(&out, "%v\n", err)
			return out.String()
		case !ok:
			continue
		case f.Op.control():
			fmt.Fprintf(&out, "%x %q\n", byte(f.Op), f.Payload)
			continue
		case !f.Last && len(f.Payload) == 0:
			t.Fatal("a piece of nothing")
		}
		message = append(message, f.Payload...)
		if f.Last {
			mark := ""
			if f.Compressed {
				mark = " packed"
			}
			fmt.Fprintf(&out, "%x%s %q\n", byte(f.Op), mark, message)
			message = nil
		}
	}
	return out.String()
}

func newParser() *Parser { return &Parser{Masked: true, Limit: 1 << 20} }

func TestParser(t *testing.T) {
	t.Parallel()
	for _, c := range parserCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, parse(newParser(), c.in), c.want)
		})
	}
}

// TestParserSplit cuts each input at every byte, and into single bytes: what
// comes out must not depend on how the network cut it.
func TestParserSplit(t *testing.T) {
	t.Parallel()
	for _, c := range parserCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			step := max(1, len(c.in)/512)
			for i := 0; i <= len(c.in); i += step {
				if got := parse(newParser(), c.in[:i], c.in[i:]); got != c.want {
					t.Fatalf("cut at %d: got %.200q, want %.200q", i, got, c.want)
				}
			}
			assert.Equal(t, parse(newParser(), singles(c.in)...), c.want)
		})
	}
}

func TestParserForClients(t *testing.T) {
	t.Parallel()
	p := Parser{Limit: 100}
	assert.Equal(t, parse(&p, AppendFrame(nil, Text, []byte("hi"))), "1 \"hi\"\n")
	assert.Contains(t, parse(&p, frame(Text, "hi")), "server frame with a mask")
}

func TestParserErrorStays(t *testing.T) {
	t.Parallel()
	p := newParser()
	_, _, _, first := p.Next([]byte{0xff})
	_, n, ok, second := p.Next(frame(Text, "hi"))
	e, is := errors.AsType[*Error](first)
	assert.True(t, is && e.Code == 1002, "the first call fails with 1002")
	assert.ErrorIs(t, second, first)
	assert.Equal(t, n, 0)
	assert.True(t, !ok, "no frame after an error")
}

// TestParserMemory is the attack of a header that promises a megabyte: nothing
// may be set aside for it.
func TestParserMemory(t *testing.T) {
	t.Parallel()
	p := newParser()
	head := []byte{0x82, 0xff, 0, 0, 0, 0, 0, 0x0f, 0xff, 0xff, 1, 2, 3, 4}
	_, _, _, err := p.Next(append(head, "some"...))
	assert.NoError(t, err)
	assert.True(t, cap(p.data) <= 64, "buffer grew by the promise, not by what came")
}

// TestParserHandsOver: a payload that was handed out is never written again.
func TestParserHandsOver(t *testing.T) {
	t.Parallel()
	p := newParser()
	f, _, ok, err := p.Next(frame(Text, "first"))
	assert.NoError(t, err)
	assert.True(t, ok, "a frame")
	_ = parse(p, frame(Text, "other"), frame(Ping, "ping!"))
	assert.Equal(t, string(f.Payload), "first")
}

func singles(in []byte) [][]byte {
	pieces := make([][]byte, len(in))
	for i := range in {
		pieces[i] = in[i : i+1]
	}
	return pieces
}

// FuzzParser feeds any bytes whole and byte by byte: both must agree, what
// comes out must keep the limits, and must survive encoding and parsing again.
// Handed out in pieces it must be the same.
func FuzzParser(f *testing.F) {
	for _, c := range parserCases() {
		if len(c.in) < 1000 {
			f.Add(c.in, true, false)
			f.Add(c.in, false, true)
		}
	}
	for _, c := range deflateCases() {
		f.Add(c.in, true, true)
	}
	f.Fuzz(func(t *testing.T, in []byte, masked, deflate bool) {
		const limit = 1000
		newParser := func() *Parser { return &Parser{Masked: masked, Deflate: deflate, Limit: limit} }
		whole := parse(newParser(), in)
		if bytewise := parse(newParser(), singles(in)...); whole != bytewise {
			t.Fatalf("whole %q, byte by byte %q", whole, bytewise)
		}
		pieces := newParser()
		pieces.Pieces = true
		if joined := rejoin(t, pieces, singles(in)); !strings.HasPrefix(joined, strings.TrimSuffix(whole, "unfinished\n")) {
			t.Fatalf("whole %q, in pieces %q", whole, joined)
		}
		p := newParser()
		var again []byte
		for rest := in; ; {
			fr, n, ok, err := p.Next(rest)
			rest = rest[n:]
			if err != nil || !ok {
				break
			}
			if len(fr.Payload) > limit+limit/256+64 || !fr.Compressed && len(fr.Payload) > limit || fr.Op.control() && len(fr.Payload) > MaxControl {
				t.Fatalf("payload of %d bytes", len(fr.Payload))
			}
			again = append(AppendHeader(again[:0], fr, len(fr.Payload)), fr.Payload...)
			f2, _, ok, err := (&Parser{Deflate: true, Limit: limit}).Next(again)
			if err != nil || !ok || f2.Op != fr.Op || f2.Compressed != fr.Compressed || !bytes.Equal(f2.Payload, fr.Payload) {
				t.Fatalf("frame %v does not survive: %v %v %v", fr, f2, ok, err)
			}
		}
	})
}

func BenchmarkParser(b *testing.B) {
	in := frame(Text, strings.Repeat("x", 128))
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	p := newParser()
	for b.Loop() {
		if _, _, ok, err := p.Next(in); !ok || err != nil {
			b.Fatal(err)
		}
	}
}

// TestRoomForMessages: room is made for what the header promises, but never for
// much more than twice what has come: append rounds up to a size of memory.
func TestRoomForMessages(t *testing.T) {
	t.Parallel()
	for _, size := range []int{16 << 10, 1 << 20} {
		p := Parser{Masked: true, Limit: 1 << 20}
		in := AppendMasked(nil, Frame{Op: Binary, Last: true, Payload: make([]byte, size)}, key)
		var message []byte
		for come, next := 0, 20; len(in) > 0; next = 16 << 10 {
			f, n, ok, err := p.Next(in[:min(next, len(in))])
			assert.NoError(t, err)
			in = in[n:]
			come += n
			assert.True(t, cap(p.data) <= 5*come/2+64, fmt.Sprintf("room for %d bytes, %d have come", cap(p.data), come))
			if ok {
				message = f.Payload
			}
		}
		assert.Equal(t, len(message), size)
		assert.True(t, cap(message) <= size+size/4, "room is left over")
	}
}
