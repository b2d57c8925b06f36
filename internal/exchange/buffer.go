package exchange

import "sync"

// gathered is how many bytes of a response body are gathered before the head
// is sent, or a chunk; net/http's number.
const gathered = 2 << 10

// buffer is room for the start of a response. No handler ever sees it.
type buffer struct {
	data [gathered]byte // body bytes that wait
	out  []byte         // head and body as they go to the wire
}

// maxOut is the largest out that is kept for the next response.
const maxOut = 16 << 10

type buffers struct{ pool sync.Pool }

func (p *buffers) get() *buffer {
	if b, ok := p.pool.Get().(*buffer); ok {
		return b
	}
	return &buffer{out: make([]byte, 0, 2*gathered)}
}

func (p *buffers) put(b *buffer) {
	if cap(b.out) > maxOut {
		return
	}
	b.out = b.out[:0]
	p.pool.Put(b)
}
