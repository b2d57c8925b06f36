package mailbox

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/galeweb/gale/engine"
)

const (
	// stallTimeout is how long a reader may take nothing of what is written.
	stallTimeout = 10 * time.Second
	// maxToken is the length of the longest resume token; a longer one would
	// not pass as a header everywhere.
	maxToken = 4 << 10
)

// StreamOptions are the options of [Stream].
type StreamOptions struct {
	// Heartbeat is the silence after which a comment is sent.
	Heartbeat time.Duration
	// Spread is how long a stream may go on when the server begins to drain.
	Spread time.Duration
	// Done ends the stream at once.
	Done <-chan struct{}
}

type stream struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	box   *Box
	c     Client
	o     StreamOptions
	marks marks
	buf   bytes.Buffer
}

// Stream subscribes c to subs and sends what comes into b as server-sent events,
// until b is closed and empty, ctx ends, or the client is gone. When the client
// wants other subscriptions it asks for another stream.
func Stream(ctx context.Context, w http.ResponseWriter, b *Box, c Client, subs []Sub, o StreamOptions) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // or nginx would hold events back
	s := &stream{w: w, rc: http.NewResponseController(w), box: b, c: c, o: o, marks: make(marks)}
	s.buf.WriteString(": gale\n\n") // so that the head goes out
	for _, sub := range subs {
		c.Subscribe(sub)
		if s.pump() != nil {
			return
		}
	}
	if s.run(ctx) == nil {
		_ = s.rc.SetWriteDeadline(time.Time{}) // the next request has its own
	}
}

// run returns an error when the client does not take what is written.
func (s *stream) run(ctx context.Context) error {
	beat := time.NewTicker(s.o.Heartbeat)
	defer beat.Stop()
	draining := engine.Draining(ctx)
	var leave <-chan time.Time
	for {
		// Looked at first: what came before the close is still to be written.
		closed := s.box.isClosed()
		if err := s.pump(); err != nil || closed {
			return err
		}
		select {
		case <-s.box.wake:
			beat.Reset(s.o.Heartbeat)
		case <-beat.C:
			s.buf.WriteString(": hb\n\n")
		case <-draining:
			// The hub's Drain may be on its way; without one it ends here.
			draining = nil
			timer := time.NewTimer(rand.N(max(s.o.Spread, 1)))
			defer timer.Stop()
			leave = timer.C
		case <-leave:
			s.c.Restart()
		case <-ctx.Done():
			return nil
		case <-s.o.Done:
			return nil
		}
	}
}

// pump writes what there is, until nothing is left.
func (s *stream) pump() error {
	for {
		for _, m := range s.box.take(s.c) {
			s.event(m)
		}
		if s.buf.Len() == 0 {
			return nil
		}
		if err := s.flush(); err != nil {
			return err
		}
	}
}

func (s *stream) flush() error {
	err := s.rc.SetWriteDeadline(time.Now().Add(stallTimeout))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := s.w.Write(s.buf.Bytes()); err != nil {
		return err
	}
	if s.buf.Reset(); s.buf.Cap() > MaxBytes {
		s.buf = bytes.Buffer{}
	}
	return s.rc.Flush()
}

// event appends m. A line break in it, which JSON allows between its tokens,
// would end the event's line.
func (s *stream) event(m *Message) {
	if m.After > 0 {
		s.buf.WriteString("retry: " + strconv.FormatInt(m.After.Milliseconds(), 10) + "\n")
	}
	s.buf.WriteString("data: ")
	for _, c := range m.Data {
		if c == '\n' || c == '\r' {
			c = ' '
		}
		s.buf.WriteByte(c)
	}
	s.buf.WriteByte('\n')
	if s.marks.note(m) {
		if token := s.marks.token(); len(token) <= maxToken {
			s.buf.WriteString("id: " + token + "\n")
		}
	}
	s.buf.WriteByte('\n')
}
