package ws

import (
	"crypto/rand"
	"math"
	"strings"

	"github.com/galeweb/gale/internal/wsframe"
)

// outbox is what waits to be sent beside the first frame.
type outbox struct {
	control string   // a control frame, or the rest of one, that goes out next
	pong    string   // the answer to the latest ping; older ones need none
	ponged  bool     // there is such a ping
	last    string   // our close frame, behind everything
	frames  []string // messages behind Conn.first, from head on
	head    int
	bytes   int     // of the messages
	large   *[]byte // what Conn.first stands for when it is inBox, in a buffer of the Handler's
	sent    int     // how much of that went out
}

// inBox stands in Conn.first for a large frame that is in a buffer. Only the
// first can be, so that a queue takes no more memory than its messages.
const inBox = "large"

// A frame is large when its own memory would cost more than the copy into a
// buffer, and not when the buffer would not be kept.
const (
	minLarge = bufferBytes / 2
	maxLarge = keptBytes - wsframe.MaxHeader - 4
)

// keptFrames is the room for frames that an outbox may keep in the pool.
const keptFrames = 64

// box returns the outbox, under mu.
func (c *Conn) box() *outbox {
	if c.more == nil {
		o, ok := c.h.boxes.Get().(*outbox)
		if !ok {
			o = &outbox{}
		}
		c.more = o
	}
	return c.more
}

// unbox gives an outbox back in which nothing is left, under mu.
func (c *Conn) unbox() {
	o := c.more
	if o == nil || o.control != "" || o.ponged || o.last != "" || o.head < len(o.frames) {
		return
	}
	c.more = nil
	if cap(o.frames) <= keptFrames {
		*o = outbox{frames: o.frames[:0]}
		c.h.boxes.Put(o)
	}
}

// frame returns f as it goes over the wire. A client's mask must be
// unpredictable (RFC 6455 section 10.3), so it costs each frame a key of its own.
func (c *Conn) frame(f wsframe.Frame) string {
	if c.kind&client == 0 {
		return plainFrame(f)
	}
	key := newKey()
	size := wsframe.HeaderLen(len(f.Payload)) + len(key) + len(f.Payload)
	return string(wsframe.AppendMasked(make([]byte, 0, size), f, key))
}

// send queues f, a message of one connection.
func (c *Conn) send(f wsframe.Frame) error {
	if n := len(f.Payload); n < minLarge || n > maxLarge {
		return c.enqueue(c.frame(f))
	}
	b := c.h.buffer()
	if c.kind&client == 0 {
		*b = append(wsframe.AppendHeader((*b)[:0], f, len(f.Payload)), f.Payload...)
	} else {
		*b = wsframe.AppendMasked((*b)[:0], f, newKey())
	}
	if c.startLarge(b) {
		return nil
	}
	frame := string(*b)
	c.h.putBuffer(b)
	return c.enqueue(frame)
}

// startLarge makes the frame in b the first, unless others wait.
func (c *Conn) startLarge(b *[]byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first != "" || c.state != stateOpen || int(c.onWire) >= c.h.queueMessages() {
		return false
	}
	c.first = inBox
	c.box().large = b
	c.sock.Wake()
	return true
}

func newKey() (key [4]byte) {
	rand.Read(key[:])
	return key
}

func plainFrame(f wsframe.Frame) string {
	var room [wsframe.MaxHeader]byte
	head := wsframe.AppendHeader(room[:0], f, len(f.Payload))
	var b strings.Builder
	b.Grow(len(head) + len(f.Payload))
	b.Write(head)
	b.Write(f.Payload)
	return b.String()
}

// enqueue queues a frame that is a message.
func (c *Conn) enqueue(frame string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != stateOpen {
		return ErrClosed
	}
	count, bytes := c.queued()
	full := count >= c.h.queueMessages() && c.flags&roomy == 0
	if full || c.first != "" && bytes+len(frame) > c.h.queueBytes() {
		c.flags |= refused
		return ErrQueueFull
	}
	if c.first == "" {
		c.first = frame
		c.sock.Wake() // whoever takes the first frame asks for those behind it
		return nil
	}
	o := c.box()
	o.frames = append(o.frames, frame)
	o.bytes += len(frame)
	return nil
}

// queued returns how many messages the socket has not taken, and how many bytes
// of them have still to be given to it, under mu.
func (c *Conn) queued() (count, bytes int) {
	count = int(c.onWire)
	if c.first == "" {
		return count, 0
	}
	count, bytes = count+1, len(c.first)
	if o := c.more; o != nil {
		count += len(o.frames) - o.head
		bytes += o.bytes
		if o.large != nil {
			bytes += len(*o.large) - o.sent
		}
	}
	return count, bytes
}

// output implements upgrade.Protocol.
func (c *Conn) output(dst []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flags |= progress
	c.onWire = 0
	if c.owesWritable() {
		c.mu.Unlock()
		err := c.call(func() error { c.h.Writable(c); return nil })
		if err != nil {
			c.refuse(err)
		}
		c.mu.Lock()
	}
	start := len(dst)
	dst = c.fill(dst)
	if len(dst) > start {
		c.flags |= writing
	} else {
		c.flags &^= writing
	}
	c.tellTaken()
	return dst
}

// owesWritable reports whether Writable is to be called now: there was no room,
// and now half of it is free.
func (c *Conn) owesWritable() bool {
	if c.flags&refused == 0 || c.state != stateOpen {
		return false
	}
	count, bytes := c.queued()
	if count > c.h.queueMessages()/2 || bytes > c.h.queueBytes()/2 {
		return false
	}
	c.flags &^= refused
	return c.h.Writable != nil
}

// fill appends what goes out next: control frames first, then messages, and the
// close frame behind the last of them.
func (c *Conn) fill(dst []byte) []byte {
	for {
		if o := c.more; o != nil && o.control != "" {
			dst, o.control = appendRoom(dst, o.control)
			if o.control != "" {
				return dst
			}
		}
		if c.flags&cut == 0 && c.nextControl() {
			continue
		}
		if c.flags&streaming != 0 {
			var more bool
			if dst, more = c.fillStream(dst); more {
				continue
			}
			return dst
		}
		if c.first == "" {
			c.unbox()
			return dst
		}
		if o := c.more; o != nil && o.large != nil {
			dst = c.fillLarge(dst)
		} else {
			dst, c.first = appendRoom(dst, c.first)
		}
		if c.first != "" {
			c.flags |= cut
			return dst
		}
		c.flags &^= cut
		c.onWire = uint16(min(int(c.onWire)+1, math.MaxUint16))
		c.advance()
	}
}

// fillLarge appends as much of the large frame as dst has room for.
func (c *Conn) fillLarge(dst []byte) []byte {
	o := c.more
	rest := (*o.large)[o.sent:]
	n := min(len(rest), cap(dst)-len(dst))
	o.sent += n
	if n == len(rest) {
		defer c.h.putBuffer(o.large)
		c.first, o.large, o.sent = "", nil, 0
	}
	return append(dst, rest[:n]...)
}

// appendRoom appends as much of s as dst has room for, and returns the rest.
func appendRoom(dst []byte, s string) (longer []byte, rest string) {
	n := min(len(s), cap(dst)-len(dst))
	dst = append(dst, s[:n]...)
	if n == len(s) {
		return dst, "" // s[n:] would be as empty, and keep all of s in memory
	}
	return dst, s[n:]
}

// nextControl takes up the control frame that is to go out now, if any.
func (c *Conn) nextControl() bool {
	o := c.more
	switch {
	case o != nil && o.ponged:
		o.control = c.frame(wsframe.Frame{Op: wsframe.Pong, Payload: []byte(o.pong)})
		o.pong, o.ponged = "", false
	case c.flags&pingDue != 0:
		c.box().control = c.frame(wsframe.Frame{Op: wsframe.Ping})
		c.flags = c.flags&^pingDue | pingSent
	case o != nil && o.last != "" && (c.first == "" || c.flags&streaming != 0):
		// A close frame may cut a message short, but for the pieces of one none
		// is waited for.
		c.flags &^= streaming
		c.first = ""
		o.frames, o.head, o.bytes, o.large, o.sent = nil, 0, 0, nil, 0
		o.control, o.last = o.last, ""
	default:
		return false
	}
	return true
}

// advance moves the next message to first.
func (c *Conn) advance() {
	o := c.more
	if o == nil || o.head == len(o.frames) {
		return
	}
	c.first = o.frames[o.head]
	o.frames[o.head] = ""
	o.head++
	o.bytes -= len(c.first)
	if o.head == len(o.frames) {
		o.frames, o.head = o.frames[:0], 0
	}
}
