package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/galeweb/gale/obs"
)

// The flush policy of [NDJSON]: a line waits no longer than flushAfter, which
// people do not notice, and lines in a hurry share writes of flushBytes.
const (
	flushAfter = 100 * time.Millisecond
	flushBytes = 16 << 10
)

// NDJSON streams seq as newline-delimited JSON (application/x-ndjson), one line
// for each value, at constant memory: seq is asked for the next value only
// when the client has taken what came before, save some 16 KiB. A line is
// flushed within 100 ms, sooner when 16 KiB have gathered, so that seq may also
// be a live feed; while one is flushed by the clock, seq may be running, and
// must not touch w.
//
// An error of seq or of encoding ends the stream and is returned. When nothing
// was sent yet it is an ordinary error response; otherwise [Fail] cuts the
// connection, so that the client does not take the part for the whole. The
// same goes for the cancellation of the request, which is looked at between
// values; a seq that waits must watch the context itself. A stream that takes
// longer than the server's write timeout needs a later deadline, by
// [http.ResponseController]. The request counts as [obs.LongLived].
func NDJSON[T any](w http.ResponseWriter, r *http.Request, seq iter.Seq2[T, error]) error {
	obs.LongLived(r.Context())
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	s := &lineWriter{w: w, buf: new(bytes.Buffer)}
	s.timer = time.AfterFunc(time.Hour, s.flushLate)
	s.timer.Stop()
	defer s.close()
	ctx := r.Context()
	var line T // One variable, so that the values do not each go to the heap.
	for v, err := range seq {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		line = v
		if err := s.add(&line); err != nil {
			return err
		}
	}
	return s.end()
}

// lineWriter gathers lines. Its timer writes from a goroutine of its own, under
// mu, and not after close.
type lineWriter struct {
	w     http.ResponseWriter
	timer *time.Timer

	mu      sync.Mutex
	buf     *bytes.Buffer
	waiting bool // the timer is set
	closed  bool
	err     error // of an earlier flush
}

func (s *lineWriter) add(v any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	if err := json.MarshalWrite(s.buf, v); err != nil {
		return fmt.Errorf("web: encode %T: %w", v, err)
	}
	s.buf.WriteByte('\n')
	if s.buf.Len() >= flushBytes {
		return s.flush()
	}
	if !s.waiting {
		s.waiting = true
		s.timer.Reset(flushAfter)
	}
	return nil
}

// flush sends what has gathered. The caller holds mu.
func (s *lineWriter) flush() error {
	if s.buf.Len() == 0 {
		return nil
	}
	if _, s.err = s.w.Write(s.buf.Bytes()); s.err != nil {
		return s.err
	}
	s.buf.Reset()
	if err := http.NewResponseController(s.w).Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		s.err = err
	}
	return s.err
}

func (s *lineWriter) flushLate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = false
	if !s.closed && s.err == nil {
		_ = s.flush() // Kept in err, for add and end.
	}
}

// end sends the rest. An empty stream is an empty body.
func (s *lineWriter) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	_, err := s.w.Write(s.buf.Bytes())
	return err
}

// close waits for a flush that is under way, and lets no other begin.
func (s *lineWriter) close() {
	s.timer.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}
