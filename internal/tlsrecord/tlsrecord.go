// Package tlsrecord knows as much of TLS records (RFC 8446 section 5.1) as a
// server needs that reads them for crypto/tls without blocking: where they begin
// and end. Nothing in it does I/O.
package tlsrecord

import "encoding/binary"

// The head of a TLS record (RFC 8446 section 5.1) is its type, two bytes of
// version, and two of length.
const (
	headSize  = 5
	mostSize  = 16 << 10
	handshake = 22
)

// bodySize returns the length of the record whose head p has.
func bodySize(p []byte) int { return int(binary.BigEndian.Uint16(p[3:])) }

// Whole reports whether p has all of the first record, or enough of it to
// be refused.
func Whole(p []byte) bool {
	if len(p) < headSize {
		return false
	}
	size := bodySize(p)
	return p[0] != handshake || size > mostSize || len(p) >= headSize+size
}

// helloParts is into how many records SplitHello splits.
const helloParts = 4

// SplitHello makes the first record of buf[:n], if that is whole and a message of
// a handshake, several smaller ones, as TLS allows, and returns the new n. For a
// tls.Conn keeps a buffer as large as the largest record it has read, and that
// is mostly the client's hello, with its key share of over a kilobyte for
// post-quantum cryptography. In quarters a buffer for the message, which is
// kept, too, grows to its size and not beyond.
func SplitHello(buf []byte, n int) int {
	const more = (helloParts - 1) * headSize
	if n < headSize || buf[0] != handshake || len(buf) < n+more {
		return n
	}
	size := bodySize(buf)
	part := size / helloParts // the last one has the rest
	if part == 0 || n < headSize+size {
		return n
	}
	end := headSize + size
	copy(buf[end+more:], buf[end:n])
	for i := helloParts - 1; i >= 0; i-- { // the last first, since it moves the farthest
		from := headSize + i*part
		record := buf[from+(i-1)*headSize:]
		copy(record[headSize:], buf[from:end])
		copy(record, buf[:3])
		binary.BigEndian.PutUint16(record[3:], uint16(end-from))
		end = from
	}
	return n + more
}

// Framing follows where records begin and end. Its zero value stands where one
// begins.
type Framing struct {
	left uint16 // bytes of the record's body to come
	head uint8  // bytes of the next record's head that have come
	size uint8  // the first byte of its length
}

// Halfway reports whether a part of a record has passed.
func (f *Framing) Halfway() bool { return f.left > 0 || f.head > 0 }

// Rest returns how much of p belongs to the record that goes on, or begins.
func (f *Framing) Rest(p []byte) int {
	left := int(f.left)
	if left == 0 && f.head == 0 && len(p) >= headSize {
		left = headSize + bodySize(p)
	}
	if left == 0 {
		left = len(p) // within a head
	}
	return min(left, len(p))
}

// Pass goes on over p.
func (f *Framing) Pass(p []byte) {
	for len(p) > 0 {
		if f.left > 0 {
			n := min(int(f.left), len(p))
			f.left -= uint16(n)
			p = p[n:]
			continue
		}
		switch f.head++; f.head {
		case 4:
			f.size = p[0]
		case 5:
			f.left, f.head = uint16(f.size)<<8|uint16(p[0]), 0
		}
		p = p[1:]
	}
}
