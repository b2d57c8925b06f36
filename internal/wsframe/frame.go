package wsframe

import "fmt"

// Opcode is the kind of a frame, RFC 6455 section 5.2.
type Opcode byte

// The opcodes that the RFC defines; all others are refused.
const (
	Continuation Opcode = 0x0
	Text         Opcode = 0x1
	Binary       Opcode = 0x2
	Close        Opcode = 0x8
	Ping         Opcode = 0x9
	Pong         Opcode = 0xA
)

// MaxControl is the largest payload of a control frame, in bytes.
const MaxControl = 125

const (
	finBit  = 0x80
	rsvBits = 0x70
	rsv1    = 0x40 // the message is compressed, RFC 7692 section 6
	maskBit = 0x80
)

func (o Opcode) control() bool { return o&0x8 != 0 }

func (o Opcode) known() bool { return o <= Binary || o >= Close && o <= Pong }

// Frame is what a [Parser] hands out: a message (Text or Binary, its fragments
// joined), a piece of one, or a control frame.
type Frame struct {
	Op Opcode
	// Compressed says that the payload is a message's as RFC 7692 compresses it,
	// or a piece thereof.
	Compressed bool
	// Last says that a message ends with this frame.
	Last bool
	// Payload is unmasked and belongs to the receiver.
	Payload []byte
}

// Error is a breach of the protocol by the peer. Code is the close code to
// answer with: 1002 (protocol), 1007 (invalid data), 1008 (policy) or 1009 (too
// big).
type Error struct {
	Code   int
	Reason string
}

// Error returns the code and the reason.
func (e *Error) Error() string { return fmt.Sprintf("wsframe: %s (close code %d)", e.Reason, e.Code) }

func protocolError(reason string) *Error { return &Error{Code: 1002, Reason: reason} }

func dataError(reason string) *Error { return &Error{Code: 1007, Reason: reason} }

func tooBig() *Error { return &Error{Code: 1009, Reason: "message over the size limit"} }
