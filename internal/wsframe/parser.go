package wsframe

import (
	"encoding/binary"
	"slices"
)

const (
	// tinyFragment is a fragment, in bytes, whose handling costs more than its
	// bytes do; maxTiny is how many of them one message may have. Without a limit
	// a message could go on for ever and never reach that of its size.
	tinyFragment = 16
	maxTiny      = 16384
)

// Parser turns the bytes of one direction of a connection into frames. Set its
// fields, then call [Parser.Next] with whatever arrives, in pieces of any size.
// While it is [Parser.Idle] it knows nothing that a new one does not.
type Parser struct {
	// Masked says that frames must be masked, as those from clients are; when
	// false, as for frames from servers, a mask is an error.
	Masked bool
	// Deflate says that messages may be compressed. Their text is not looked at.
	Deflate bool
	// Pieces has messages handed out as they come, and nothing of them kept. A
	// piece that is not the last has at least one byte.
	Pieces bool
	// Limit is the largest message in bytes, its fragments added up. Zero
	// allows only empty messages. One that is compressed may be a little
	// longer, since it may be one that deflate only makes longer.
	Limit int

	head       [14]byte // the longest header: 2 bytes, 8 of length, 4 of mask
	headLen    uint8
	inBody     bool
	done       bool // a close frame has come; what follows is ignored
	compressed bool // the message under way

	left uint64 // payload bytes of this frame still to come
	seen int    // payload bytes of this frame taken, for the mask

	message Opcode // of the message under way, 0 when there is none
	tiny    int    // fragments of the message that were tiny
	size    uint64 // of the message, as far as its headers have come
	text    Validator
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
	for p.err == nil {
		if p.done {
			return Frame{}, len(in), false, nil
		}
		if !p.inBody {
			var took int
			took, p.err = p.header(in[n:])
			n += took
			if p.err != nil {
				break
			}
			if !p.inBody {
				return Frame{}, n, false, nil
			}
		}
		take := int(min(p.left, uint64(len(in)-n)))
		p.err = p.payload(in[n : n+take])
		n += take
		if p.err != nil {
			break
		}
		f, ok, p.err = p.out()
		if p.err != nil {
			break
		}
		if ok || p.left > 0 {
			return f, n, ok, nil
		}
	}
	return Frame{}, n, false, p.err
}

// Idle reports whether the parser stands between messages: the place where the
// end of the input is not a truncation.
func (p *Parser) Idle() bool { return p.headLen == 0 && !p.inBody && p.message == 0 }

func (p *Parser) fin() bool { return p.head[0]&finBit != 0 }

func (p *Parser) op() Opcode { return Opcode(p.head[0] & 0x0f) }

// header takes bytes of a header and judges it as far as it has come, so that a
// bad first byte is answered at once. When it is complete the payload begins.
func (p *Parser) header(in []byte) (n int, err *Error) {
	for n < len(in) && p.headLen < 2 {
		p.head[p.headLen] = in[n]
		p.headLen++
		n++
		if p.headLen == 1 {
			err = p.firstByte()
		} else {
			err = p.secondByte()
		}
		if err != nil {
			return n, err
		}
	}
	if p.headLen < 2 {
		return n, nil
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
	took := copy(p.head[p.headLen:need], in[n:])
	p.headLen += uint8(took)
	if int(p.headLen) < need {
		return n + took, nil
	}
	return n + took, p.length(lengthBytes)
}

func (p *Parser) firstByte() *Error {
	op, rsv := p.op(), p.head[0]&rsvBits
	switch {
	case rsv != 0 && (rsv != rsv1 || !p.Deflate):
		return protocolError("reserved bit set without an extension")
	case rsv != 0 && op != Text && op != Binary:
		return protocolError("compressed frame that begins no message")
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
		p.message, p.compressed = op, p.head[0]&rsv1 != 0
	}
	return nil
}

// length judges the length of a frame and starts its payload. The limit stands
// before the first payload byte is stored: the header of a huge message costs
// the attacker bandwidth and us nothing.
func (p *Parser) length(lengthBytes int) *Error {
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
	p.left, p.seen, p.inBody = length, 0, true
	if p.op().control() {
		return nil
	}
	limit := uint64(max(p.Limit, 0))
	if p.compressed {
		limit += limit>>8 + 64 // 5 bytes for each stored block, and some blocks are short
	}
	if p.size += length; p.size > limit {
		return tooBig()
	}
	if length < tinyFragment {
		if p.tiny++; p.tiny > maxTiny {
			return &Error{Code: 1008, Reason: "message in too many tiny fragments"}
		}
	}
	return nil
}

// payload stores what has come of the frame's payload.
func (p *Parser) payload(in []byte) *Error {
	dst := &p.data
	if p.op().control() {
		dst = &p.control
	}
	start := len(*dst)
	*dst = append(p.grow(*dst, len(in)), in...)
	fresh := (*dst)[start:]
	if p.Masked {
		key := [4]byte(p.head[p.headLen-4 : p.headLen])
		mask(fresh, key, p.seen)
	}
	p.seen += len(in)
	p.left -= uint64(len(in))
	if !p.op().control() && p.message == Text && !p.compressed && !p.text.Write(fresh) {
		return dataError("text that is not UTF-8")
	}
	return nil
}

// grow makes room in b for n bytes that have come, and for those that the header
// has promised besides, so that a message is not copied again and again. That is
// no more than as much again as is really there.
func (p *Parser) grow(b []byte, n int) []byte {
	promised := int(min(p.left-uint64(n), uint64(len(b)+n)))
	if n <= cap(b)-len(b) || promised == 0 || p.Pieces {
		return b // append does it without clearing what it makes
	}
	return slices.Grow(b, n+promised)
}

// out returns what is complete: a control frame, a message, or in Pieces what
// has come of one.
func (p *Parser) out() (f Frame, ok bool, err *Error) {
	if p.left > 0 {
		return p.piece()
	}
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
		return p.piece()
	}
	if !p.text.Complete() {
		return Frame{}, false, dataError("text that ends inside a character")
	}
	f = Frame{Op: p.message, Compressed: p.compressed, Last: true, Payload: p.data}
	p.message, p.compressed, p.data, p.text = 0, false, nil, Validator{}
	p.size, p.tiny = 0, 0
	return f, true, nil
}

func (p *Parser) piece() (f Frame, ok bool, err *Error) {
	if !p.Pieces || len(p.data) == 0 {
		return Frame{}, false, nil
	}
	f = Frame{Op: p.message, Compressed: p.compressed, Payload: p.data}
	p.data = nil
	return f, true, nil
}
