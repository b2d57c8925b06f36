package load

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Opcodes of RFC 6455 section 5.2.
const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

// errPart says that a frame has not all come.
var errPart = errors.New("load: part of a frame")

// frame is one frame from a server. The payload is part of the input.
type frame struct {
	opcode     byte
	fin        bool
	compressed bool // RSV1
	payload    []byte
}

// next returns the frame at the start of buf and how many bytes it has.
func next(buf []byte) (frame, int, error) {
	if len(buf) < 2 {
		return frame{}, 0, errPart
	}
	if buf[0]&0x30 != 0 || buf[1]&0x80 != 0 {
		return frame{}, 0, fmt.Errorf("load: frame %x: reserved bits, or masked by a server", buf[:2])
	}
	f := frame{opcode: buf[0] & 0x0f, fin: buf[0]&0x80 != 0, compressed: buf[0]&0x40 != 0}
	head, length := 2, uint64(buf[1])
	switch length {
	case 126:
		if head = 4; len(buf) < head {
			return frame{}, 0, errPart
		}
		length = uint64(binary.BigEndian.Uint16(buf[2:]))
	case 127:
		if head = 10; len(buf) < head {
			return frame{}, 0, errPart
		}
		length = binary.BigEndian.Uint64(buf[2:])
	}
	if length > 1<<20 {
		return frame{}, 0, fmt.Errorf("load: frame of %d bytes", length)
	}
	end := head + int(length)
	if len(buf) < end {
		return frame{}, 0, errPart
	}
	f.payload = buf[head:end]
	return f, end, nil
}

// mask is the key of all frames that are sent: what it is costs a server the
// same, and one key lets a frame be made once.
var mask = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// masked returns a client's frame.
func masked(opcode byte, payload []byte) []byte {
	b := []byte{0x80 | opcode}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	b = append(b, mask[:]...)
	for i, c := range payload {
		b = append(b, c^mask[i%4])
	}
	return b
}
