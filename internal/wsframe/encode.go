package wsframe

import (
	"encoding/binary"
	"unicode/utf8"
)

// MaxHeader is the size of the longest header of an unmasked frame.
const MaxHeader = 10

// AppendFrame appends an unmasked frame, as servers send it, to dst. The bytes
// depend on nothing but the payload, so one frame may go to any number of
// receivers.
func AppendFrame(dst []byte, op Opcode, payload []byte) []byte {
	return append(AppendHeader(dst, Frame{Op: op, Last: true}, len(payload)), payload...)
}

// AppendHeader appends the header of an unmasked frame of n payload bytes. Of f
// it takes all but the payload; Compressed belongs to the first frame of a
// message only.
func AppendHeader(dst []byte, f Frame, n int) []byte { return appendHeader(dst, f, n, 0) }

// AppendMasked appends f masked with key, as clients send it, to dst; the
// payload is left as it is.
func AppendMasked(dst []byte, f Frame, key [4]byte) []byte {
	dst = appendHeader(dst, f, len(f.Payload), maskBit)
	dst = append(dst, key[:]...)
	start := len(dst)
	dst = append(dst, f.Payload...)
	mask(dst[start:], key, 0)
	return dst
}

// HeaderLen returns the size of the header of an unmasked frame of n payload
// bytes.
func HeaderLen(n int) int {
	switch {
	case n < 126:
		return 2
	case n <= 0xffff:
		return 4
	default:
		return MaxHeader
	}
}

func appendHeader(dst []byte, f Frame, n int, masked byte) []byte {
	first := byte(f.Op)
	if f.Last || f.Op.control() {
		first |= finBit
	}
	if f.Compressed {
		first |= rsv1
	}
	dst = append(dst, first)
	switch HeaderLen(n) {
	case 2:
		return append(dst, masked|byte(n))
	case 4:
		return binary.BigEndian.AppendUint16(append(dst, masked|126), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, masked|127), uint64(n))
	}
}

// maxReason is what a close frame has room for beside its code.
const maxReason = MaxControl - 2

// AppendClose appends the payload of a close frame to dst. A reason over 123
// bytes is cut at a character. Code 0 or 1005 gives an empty payload, which is
// how "no status" goes over the wire.
func AppendClose(dst []byte, code int, reason string) []byte {
	if code == 0 || code == NoStatus {
		return dst
	}
	if len(reason) > maxReason {
		cut := maxReason
		for cut > 0 && !utf8.RuneStart(reason[cut]) {
			cut--
		}
		reason = reason[:cut]
	}
	return append(binary.BigEndian.AppendUint16(dst, uint16(code)), reason...)
}
