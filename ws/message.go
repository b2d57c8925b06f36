package ws

import (
	"errors"
	"sync"
	"unicode/utf8"

	"github.com/galeweb/gale/internal/wsframe"
)

var errNotUTF8 = errors.New("ws: text message that is not UTF-8; set Binary")

// Message is one message, its fragments joined.
type Message struct {
	// Binary says that Data is bytes; otherwise it is text, valid UTF-8.
	Binary bool
	// Data of a received message belongs to the receiver.
	Data []byte
}

func (m Message) op() wsframe.Opcode {
	if m.Binary {
		return wsframe.Binary
	}
	return wsframe.Text
}

func (m Message) check() error {
	if !m.Binary && !utf8.Valid(m.Data) {
		return errNotUTF8
	}
	return nil
}

// Prepared is a message that was framed once to be sent to many connections,
// which share its bytes. It is compressed once, when the first connection wants
// it so, and is immutable to all who use it.
type Prepared struct {
	binary bool
	frame  string

	once   sync.Once
	packed string // the frame compressed; "" when that is not shorter
}

// Prepare frames m, whose Data it copies. It fails when m is text that is not
// UTF-8.
func Prepare(m Message) (*Prepared, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	return &Prepared{
		binary: m.Binary,
		frame:  plainFrame(wsframe.Frame{Op: m.op(), Last: true, Payload: m.Data}),
	}, nil
}

// payload returns the tail of the frame that is the message.
func (p *Prepared) payload() string {
	switch n := len(p.frame); {
	case n < 2+126:
		return p.frame[2:]
	case n < 4+1<<16:
		return p.frame[4:]
	default:
		return p.frame[wsframe.MaxHeader:]
	}
}

// deflated returns the frame compressed, or "" when that is not shorter.
func (p *Prepared) deflated(h *Handler) string {
	p.once.Do(func() {
		data := []byte(p.payload())
		buf := h.buffer()
		defer h.putBuffer(buf)
		*buf = h.deflate((*buf)[:0], data, nil)
		if len(*buf) < len(data) {
			f := wsframe.Frame{Op: Message{Binary: p.binary}.op(), Last: true, Compressed: true, Payload: *buf}
			p.packed = plainFrame(f)
		}
	})
	return p.packed
}
