package wsframe

import (
	"encoding/binary"
)

// Parser turns the bytes of one direction of a connection into frames. Set its
// fields, then call [Parser.Next] with whatever arrives, in pieces of any size.
type Parser struct {
	// Masked says that frames must be masked, as those from clients are; when
	// false, as for frames from servers, a mask is an error.
	Masked bool
	// Limit is the largest message in bytes, its fragments added up. Zero
	// allows only empty messages.
	Limit int

	head    [14]byte // the longest header: 2 bytes, 8 of length, 4 of mask
	headLen uint8
	inBody  bool
	done    bool // a close frame has come; what follows is ignored

	left uint64 // payload bytes of this frame still to come
	seen int    // payload bytes of this frame taken, for the mask

	message Opcode // of the message under way, 0 when there is none
	text    validator
	data    []byte // of the message under way
	control []byte // of the control frame under way
	err     *Error
}

// Next takes bytes from in until a frame is complete. It returns how many it
// took; ok says that f is a frame, and then in[n:] may hold more. When ok is
// false all of in was taken and more is needed. A breach of the protocol is an
// [*Error], which every later call repeats. After a close frame bytes are
// taken and ignored, as section 5.5.1 wants.
func (p *Parser) Next(in []byte) (f Frame, n int, ok bool, err error) {
	if p.err != nil {
		return Frame{}, 0, false, p.err
	}
	if p.done {
		return Frame{}, len(in), false, nil
	}
	for {
		for !p.inBody {
			if n == len(in) {
				return Frame{}, n, false, nil
			}
			p.head[p.headLen] = in[n]
			p.headLen++
			n++
			if p.err = p.header(); p.err != nil {
				return Frame{}, n, false, p.err
			}
		}
		take := int(min(p.left, uint64(len(in)-n)))
		if p.err = p.payload(in[n : n+take]); p.err != nil {
			return Frame{}, n + take, false, p.err
		}
		n += take
		if p.left > 0 {
			return Frame{}, n, false, nil
		}
		f, ok, p.err = p.end()
		if p.err != nil {
			return Frame{}, n, false, p.err
		}
		if ok {
			return f, n, true, nil
		}
	}
}

// Idle reports whether the parser stands between messages: the place where the
// end of the input is not a truncation.
func (p *Parser) Idle() bool { return p.headLen == 0 && !p.inBody && p.message == 0 }

func (p *Parser) fin() bool { return p.head[0]&finBit != 0 }

func (p *Parser) op() Opcode { return Opcode(p.head[0] & 0x0f) }

// header judges the header as far as it has come, so that a bad first byte is
// answered at once, and starts the payload when the header is complete.
func (p *Parser) header() *Error {
	switch p.headLen {
	case 1:
		return p.firstByte()
	case 2:
		if err := p.secondByte(); err != nil {
			return err
		}
	}
	lengthBytes := 0
	switch p.head[1] &^ maskBit {
	case 126:
		lengthBytes = 2
	case 127:
		lengthBytes = 8
	}
	need := 2 + lengthBytes
	if p.Masked {
		need += 4
	}
	if int(p.headLen) < need {
		return nil
	}
	var length uint64
	switch lengthBytes {
	case 0:
		length = uint64(p.head[1] &^ maskBit)
	case 2:
		length = uint64(binary.BigEndian.Uint16(p.head[2:]))
		if length < 126 {
			return protocolError("length not in its shortest form")
		}
	case 8:
		length = binary.BigEndian.Uint64(p.head[2:])
		if length>>63 != 0 {
			return protocolError("length over 63 bits")
		}
		if length <= 0xffff {
			return protocolError("length not in its shortest form")
		}
	}
	// The limit stands before the first payload byte is stored: the header of
	// a huge message costs the attacker bandwidth and us nothing.
	if !p.op().control() && length > uint64(max(p.Limit-len(p.data), 0)) {
		return &Error{Code: 1009, Reason: "message over the size limit"}
	}
	p.left, p.seen, p.inBody = length, 0, true
	return nil
}

func (p *Parser) firstByte() *Error {
	op := p.op()
	switch {
	case p.head[0]&rsvBits != 0:
		return protocolError("reserved bit set without an extension")
	case !op.known():
		return protocolError("reserved opcode")
	case op.control() && !p.fin():
		return protocolError("fragmented control frame")
	case op == Continuation && p.message == 0:
		return protocolError("continuation without a message")
	case !op.control() && op != Continuation && p.message != 0:
		return protocolError("new message inside a fragmented one")
	}
	return nil
}

func (p *Parser) secondByte() *Error {
	masked := p.head[1]&maskBit != 0
	switch {
	case p.Masked && !masked:
		return protocolError("client frame without a mask")
	case !p.Masked && masked:
		return protocolError("server frame with a mask")
	case p.op().control() && p.head[1]&^maskBit > MaxControl:
		return protocolError("control frame over 125 bytes")
	}
	if op := p.op(); op == Text || op == Binary {
		p.message = op
	}
	return nil
}

// payload stores what has come of the frame's payload. append grows the buffer
// by what is really there, never by what the header promised.
func (p *Parser) payload(in []byte) *Error {
	dst := &p.data
	if p.op().control() {
		dst = &p.control
	}
	start := len(*dst)
	*dst = append(*dst, in...)
	fresh := (*dst)[start:]
	if p.Masked {
		key := [4]byte(p.head[p.headLen-4 : p.headLen])
		mask(fresh, key, p.seen)
	}
	p.seen += len(in)
	p.left -= uint64(len(in))
	if !p.op().control() && p.message == Text && !p.text.write(fresh) {
		return &Error{Code: 1007, Reason: "text that is not UTF-8"}
	}
	return nil
}

// end closes the frame; ok is false after a fragment that is not the last.
func (p *Parser) end() (f Frame, ok bool, err *Error) {
	op, fin := p.op(), p.fin()
	p.headLen, p.inBody = 0, false
	if op.control() {
		f = Frame{Op: op, Payload: p.control}
		p.control = nil
		if op == Close {
			p.done = true
			if err := checkClose(f.Payload); err != nil {
				return Frame{}, false, err
			}
		}
		return f, true, nil
	}
	if !fin {
		return Frame{}, false, nil
	}
	if p.message == Text && !p.text.complete() {
		return Frame{}, false, &Error{Code: 1007, Reason: "text that ends inside a character"}
	}
	f = Frame{Op: p.message, Payload: p.data}
	p.message, p.data, p.text = 0, nil, validator{}
	return f, true, nil
}
