package exchange

import (
	"net/http"
	"sync"
)

const (
	// gathered is how many bytes of a response body are gathered before the
	// head is sent, or a chunk; net/http's number.
	gathered = 2 << 10
	// maxOut is the largest buffer.out that is kept for the next response.
	maxOut = 16 << 10
	// maxFields is the largest buffer.header that is kept.
	maxFields = 32
)

// buffer is room for the start of a response. No handler ever sees it.
type buffer struct {
	data   [gathered]byte // body bytes that wait
	out    []byte         // head and body as they go to the wire
	header http.Header    // as it was when the status was set
	values []string       // of header
}

// snapshot copies h.
func (b *buffer) snapshot(h http.Header) {
	if b.header == nil {
		b.header = make(http.Header, len(h))
	}
	for key, values := range h {
		if len(values) == 0 {
			b.header[key] = nil
			continue
		}
		start := len(b.values)
		b.values = append(b.values, values...)
		b.header[key] = b.values[start:len(b.values):len(b.values)]
	}
}

// buffers hands out buffers to responses and takes them back.
type buffers struct{ pool sync.Pool }

func (p *buffers) get() *buffer {
	if b, ok := p.pool.Get().(*buffer); ok {
		return b
	}
	return &buffer{out: make([]byte, 0, 2*gathered)}
}

func (p *buffers) put(b *buffer) {
	if cap(b.out) > maxOut || cap(b.values) > maxFields || len(b.header) > maxFields {
		return
	}
	clear(b.header)
	clear(b.values)
	b.out, b.values = b.out[:0], b.values[:0]
	p.pool.Put(b)
}
