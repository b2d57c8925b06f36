package mailbox_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/mailbox"
)

// fake is a client whose subscriptions answer with their positions.
type fake struct {
	box *mailbox.Box

	mu       sync.Mutex
	subs     map[string]bool
	writable int
	log      string
}

func newFake(b *mailbox.Box) *fake { return &fake{box: b, subs: make(map[string]bool)} }

func (f *fake) Subscribe(s mailbox.Sub) {
	f.mu.Lock()
	f.subs[s.Topic] = true
	f.log += "+" + s.Topic
	f.mu.Unlock()
	f.send(s.Topic, "subscribed", s.At.Offset)
}

func (f *fake) Has(topic string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.subs[topic]
}

func (f *fake) Leave(topic string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.subs, topic)
	f.log += "-" + topic
}

func (f *fake) Writable() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writable++
}

func (f *fake) Restart() {
	f.box.Send(&mailbox.Message{Data: []byte(`"restart"`), After: 1500 * time.Millisecond})
	f.box.Close()
}

func (f *fake) did() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	log := f.log
	f.log = ""
	return log
}

func (f *fake) send(topic, data string, offset uint64) bool {
	return f.box.Send(&mailbox.Message{Data: []byte(`"` + data + `"`), Topic: topic, At: mailbox.Mark{Epoch: "e", Offset: offset}})
}

func TestParseSubs(t *testing.T) {
	t.Parallel()
	subs, err := mailbox.ParseSubs([]byte(`[{"type":"subscribe","topic":"a","epoch":"e","offset":3},{"type":"subscribe","topic":"b","recent":2,"presence":true}]`), 2)
	assert.NoError(t, err)
	assert.Equal(t, subs, []mailbox.Sub{{Topic: "a", At: mailbox.Mark{Epoch: "e", Offset: 3}}, {Topic: "b", Recent: 2, Presence: true}})
	for _, bad := range []string{
		`{}`, `[1]`, `[{"type":"ping"}]`, `[{"type":"subscribe","topic":"a","more":1}]`, `[{"type":"subscribe","recent":-1}]`,
		`[{"type":"subscribe","offset":-1}]`, `[` + strings.Repeat(`{"type":"subscribe"},`, 2) + `{"type":"subscribe"}]`,
	} {
		_, err := mailbox.ParseSubs([]byte(bad), 2)
		assert.True(t, err != nil, bad)
	}
}

// FuzzResume: whatever a token says, it does no more than choose positions.
func FuzzResume(f *testing.F) {
	for _, seed := range []string{"", "x", "e30", "eyJhIjpbImUiLDNdfQ", "eyJhIjpbImUiLC0xXX0", "bnVsbA", strings.Repeat("A", 1000)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		subs := []mailbox.Sub{{Topic: "a", At: mailbox.Mark{Epoch: "own", Offset: 1}}}
		mailbox.Resume(subs, token)
		assert.Equal(t, subs[0].Topic, "a")
		assert.True(t, subs[0].At.Epoch != "", "never nowhere, which would hide a loss")
	})
}

// writer is a response that somebody reads, or does not.
type writer struct {
	header   http.Header
	mu       sync.Mutex
	body     strings.Builder
	deadline time.Time
	blocked  bool
}

func (w *writer) Header() http.Header { return w.header }
func (w *writer) WriteHeader(int)     {}
func (w *writer) FlushError() error   { return nil }

func (w *writer) SetWriteDeadline(at time.Time) error {
	w.deadline = at
	return nil
}

func (w *writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	blocked := w.blocked
	w.mu.Unlock()
	if blocked {
		time.Sleep(time.Until(w.deadline))
		return 0, errors.New("deadline exceeded")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.body.Write(p)
}

func (w *writer) take() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	body := w.body.String()
	w.body.Reset()
	return body
}

func TestStream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, hangUp := context.WithCancel(t.Context())
		box := mailbox.NewBox(ctx, "peer")
		c := newFake(box)
		w := &writer{header: make(http.Header)}
		over := make(chan struct{})
		go func() {
			defer close(over)
			mailbox.Stream(ctx, w, box, c, []mailbox.Sub{{Topic: "a"}}, mailbox.StreamOptions{Heartbeat: 25 * time.Second})
		}()
		synctest.Wait()
		assert.Equal(t, w.take(), ": gale\n\ndata: \"subscribed\"\nid: eyJhIjpbImUiLDBdfQ\n\n")
		box.Send(&mailbox.Message{Data: []byte("[1,\n\r2]")})
		synctest.Wait()
		assert.Equal(t, w.take(), "data: [1,  2]\n\n")
		time.Sleep(24 * time.Second)
		assert.Equal(t, w.take(), "")
		time.Sleep(2 * time.Second)
		assert.Equal(t, w.take(), ": hb\n\n")

		// Who reads nothing is cut off, and holds no more than a box meanwhile.
		w.mu.Lock()
		w.blocked = true
		w.mu.Unlock()
		sent := 0
		for range 10 * mailbox.MaxMessages {
			if c.send("a", "x", 1) {
				sent++
			}
			synctest.Wait()
		}
		assert.Equal(t, sent, 1+mailbox.MaxMessages)
		time.Sleep(9 * time.Second)
		select {
		case <-over:
			t.Error("cut off too soon")
		default:
		}
		time.Sleep(2 * time.Second)
		<-over
		hangUp()
	})
}

// TestStreamEnds: by a close after what came before, with the hint; and by the
// end of the connection.
func TestStreamEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		box := mailbox.NewBox(t.Context(), "peer")
		c := newFake(box)
		w := httptest.NewRecorder()
		c.send("a", "before", 1)
		c.Restart()
		c.send("a", "after", 2)
		mailbox.Stream(t.Context(), w, box, c, nil, mailbox.StreamOptions{Heartbeat: time.Second})
		assert.Equal(t, w.Body.String(), ": gale\n\ndata: \"before\"\nid: eyJhIjpbImUiLDFdfQ\n\nretry: 1500\ndata: \"restart\"\n\n")

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		box = mailbox.NewBox(ctx, "peer")
		mailbox.Stream(ctx, httptest.NewRecorder(), box, newFake(box), nil, mailbox.StreamOptions{Heartbeat: time.Second})
		done := make(chan struct{})
		close(done)
		mailbox.Stream(t.Context(), httptest.NewRecorder(), mailbox.NewBox(t.Context(), ""), newFake(box), nil, mailbox.StreamOptions{Heartbeat: time.Second, Done: done})
	})
}

// TestLongTokenIsLeftOut: 128 topics with long names do not make each event
// tens of kilobytes.
func TestLongTokenIsLeftOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		box := mailbox.NewBox(t.Context(), "peer")
		c := newFake(box)
		w := httptest.NewRecorder()
		for i := range 60 {
			c.send(fmt.Sprint(strings.Repeat("x", 190), i), "m", 1)
		}
		box.Close()
		mailbox.Stream(t.Context(), w, box, c, nil, mailbox.StreamOptions{Heartbeat: time.Second})
		assert.Equal(t, strings.Count(w.Body.String(), "data:"), 60)
		ids := strings.Count(w.Body.String(), "id:")
		assert.True(t, ids > 5 && ids < 30, fmt.Sprint(ids, " events have an id"))
	})
}

type pollClient struct {
	t     *testing.T
	polls *mailbox.Polls
	last  *fake // that was opened
	ended atomic.Int32
}

func newPollClient(t *testing.T) *pollClient {
	p := &pollClient{t: t}
	p.polls = &mailbox.Polls{
		Open: func(b *mailbox.Box) (mailbox.Client, error) {
			p.last = newFake(b)
			return p.last, nil
		},
		End: func(mailbox.Client) { p.ended.Add(1) },
	}
	return p
}

func (p *pollClient) ask(ctx context.Context, id string, mine bool, subs ...mailbox.Sub) string {
	p.t.Helper()
	answer, err := p.polls.Serve(ctx, id, func(mailbox.Client) bool { return mine }, mailbox.NewBox(p.t.Context(), "peer"), subs)
	assert.NoError(p.t, err)
	return string(answer)
}

// session takes the id out of a first answer.
func session(t *testing.T, answer string) (id, rest string) {
	t.Helper()
	rest, ok := strings.CutPrefix(answer, `[{"type":"session","id":"`)
	assert.True(t, ok, answer)
	id, rest, _ = strings.Cut(rest, `"}`)
	return id, rest
}

func TestPolls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPollClient(t)
		a, b := mailbox.Sub{Topic: "a"}, mailbox.Sub{Topic: "b"}
		id, rest := session(t, p.ask(t.Context(), "", true, a, b))
		assert.Equal(t, rest, `,"subscribed","subscribed"]`)
		assert.Equal(t, p.last.did(), "+a+b")

		began := time.Now()
		assert.Equal(t, p.ask(t.Context(), id, true, a, b), "[]")
		assert.Equal(t, time.Since(began), 25*time.Second)
		time.AfterFunc(time.Second, func() { p.last.send("a", "one", 1) })
		time.AfterFunc(time.Second+9*time.Millisecond, func() { p.last.send("a", "two", 2) })
		assert.Equal(t, p.ask(t.Context(), id, true, a, b), `["one","two"]`)

		// b is left; a stands where the client does not, so it begins anew.
		p.last.send("a", "three", 3)
		a.At = mailbox.Mark{Epoch: "e", Offset: 1}
		assert.Equal(t, p.ask(t.Context(), id, true, a), `["subscribed"]`)
		assert.Equal(t, p.last.did(), "-b-a+a")
		assert.Equal(t, p.ask(t.Context(), id, true, a), `[]`) // it stands right
		assert.Equal(t, p.last.did(), "")

		// A second request has the first one answer.
		first := make(chan string)
		go func() { first <- p.ask(t.Context(), id, true, a) }()
		synctest.Wait()
		go func() { first <- p.ask(t.Context(), id, true, a) }()
		assert.Equal(t, <-first, "[]")
		p.last.send("a", "four", 4)
		assert.Equal(t, <-first, `["four"]`)

		// One whose client has gone takes nothing with it.
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		p.last.send("a", "five", 5)
		a.At.Offset = 4
		assert.Equal(t, p.ask(gone, id, true, a), "[]")
		assert.Equal(t, p.ask(t.Context(), id, true, a), `["five"]`)

		// Somebody else's session is as good as unknown.
		mine := p.last
		other, _ := session(t, p.ask(t.Context(), id, false, a))
		assert.True(t, other != id && p.last != mine, "a new session")

		// Nobody asks any more.
		time.Sleep(29 * time.Second)
		assert.Equal(t, p.ended.Load(), int32(0))
		time.Sleep(2 * time.Second)
		assert.Equal(t, p.ended.Load(), int32(2))
		assert.True(t, mine.box.Context().Err() != nil, "its context ended")
		again, _ := session(t, p.ask(t.Context(), id, true, a))
		assert.True(t, again != id, "a new session")
		p.last.Restart()
		assert.Equal(t, p.ask(t.Context(), again, true, a)[:20], `[{"type":"session","`)
		time.Sleep(time.Millisecond)
		assert.Equal(t, p.ended.Load(), int32(3)) // the one that was closed did not wait
		time.Sleep(time.Minute)
	})
}

// TestPollsOwesWritable: a full box is emptied into one answer, and whoever fills
// it is told.
func TestPollsOwesWritable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPollClient(t)
		id, _ := session(t, p.ask(t.Context(), "", true))
		sent := 0
		for p.last.send("a", "x", 1) {
			sent++
		}
		assert.Equal(t, sent, mailbox.MaxMessages)
		assert.Equal(t, strings.Count(p.ask(t.Context(), id, true), "x"), sent)
		assert.Equal(t, p.last.writable, 1)
		time.Sleep(time.Minute)
	})
}

func TestPollsRefused(t *testing.T) {
	t.Parallel()
	full := errors.New("full")
	p := &mailbox.Polls{Open: func(*mailbox.Box) (mailbox.Client, error) { return nil, full }}
	b := mailbox.NewBox(t.Context(), "peer")
	_, err := p.Serve(t.Context(), "", nil, b, nil)
	assert.ErrorIs(t, err, full)
	assert.True(t, b.Context().Err() != nil, "nothing stays")
}
