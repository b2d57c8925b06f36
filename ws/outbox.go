package ws

import (
	"errors"
	"os"
	"time"

	"github.com/galeweb/gale/internal/wsframe"
)

// outbox is what waits to be written, under Conn.mu.
type outbox struct {
	frames  [][]byte
	count   int    // messages queued or being written
	bytes   int    // their size
	pong    []byte // the answer to the latest ping; older ones need none
	hasPong bool
	ping    bool
	last    []byte // our close frame
	writing bool   // a writer runs, or has ended for good
	refused bool   // ErrQueueFull was returned: Writable is owed
}

// batchBytes is how much is joined into one write. A write to a socket costs
// about 5 µs whatever its size, so joining is what makes a burst cheap.
const batchBytes = 32 << 10

func (c *Conn) enqueue(frame []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := &c.out
	switch {
	case c.state != stateOpen:
		return ErrClosed
	case o.count > 0 && (o.count >= c.h.queueMessages() || o.bytes+len(frame) > c.h.queueBytes()):
		o.refused = true
		return ErrQueueFull
	}
	o.frames = append(o.frames, frame)
	o.count++
	o.bytes += len(frame)
	c.startWriter()
	return nil
}

// startWriter is called under mu.
func (c *Conn) startWriter() {
	if c.out.writing || c.state == stateClosed {
		return
	}
	c.out.writing = true
	c.writers.Go(c.write)
}

// write sends until nothing is left.
func (c *Conn) write() {
	for {
		b := c.takeBatch()
		if len(b.frames) == 0 {
			return
		}
		if err := c.writeBatch(b.frames); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				err = ErrWriteTimeout
			}
			c.fail(err)
			return
		}
		if c.wrote(b) {
			if err := c.call(func() error { c.h.Writable(c); return nil }); err != nil {
				c.refuse(err)
			}
		}
		if b.last {
			c.sentClose()
			return
		}
	}
}

type batch struct {
	frames       [][]byte
	count, bytes int // messages among the frames
	last         bool
}

// takeBatch takes what one write shall carry: control frames first, then
// messages, and the close frame behind the last of them.
func (c *Conn) takeBatch() (b batch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := &c.out
	if o.hasPong {
		b.frames = append(b.frames, encode(c.client, wsframe.Pong, o.pong))
		o.pong, o.hasPong = nil, false
	}
	if o.ping {
		b.frames = append(b.frames, encode(c.client, wsframe.Ping, nil))
		o.ping = false
	}
	for b.count < len(o.frames) && (b.count == 0 || b.bytes+len(o.frames[b.count]) <= batchBytes) {
		b.bytes += len(o.frames[b.count])
		b.count++
	}
	b.frames = append(b.frames, o.frames[:b.count]...)
	clear(o.frames[:b.count])
	o.frames = o.frames[b.count:]
	if len(o.frames) == 0 {
		o.frames = nil
		if o.last != nil {
			b.frames = append(b.frames, o.last)
			o.last, b.last = nil, true
		}
	}
	o.writing = len(b.frames) > 0
	return b
}

// wrote returns the batch's room to the queue and reports whether Writable is
// to be called.
func (c *Conn) wrote(b batch) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := &c.out
	o.count -= b.count
	o.bytes -= b.bytes
	if !o.refused || c.state != stateOpen || o.count > c.h.queueMessages()/2 {
		return false
	}
	o.refused = false
	return c.h.Writable != nil
}

func (c *Conn) writeBatch(frames [][]byte) error {
	if len(frames) == 1 {
		return c.writeAll(frames[0])
	}
	buf, ok := c.h.joins.Get().(*[]byte)
	if !ok {
		buf = new(make([]byte, 0, batchBytes))
	}
	defer func() {
		if cap(*buf) <= 2*batchBytes {
			c.h.joins.Put(buf)
		}
	}()
	joined := (*buf)[:0]
	for _, f := range frames {
		joined = append(joined, f...)
	}
	*buf = joined
	return c.writeAll(joined)
}

// writeAll gives each piece the whole WriteTimeout, so that a slow peer that
// reads is not taken for one that does not.
func (c *Conn) writeAll(b []byte) error {
	for len(b) > 0 {
		piece := b[:min(len(b), batchBytes)]
		if err := c.nc.SetWriteDeadline(time.Now().Add(c.h.writeTimeout())); err != nil {
			return err
		}
		if _, err := c.nc.Write(piece); err != nil {
			return err
		}
		b = b[len(piece):]
	}
	return nil
}

// sentClose ends the writer after our close frame. When the peer's has come
// the handshake is complete. A peer that breached the protocol is not waited
// for, but shutting only our half lets it read the frame: a full close with
// its bytes unread would reset the connection and lose it.
func (c *Conn) sentClose() {
	c.mu.Lock()
	c.closeSent = true
	peerClosed, broken := c.peerClosed, c.broken
	c.mu.Unlock()
	switch half, ok := c.nc.(interface{ CloseWrite() error }); {
	case peerClosed, broken && !ok:
		c.hangUp()
	case broken:
		half.CloseWrite()
	}
}
