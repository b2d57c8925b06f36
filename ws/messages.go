package ws

import (
	"context"
	"iter"
)

// Messages returns the messages as they come, for a handler that holds a
// goroutine (often Open itself, which may block) and for clients. It ends with
// the connection: silently when either side left normally (1000, 1001 or no
// code), and otherwise with the cause. Leaving the loop leaves the connection
// open and the next message waiting; one loop at a time.
//
// It panics when the Handler has a Message callback.
func (c *Conn) Messages() iter.Seq2[Message, error] {
	if c.h.Message != nil {
		panic("ws: Messages on a connection whose Handler has Message; use one of them")
	}
	c.claimed.Store(true)
	return func(yield func(Message, error) bool) {
		for {
			select {
			case m := <-c.incoming:
				if !yield(m, nil) {
					return
				}
			case <-c.ctx.Done():
				if cause := context.Cause(c.ctx); !normal(cause) {
					yield(Message{}, cause)
				}
				return
			}
		}
	}
}
