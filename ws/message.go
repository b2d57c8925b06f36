package ws

import (
	"crypto/rand"
	"errors"
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
// which share its bytes. It is immutable.
type Prepared struct {
	op      wsframe.Opcode
	frame   []byte
	payload []byte // the tail of frame
}

// Prepare frames m, whose Data it copies. It fails when m is text that is not
// UTF-8.
func Prepare(m Message) (*Prepared, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	head := wsframe.HeaderLen(len(m.Data))
	frame := wsframe.AppendFrame(make([]byte, 0, head+len(m.Data)), m.op(), m.Data)
	return &Prepared{op: m.op(), frame: frame, payload: frame[head:]}, nil
}

// encode returns a frame of its own. A client's mask must be unpredictable
// (RFC 6455 section 10.3), so it costs each frame a key of its own.
func encode(client bool, op wsframe.Opcode, payload []byte) []byte {
	size := wsframe.HeaderLen(len(payload)) + len(payload)
	if !client {
		return wsframe.AppendFrame(make([]byte, 0, size), op, payload)
	}
	var key [4]byte
	rand.Read(key[:])
	return wsframe.AppendMasked(make([]byte, 0, size+len(key)), op, key, payload)
}
