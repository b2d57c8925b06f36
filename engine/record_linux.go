package engine

import "encoding/binary"

// The head of a TLS record (RFC 8446 section 5.1) is its type, two bytes of
// version, and two of length.
const (
	recordHead      = 5
	recordMost      = 16 << 10
	recordHandshake = 22
)

// recordSize returns the length of the record whose head p has.
func recordSize(p []byte) int { return int(binary.BigEndian.Uint16(p[3:])) }

// wholeRecord reports whether p has all of the first record, or enough of it to
// be refused.
func wholeRecord(p []byte) bool {
	if len(p) < recordHead {
		return false
	}
	size := recordSize(p)
	return p[0] != recordHandshake || size > recordMost || len(p) >= recordHead+size
}

// helloRecords is into how many records splitHello splits.
const helloRecords = 4

// splitHello makes the first record of buf[:n], if that is whole and a message of
// a handshake, several smaller ones, as TLS allows, and returns the new n. For a
// tls.Conn keeps a buffer as large as the largest record it has read, and that
// is mostly the client's hello, with its key share of over a kilobyte for
// post-quantum cryptography. In quarters a buffer for the message, which is
// kept, too, grows to its size and not beyond.
func splitHello(buf []byte, n int) int {
	const more = (helloRecords - 1) * recordHead
	if n < recordHead || buf[0] != recordHandshake || len(buf) < n+more {
		return n
	}
	size := recordSize(buf)
	part := size / helloRecords // the last one has the rest
	if part == 0 || n < recordHead+size {
		return n
	}
	end := recordHead + size
	copy(buf[end+more:], buf[end:n])
	for i := helloRecords - 1; i >= 0; i-- { // the last first, since it moves the farthest
		from := recordHead + i*part
		record := buf[from+(i-1)*recordHead:]
		copy(record[recordHead:], buf[from:end])
		copy(record, buf[:3])
		binary.BigEndian.PutUint16(record[3:], uint16(end-from))
		end = from
	}
	return n + more
}

// framing follows where records begin and end (RFC 8446 section 5.1).
type framing struct {
	left uint16 // bytes of the record's body to come
	head uint8  // bytes of the next record's head that have come
	size uint8  // the first byte of its length
}

func (f *framing) halfway() bool { return f.left > 0 || f.head > 0 }

// rest returns how much of p belongs to the record that goes on, or begins.
func (f *framing) rest(p []byte) int {
	left := int(f.left)
	if left == 0 && f.head == 0 && len(p) >= recordHead {
		left = recordHead + recordSize(p)
	}
	if left == 0 {
		left = len(p) // within a head, that is
	}
	return min(left, len(p))
}

func (f *framing) pass(p []byte) {
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
