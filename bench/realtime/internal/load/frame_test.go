package load

import (
	"bytes"
	"errors"
	"testing"
)

func TestNext(t *testing.T) {
	t.Parallel()
	long := append([]byte{0x82, 126, 0x01, 0x2c}, make([]byte, 300)...)
	huge := append([]byte{0x02, 127, 0, 0, 0, 0, 0, 1, 0, 0}, make([]byte, 1<<16)...)
	for _, c := range []struct {
		bytes []byte
		want  frame
	}{
		{[]byte("\x81\x02hi"), frame{opcode: opText, fin: true, payload: []byte("hi")}},
		{[]byte("\xc1\x02hi"), frame{opcode: opText, fin: true, compressed: true, payload: []byte("hi")}},
		{[]byte("\x80\x00"), frame{opcode: opContinuation, fin: true, payload: []byte{}}},
		{long, frame{opcode: opBinary, fin: true, payload: long[4:]}},
		{huge, frame{opcode: opBinary, payload: huge[10:]}},
	} {
		for n := range len(c.bytes) {
			if _, _, err := next(c.bytes[:n]); !errors.Is(err, errPart) {
				t.Fatalf("%d bytes of %.20q: %v", n, c.bytes, err)
			}
		}
		got, n, err := next(append(bytes.Clone(c.bytes), "more"...))
		if err != nil || n != len(c.bytes) || got.opcode != c.want.opcode || got.fin != c.want.fin || got.compressed != c.want.compressed || !bytes.Equal(got.payload, c.want.payload) {
			t.Errorf("%.20q: %+v, %d, %v", c.bytes, got, n, err)
		}
	}
	for _, bad := range []string{"\x81\x82mask", "\xa1\x00", "\x91\x00", "\x81\x7f\x00\x00\x00\x01\x00\x00\x00\x00"} {
		if _, _, err := next([]byte(bad)); err == nil || errors.Is(err, errPart) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestMaskedIsAFrame(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 125, 126, 1 << 16} {
		payload := bytes.Repeat([]byte("x"), size)
		b := masked(opText, payload)
		head := len(b) - size - len(mask)
		if b[1]&0x80 == 0 || !bytes.Equal(b[head:head+4], mask[:]) {
			t.Fatalf("%d bytes: head %x", size, b[:head+4])
		}
		for i := range payload {
			b[head+4+i] ^= mask[i%4]
		}
		// Without its mask it is a server's.
		b[1] &^= 0x80
		b = append(b[:head], b[head+4:]...)
		if f, n, err := next(b); err != nil || n != len(b) || !bytes.Equal(f.payload, payload) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}
