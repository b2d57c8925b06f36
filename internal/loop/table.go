//go:build linux

package loop

import "sync/atomic"

// table finds connections by descriptor. It grows by chunks, since descriptors
// are small numbers but their limit may be a billion.
type table struct {
	chunks [maxFDs / chunkFDs]atomic.Pointer[chunk]
}

const (
	chunkFDs = 1 << 12
	maxFDs   = 1 << 24 // 16 million; accept refuses what is beyond
)

type chunk [chunkFDs]atomic.Pointer[Conn]

func (t *table) put(c *Conn) {
	slot := &t.chunks[c.fd/chunkFDs]
	for slot.Load() == nil {
		slot.CompareAndSwap(nil, new(chunk))
	}
	slot.Load()[c.fd%chunkFDs].Store(c)
}

func (t *table) remove(c *Conn) {
	t.chunks[c.fd/chunkFDs].Load()[c.fd%chunkFDs].CompareAndSwap(c, nil)
}

// get returns the connection that an event speaks of, or nil when that has been
// closed since and its descriptor, perhaps, given to another.
func (t *table) get(fd int32, gen uint32) *Conn {
	chunk := t.chunks[fd/chunkFDs].Load()
	if chunk == nil {
		return nil
	}
	c := chunk[fd%chunkFDs].Load()
	if c == nil || c.gen != gen {
		return nil
	}
	return c
}

// all calls yield for every connection.
func (t *table) all(yield func(*Conn)) {
	for i := range t.chunks {
		chunk := t.chunks[i].Load()
		if chunk == nil {
			continue
		}
		for j := range chunk {
			if c := chunk[j].Load(); c != nil {
				yield(c)
			}
		}
	}
}
