package hub

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/obs"
)

const (
	// stallTimeout is how long a reader may take nothing of what is written.
	stallTimeout = 10 * time.Second
	// maxToken is the length of the longest resume token; a longer one would
	// not pass as a header everywhere.
	maxToken = 4 << 10
)

// stream is a response of server-sent events.
type stream struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	box   *mailbox
	c     *client
	marks marks
	buf   bytes.Buffer
}

// serveStream sends events until either side ends. When subscriptions change,
// the client opens another stream.
func (h *Hub) serveStream(ctx context.Context, w http.ResponseWriter, r *http.Request, who *visitor, sub string) error {
	if len(sub) > maxSubURL {
		sub = ""
	}
	subs, err := parseSubs([]byte(sub))
	if err != nil {
		return err
	}
	resume(subs, r.Header.Values("Last-Event-ID"))
	obs.LongLived(ctx)
	box := newMailbox(ctx, r)
	defer box.cancel()
	c, err := h.admitHTTP(box, transportSSE, who)
	if err != nil {
		return errTryLater
	}
	defer c.end()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // or nginx would hold events back
	s := &stream{w: w, rc: http.NewResponseController(w), box: box, c: c, marks: make(marks)}
	s.buf.WriteString(": gale\n\n") // so that the head goes out
	for _, sub := range subs {
		c.subscribe(sub)
		if s.pump() != nil {
			return nil // the client has gone, or does not read: nothing can be told
		}
	}
	if s.run(ctx) == nil {
		_ = s.rc.SetWriteDeadline(time.Time{}) // the next request has its own
	}
	return nil
}

// admitHTTP takes in a client whose requests say who he is.
func (h *Hub) admitHTTP(l link, kind transport, who *visitor) (*client, error) {
	c, err := h.admit(l, kind, true)
	if err == nil && who != nil {
		c.mu.Lock()
		c.who = who
		c.mu.Unlock()
	}
	return c, err
}

func (s *stream) run(ctx context.Context) error {
	beat := time.NewTicker(s.c.h.o.Heartbeat)
	defer beat.Stop()
	draining := engine.Draining(ctx)
	var leave <-chan time.Time
	for {
		err := s.pump()
		if err != nil || s.box.isClosed() {
			return err
		}
		select {
		case <-s.box.wake:
			beat.Reset(s.c.h.o.Heartbeat)
		case <-beat.C:
			s.buf.WriteString(": hb\n\n")
		case <-draining:
			// Drain may be on its way; whoever has no Drain ends here, spread too.
			draining = nil
			timer := time.NewTimer(rand.N(max(s.c.h.o.DrainOver, 1)))
			defer timer.Stop()
			leave = timer.C
		case <-leave:
			s.c.restart()
		case <-ctx.Done():
			return nil
		case <-s.c.h.ctx.Done():
			return nil
		}
	}
}

// pump writes what there is, until nothing is left.
func (s *stream) pump() error {
	for {
		messages := s.box.take(s.c)
		for _, m := range messages {
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
	if s.buf.Reset(); s.buf.Cap() > linkBytes {
		s.buf = bytes.Buffer{}
	}
	return s.rc.Flush()
}

// event appends m. A line break in it, which JSON allows between its tokens,
// would end the event's line.
func (s *stream) event(m *message) {
	if m.after > 0 {
		s.buf.WriteString("retry: " + strconv.FormatInt(m.after.Milliseconds(), 10) + "\n")
	}
	s.buf.WriteString("data: ")
	for _, c := range m.data {
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

// marks are the positions to which a client was brought, by topic.
type marks map[string]Position

// note reports whether m moves one.
func (p marks) note(m *message) bool {
	if m.topic == "" {
		return false
	}
	if m.at.Epoch == "" {
		delete(p, m.topic)
	} else {
		p[m.topic] = m.at
	}
	return true
}

// token is an opaque text from which resume can go on: {topic: [epoch, offset]}.
func (p marks) token() string {
	plain := make(map[string][2]any, len(p))
	for topic, at := range p {
		plain[topic] = [2]any{at.Epoch, at.Offset}
	}
	data, _ := json.Marshal(plain) // texts and numbers always encode
	return base64.RawURLEncoding.EncodeToString(data)
}

// foreign is an epoch that no broker has.
const foreign = "-"

// resume sets the positions of subs to those of the token in ids, if there is
// one. Where it makes no sense they become one that cannot be recovered, so
// that the client hears that it has lost messages.
func resume(subs []request, ids []string) {
	if len(ids) == 0 || ids[0] == "" {
		return
	}
	var plain map[string]jsontext.Value
	data, err := base64.RawURLEncoding.DecodeString(ids[0])
	bad := err != nil || json.Unmarshal(data, &plain) != nil
	for i := range subs {
		at, ok := plain[subs[i].Topic]
		if !ok && !bad {
			continue // it has no positions, or begins only now
		}
		var pair [2]jsontext.Value
		var epoch string
		var offset uint64
		if json.Unmarshal(at, &pair) != nil || json.Unmarshal(pair[0], &epoch) != nil || json.Unmarshal(pair[1], &offset) != nil || epoch == "" {
			epoch, offset = foreign, 0
		}
		subs[i].Epoch, subs[i].Offset = epoch, offset
	}
}
