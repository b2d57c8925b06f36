// Package waitbody limits how long one read of a request body may wait.
package waitbody

import (
	"io"
	"os"
	"sync/atomic"
	"time"
)

// New returns body with a limit of how long a read of it may wait, for bodies
// that may be closed beside a read, such as those of HTTP/2. A read deadline
// would do, but is the handler's to set. expired is called once, when the limit
// was broken; reads then fail with os.ErrDeadlineExceeded.
func New(body io.ReadCloser, most time.Duration, expired func()) io.ReadCloser {
	return &waitBody{ReadCloser: body, most: most, expired: expired}
}

type waitBody struct {
	io.ReadCloser
	most    time.Duration
	expired func()
	timer   *time.Timer
	late    atomic.Bool
}

// Read implements io.Reader.
func (b *waitBody) Read(p []byte) (int, error) {
	if b.timer == nil {
		b.timer = time.AfterFunc(b.most, b.expire)
	} else {
		b.timer.Reset(b.most)
	}
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	if err != nil && err != io.EOF && b.late.Load() {
		err = os.ErrDeadlineExceeded
	}
	return n, err
}

func (b *waitBody) expire() {
	if !b.late.Swap(true) {
		b.expired()
		_ = b.Close()
	}
}
