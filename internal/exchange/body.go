package exchange

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/galeweb/gale/internal/http1"
)

// maxUnread is how many bytes of an unread body the server reads off so that
// the connection can be kept; net/http's number.
const maxUnread = 256 << 10

// source is where body bytes come from: the wire, or, once the connection is
// hijacked, the reader that the handler has.
type source interface {
	Buffered() []byte
	Discard(n int)
	Fill() error
}

// body is Request.Body.
type body struct {
	x *Exchange
	// answer is whether the client still waits for 100 Continue. It is
	// cleared under the response's lock.
	answer atomic.Bool
	// tooLarge is whether more came than a limit allows.
	tooLarge atomic.Bool

	mu      sync.Mutex // guards what follows
	src     source     // nil once the exchange is over
	chunks  *http1.Chunked
	remain  int64 // of a Content-Length
	taken   int64
	limit   int64 // none when <= 0
	expects bool  // Expect: 100-continue
	eof     bool
	closed  bool
	early   bool  // closed before its end
	err     error // sticky
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.answer.Load() && b.wanted() {
		b.x.w.sendContinue()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.src == nil {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.read(p)
}

// wanted is whether a read would ask the client for more of the body.
func (b *body) wanted() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.closed && b.err == nil && !b.eof && !b.over()
}

// over is whether the declared length alone is past the limit.
func (b *body) over() bool { return b.limit > 0 && b.chunks == nil && b.taken+b.remain > b.limit }

func (b *body) read(p []byte) (n int, err error) {
	switch {
	case b.err != nil:
		return 0, b.err
	case b.eof:
		return 0, io.EOF
	case b.over():
		return 0, b.refuse()
	case len(p) == 0:
		return 0, nil
	case b.chunks == nil:
		n, err = b.readLength(p)
	default:
		n, err = b.readChunks(p)
	}
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

// refuse fails the body for good because it is too large.
func (b *body) refuse() error {
	b.tooLarge.Store(true)
	b.err = &http.MaxBytesError{Limit: b.limit}
	return b.err
}

func (b *body) readLength(p []byte) (int, error) {
	buf, err := b.wait()
	if err != nil {
		return 0, err
	}
	n := copy(p[:min(int64(len(p)), b.remain)], buf)
	b.src.Discard(n)
	b.remain -= int64(n)
	b.taken += int64(n)
	if b.remain == 0 {
		b.eof = true
		b.x.bodyEnded()
		return n, io.EOF
	}
	return n, nil
}

// wait returns what is there, and waits when that is nothing.
func (b *body) wait() ([]byte, error) {
	for {
		if buf := b.src.Buffered(); len(buf) > 0 {
			return buf, nil
		}
		if err := b.src.Fill(); err != nil {
			b.x.ctx.cancel(err)
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

func (b *body) readChunks(p []byte) (int, error) {
	if b.limit > 0 {
		left := b.limit - b.taken
		if left <= 0 {
			return 0, b.expectEnd()
		}
		p = p[:min(int64(len(p)), left)]
	}
	n, err := b.decode(p)
	b.taken += int64(n)
	return n, err
}

// expectEnd is for a body that is as long as it may be: it returns io.EOF when
// nothing more comes.
func (b *body) expectEnd() error {
	var one [1]byte
	n, err := b.decode(one[:])
	if n > 0 {
		return b.refuse()
	}
	return err
}

// decode returns at least one byte or an error.
func (b *body) decode(p []byte) (int, error) {
	for {
		buf, err := b.wait()
		if err != nil {
			return 0, err
		}
		n, used, done, bad := b.chunks.Decode(p, buf)
		b.src.Discard(used)
		switch {
		case bad != nil:
			return n, bad
		case done:
			b.eof = true
			b.x.bodyEnded()
			b.setTrailer()
			return n, io.EOF
		case n > 0:
			return n, nil
		}
	}
}

// setTrailer puts the trailer that came into the request.
func (b *body) setTrailer() {
	t := b.chunks.Trailer()
	switch {
	case t == nil:
	case b.x.req.Trailer == nil:
		b.x.req.Trailer = t
	default:
		for k, v := range t {
			b.x.req.Trailer[k] = v
		}
	}
}

// Close implements io.Closer. It reads the rest of the body off when that is
// little, so that the connection can be kept; but it does not wait for a client
// that waits for 100 Continue.
func (b *body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.src == nil {
		return nil
	}
	var err error
	if !b.eof && !b.expects && (b.chunks != nil || b.remain <= maxUnread) {
		err = b.readOff(maxUnread)
	}
	b.early = !b.eof
	b.closed = true
	return err
}

// readOff drops what is left of the body, up to limit bytes. Whether it came to
// the end is in b.eof.
func (b *body) readOff(limit int) error {
	if b.err != nil || b.over() {
		return b.err
	}
	buf := b.x.cfg.buffers.get()
	defer b.x.cfg.buffers.put(buf)
	for left := limit; left > 0; {
		n, err := b.read(buf.data[:min(len(buf.data), left)])
		left -= n
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// settle readies the input for the next request before the head of the
// response is sent: it reads the unread body off, so that a client which sends
// all of its request before it reads does not wait for ever. It returns
// whether that went well, and whether the body was too large for it.
func (b *body) settle() (settled, large bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.src == nil:
		return false, false
	case b.closed || b.expects:
		return b.eof, false
	case b.chunks == nil && b.remain >= maxUnread:
		return false, true
	case !b.eof:
		if b.readOff(maxUnread+1) != nil {
			return false, false
		}
		if !b.eof {
			return false, true
		}
	}
	b.closed = true
	return true, false
}

// release cuts the body off from the wire. It returns whether the input stands
// at the next request, and otherwise whether there may be more input.
func (b *body) release() (atEnd, more bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.x.outcome.BodyError = b.err
	if w, ok := b.src.(Wire); ok {
		more = w.Unfilled() && (!b.eof || len(w.Buffered()) > 0)
	}
	b.src = nil
	return b.eof && !b.early, more
}
