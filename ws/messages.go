package ws

import (
	"context"
	"io"
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
	in := c.claim("Messages")
	return func(yield func(Message, error) bool) {
		for {
			m, err := in.message()
			if err != nil {
				if !normal(err) {
					yield(Message{}, err)
				}
				return
			}
			if !yield(m, nil) {
				return
			}
		}
	}
}

// message returns the next message, whole.
func (in *intake) message() (Message, error) {
	m, err := in.next(context.Background(), int64(in.c.h.readLimit()))
	if err != nil {
		return Message{}, err
	}
	data, err := m.all()
	return Message{Binary: m.binary, Data: data}, err
}

// NextReader waits for the next message and returns a reader of it, for messages
// that are too large to be held, in the same places as [Conn.Messages]. What
// was not read of the message before is skipped. The reader returns io.EOF at
// the end of the message, checks text as it comes, and closes the connection
// when there is more than [Handler.StreamLimit]. ctx bounds the wait, and that
// of the reader. When the connection has ended the error is the cause, also
// where the peer has left normally.
//
// It panics when the Handler has a Message callback.
func (c *Conn) NextReader(ctx context.Context) (binary bool, r io.Reader, err error) {
	m, err := c.claim("NextReader").next(ctx, int64(c.h.streamLimit()))
	if err != nil {
		return false, nil, err
	}
	return m.binary, m, nil
}
