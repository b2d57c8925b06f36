package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/galeweb/gale/internal/assert"
)

// follower is a client that keeps account of what it has seen, as clients do.
type follower struct {
	c     *fakeClient
	at    Position
	begun bool
	seen  int
	lost  int // how often it was told to load afresh
	fault string
}

func (f *follower) connect(t testing.TB, h *Hub) {
	f.c = newFakeClient(t, h, context.Background())
	if f.begun {
		f.c.say("{'type':'subscribe','topic':'n','epoch':'%s','offset':%d}", f.at.Epoch, f.at.Offset)
	} else {
		f.c.say("{'type':'subscribe','topic':'n'}")
	}
}

// follow takes in what came. A message that came twice, or a gap of which it was
// not told, is a fault.
func (f *follower) follow() {
	for _, data := range f.c.link.take() {
		var m struct {
			Type, Epoch, Code string
			Offset, Missed    uint64
			Recovered         *bool
			Items             []struct {
				Offset uint64
				Data   int
			}
		}
		if err := json.Unmarshal([]byte(data), &m); err != nil {
			f.fault = err.Error()
			return
		}
		switch m.Type {
		case "subscribed":
			switch {
			case m.Recovered != nil && !*m.Recovered:
				f.lost++
			case f.begun && (m.Epoch != f.at.Epoch || m.Offset != f.at.Offset):
				f.fault = fmt.Sprintf("resumes at %s %d, not at %v", m.Epoch, m.Offset, f.at)
			}
			f.begun = true
			f.at = Position{m.Epoch, m.Offset}
		case "messages":
			for i, it := range m.Items {
				gap := it.Offset - f.at.Offset - 1
				if m.Epoch != f.at.Epoch || it.Offset <= f.at.Offset || gap > 0 && (i > 0 || gap != m.Missed) {
					f.fault = fmt.Sprintf("after %v comes %s", f.at, data)
				}
				f.at.Offset = it.Offset
				f.seen++
			}
		case "error":
			f.begun = f.begun && m.Code == "unavailable"
		}
	}
}

// TestPropertyNothingIsLostSilently: whatever a broker drops, loses and forgets,
// and whoever comes and goes meanwhile, each client has each message once, or
// is told that some are missing. With history enough, none is.
func TestPropertyNothingIsLostSilently(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		history := rapid.SampledFrom([]int{0, 3, 10_000}).Draw(rt, "history")
		steps := rapid.SliceOfN(rapid.SampledFrom([]string{
			"publish", "publish", "publish batch", "drop", "lose", "return", "forget", "connect", "reconnect", "settle",
			"amid loss", "amid drop", "amid flood", "amid forgetting",
		}), 1, 60).Draw(rt, "steps")
		fault := ""
		synctest.Test(t, func(t *testing.T) { fault = runFaulty(t, history, steps) })
		if fault != "" {
			rt.Fatal(fault)
		}
	})
}

func runFaulty(t *testing.T, history int, steps []string) (fault string) {
	b := newFlaky()
	h := New(Options{Broker: b, DrainOver: -1})
	topic := NewTopic(h, "n", TopicOptions[int]{Authorize: AllowAll, History: history, Queue: 100_000})
	forgot := false
	n := 0
	var mu sync.Mutex
	publish := func(count int) {
		mu.Lock()
		defer mu.Unlock()
		// Another node publishes, whose connection stands.
		entries := make([]Entry, count)
		for i := range entries {
			n++
			entries[i].Data = fmt.Append(nil, n)
		}
		_, err := b.inner.Publish(t.Context(), topic.stream("n"), Publication{Count: count, Encode: func() ([]Entry, error) { return entries, nil }})
		assert.NoError(t, err)
	}
	followers := []*follower{{}}
	followers[0].connect(t, h)
	local, err := topic.Subscribe(t.Context(), "n", SubscribeOptions{})
	assert.NoError(t, err)
	inside := make(chan string, 1)
	go func() { inside <- followLocal(local) }()
	for _, step := range steps {
		switch step {
		case "publish":
			publish(1)
		case "publish batch":
			publish(3)
		case "drop":
			b.dropNext(2)
		case "lose":
			b.lose(true)
		case "return":
			b.lose(false)
		case "forget":
			if b.isLost() {
				b.forget("n")
				forgot = true
			}
		case "connect":
			f := &follower{}
			f.connect(t, h)
			followers = append(followers, f)
		case "reconnect":
			f := followers[len(followers)/2]
			f.follow()
			f.c.hang()
			f.connect(t, h)
		case "amid loss":
			b.amid(func() { b.lose(true); publish(2); b.lose(false); time.Sleep(time.Second); publish(1) })
		case "amid drop":
			b.amid(func() { publish(1); b.dropNext(1); publish(1); publish(1) })
		case "amid flood":
			b.amid(func() { publish(maxJoining + 1) })
		case "amid forgetting":
			forgot = true
			b.amid(func() { b.lose(true); b.forget("n"); publish(1); b.lose(false); publish(1) })
		case "settle":
			time.Sleep(time.Minute)
		}
		for _, f := range followers {
			f.follow()
		}
	}
	// In the end the broker is there, and one message shows what was dropped.
	b.lose(false)
	b.dropNext(-1 << 30)
	time.Sleep(time.Minute)
	for _, f := range followers {
		if f.follow(); !f.begun { // the broker was lost when it asked
			f.c.hang()
			f.connect(t, h)
		} else if s := f.c.lookup("n"); s == nil {
			f.c.hang()
			f.connect(t, h)
		}
	}
	publish(1)
	time.Sleep(time.Minute)
	top, err := b.inner.History(t.Context(), topic.stream("n"), nil, 0)
	assert.NoError(t, err)
	clients := make([]*fakeClient, 0, len(followers))
	for i, f := range followers {
		f.follow()
		switch {
		case f.fault != "":
			fault = fmt.Sprintf("client %d: %s", i, f.fault)
		case f.at != top.Top:
			fault = fmt.Sprintf("client %d stands at %v, the stream at %v", i, f.at, top.Top)
		case history > 1000 && !forgot && f.lost > 0:
			fault = fmt.Sprintf("client %d was told of a loss that there was not", i)
		}
		clients = append(clients, f.c)
	}
	local.Close()
	if err := <-inside; err != "" {
		fault = "in the process: " + err
	}
	drain(t, h, clients...)
	return fault
}

// followLocal is follower in the process.
func followLocal(s *Subscription[int]) (fault string) {
	at, gap := s.Start, false
	for e, err := range s.Messages() {
		switch {
		case errors.Is(err, ErrGap):
			gap = true
			continue
		case err != nil:
			return err.Error()
		case gap:
		case e.Position.Epoch != at.Epoch || e.Position.Offset != at.Offset+1:
			fault = fmt.Sprintf("after %v comes %v", at, e.Position)
		}
		at, gap = e.Position, false
	}
	return fault
}

// TestGapIsToldAtOnce: without a message to come, clients hear that the broker
// lost some.
func TestGapIsToldAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newFlaky()
		h := New(Options{Broker: b})
		plain := NewTopic(h, "plain", TopicOptions[int]{Authorize: AllowAll})
		NewTopic(h, "quiet", TopicOptions[int]{Authorize: AllowAll})
		c := newFakeClient(t, h, t.Context())
		c.say("{'type':'subscribe','topic':'plain'}")
		c.say("{'type':'subscribe','topic':'quiet'}")
		c.heard(t, "{'type':'subscribed','topic':'plain','epoch':'~','offset':0}", "{'type':'subscribed','topic':'quiet','epoch':'~','offset':0}")
		b.lose(true)
		_, err := b.inner.Publish(t.Context(), plain.stream("plain"), publication("1"))
		assert.NoError(t, err)
		b.lose(false)
		time.Sleep(time.Minute)
		c.heard(t, "{'type':'subscribed','topic':'plain','epoch':'~','offset':1,'recovered':false}")
		drain(t, h, c)
	})
}

// TestHeldBackWhileRecovering: more comes than is held back, and nothing of it
// is lost or comes twice.
func TestHeldBackWhileRecovering(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newFlaky()
		h := New(Options{Broker: b})
		topic := NewTopic(h, "n", TopicOptions[int]{Authorize: AllowAll, History: maxHeld * 3, Queue: maxHeld * 3})
		f := &follower{}
		f.connect(t, h)
		b.lose(true)
		for range maxHeld + 10 {
			_, err := b.inner.Publish(t.Context(), topic.stream("n"), publication("1"))
			assert.NoError(t, err)
		}
		b.mu.Lock()
		b.lost = false // deliveries come before the notice
		b.mu.Unlock()
		for range maxHeld + 10 {
			_, err := b.inner.Publish(t.Context(), topic.stream("n"), publication("1"))
			assert.NoError(t, err)
		}
		time.Sleep(time.Minute)
		f.follow()
		assert.Equal(t, f.fault, "")
		assert.Equal(t, f.lost, 0)
		assert.Equal(t, f.seen, 2*(maxHeld+10))
		drain(t, h, f.c)
	})
}
