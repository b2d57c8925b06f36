package ws

import (
	"sync"

	"github.com/galeweb/gale/internal/wsframe"
)

// receiveWindow is how much of what was received must be remembered when the
// peer does not forget: the largest window of deflate.
const receiveWindow = 32 << 10

// history is what the two sides of a connection remember of compressed messages.
type history struct {
	mu   sync.Mutex // keeps sending in the order of compressing; above Conn.mu
	sent past

	received past // the receiver's
}

// past is the last bytes of what went by.
type past struct {
	limit int // 0: nothing is remembered
	bytes []byte
}

func (p *past) add(b []byte) {
	if len(b) >= p.limit {
		p.bytes = append(p.bytes[:0], b[len(b)-p.limit:]...)
		return
	}
	if over := len(p.bytes) + len(b) - p.limit; over > 0 {
		p.bytes = p.bytes[:copy(p.bytes, p.bytes[over:])]
	}
	p.bytes = append(p.bytes, b...)
}

// agree sets the connection up as both sides have agreed.
func (c *Conn) agree(a answer) {
	c.subprotocol = a.subprotocol
	d := a.deflate
	if !d.agreed {
		return
	}
	c.kind |= deflated
	weForget, theyForget := d.serverForget, d.clientForget
	if c.kind&client != 0 {
		weForget, theyForget = theyForget, weForget
	} else if d.window != 0 {
		c.kind = c.kind&^windowBits | kind(d.window)
	}
	var kept history
	if !weForget {
		kept.sent.limit = max(0, min(c.h.Compression.Dictionary, wsframe.MaxDictionary))
	}
	if !theyForget {
		kept.received.limit = receiveWindow
	}
	if kept.sent.limit > 0 || kept.received.limit > 0 {
		c.history = &history{sent: kept.sent, received: kept.received}
	}
}

// deflates reports whether a message of n bytes is to be sent compressed.
// Stateless deflate reaches back as far as the message goes, so with a smaller
// window than usual long messages are not.
func (c *Conn) deflates(n int) bool {
	return c.kind&deflated != 0 && n >= c.h.Compression.minSize() && (c.window() == maxWindow || n <= 1<<c.window())
}

func (c *Conn) window() int { return int(c.kind & windowBits) }

func (c *Conn) remembersSent() bool { return c.history != nil && c.history.sent.limit > 0 }

// sendDeflated queues a message compressed, or as it is when that is shorter.
func (c *Conn) sendDeflated(op wsframe.Opcode, data []byte) error {
	if !c.remembersSent() {
		frame, _ := c.deflatedFrame(op, data, nil)
		return c.enqueue(frame)
	}
	c.history.mu.Lock()
	defer c.history.mu.Unlock()
	sent := &c.history.sent
	dict := sent.bytes
	if room := 1<<c.window() - len(data); c.window() < maxWindow && len(dict) > room {
		dict = dict[len(dict)-room:]
	}
	frame, shorter := c.deflatedFrame(op, data, dict)
	err := c.enqueue(frame)
	if err == nil && shorter {
		sent.add(data) // what goes out as it is passes the peer's inflater by
	}
	return err
}

func (c *Conn) sendPreparedDeflated(p *Prepared) error {
	frame := p.deflated(c.h)
	if frame == "" {
		return c.enqueue(p.frame)
	}
	if !c.remembersSent() {
		return c.enqueue(frame)
	}
	c.history.mu.Lock()
	defer c.history.mu.Unlock()
	err := c.enqueue(frame)
	if err == nil {
		c.history.sent.add([]byte(p.payload()))
	}
	return err
}

// deflatedFrame returns the frame of a compressed message, or that of the
// message as it is when that is shorter.
func (c *Conn) deflatedFrame(op wsframe.Opcode, data, dict []byte) (frame string, shorter bool) {
	f := wsframe.Frame{Op: op, Last: true, Payload: data}
	buf := c.h.buffer()
	defer c.h.putBuffer(buf)
	*buf = c.h.deflate((*buf)[:0], data, dict)
	if shorter = len(*buf) < len(data); shorter {
		f.Compressed, f.Payload = true, *buf
	}
	return c.frame(f), shorter
}

// inflate returns the message whose frame is f.
func (c *Conn) inflate(f wsframe.Frame) ([]byte, error) {
	z := c.h.inflater()
	defer c.h.inflaters.Put(z)
	var dict []byte
	if c.history != nil {
		dict = c.history.received.bytes
	}
	data, err := z.Inflate(f.Payload, dict, c.h.readLimit(), f.Op == wsframe.Text)
	if err == nil && c.history != nil {
		c.history.received.add(data)
	}
	return data, err
}

func (h *Handler) inflater() *wsframe.Inflater {
	if z, ok := h.inflaters.Get().(*wsframe.Inflater); ok {
		return z
	}
	return wsframe.NewInflater()
}

func (h *Handler) deflate(dst, data, dict []byte) []byte {
	z, ok := h.deflaters.Get().(*wsframe.Deflater)
	if !ok {
		z = &wsframe.Deflater{}
	}
	defer h.deflaters.Put(z)
	return z.Append(dst, data, dict)
}

// bufferBytes is how much is written at a time. A write to a socket costs about
// 5 µs whatever its size, so joining is what makes a burst cheap.
const bufferBytes = 16 << 10

// keptBytes is how large a buffer may have become and be kept.
const keptBytes = 4 * bufferBytes

func (h *Handler) buffer() *[]byte {
	if b, ok := h.buffers.Get().(*[]byte); ok {
		return b
	}
	return new(make([]byte, 0, bufferBytes))
}

// putBuffer gives a buffer back. One that a large message has made large would
// keep its size for ever.
func (h *Handler) putBuffer(b *[]byte) {
	if cap(*b) <= keptBytes {
		h.buffers.Put(b)
	}
}
