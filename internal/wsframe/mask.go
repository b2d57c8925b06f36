package wsframe

import (
	"crypto/subtle"
	"encoding/binary"
	"math/bits"
)

// maskBlock is how much of a long payload is masked at a time, by a block in
// which the key is repeated: package subtle does 16 bytes in one instruction.
const maskBlock = 512

// mask XORs b with key, RFC 6455 section 5.3; pos is the index of b[0] in the
// frame's payload. Masking twice gives b back.
func mask(b []byte, key [4]byte, pos int) {
	k := bits.RotateLeft32(binary.LittleEndian.Uint32(key[:]), -8*(pos&3))
	k64 := uint64(k)<<32 | uint64(k)
	if len(b) >= 2*maskBlock {
		var block [maskBlock]byte
		for i := 0; i < maskBlock; i += 8 {
			binary.LittleEndian.PutUint64(block[i:], k64)
		}
		for len(b) >= maskBlock {
			subtle.XORBytes(b, b[:maskBlock], block[:])
			b = b[maskBlock:]
		}
	}
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^k64)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= byte(k >> (8 * (i & 3)))
	}
}
