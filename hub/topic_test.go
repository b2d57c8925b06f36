package hub_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/internal/assert"
)

// take reads n events.
func take[T any](t *testing.T, s *hub.Subscription[T], n int) []hub.Event[T] {
	t.Helper()
	var events []hub.Event[T]
	if n == 0 {
		return nil
	}
	for e, err := range s.Messages() {
		assert.NoError(t, err)
		if events = append(events, e); len(events) == n {
			break
		}
	}
	return events
}

// offsets writes events as "offset" or "offset(missed)".
func offsets[T any](events []hub.Event[T]) string {
	s := ""
	for _, e := range events {
		s += fmt.Sprintf("%d", e.Position.Offset)
		if e.Missed > 0 {
			s += fmt.Sprintf("(%d)", e.Missed)
		}
		s += " "
	}
	return s
}

func TestSubscribe(t *testing.T) {
	t.Parallel()
	h := hub.New(hub.Options{})
	packets := hub.NewTopic(h, "packets/{channel}", hub.TopicOptions[packet]{})
	s, err := packets.Subscribe(t.Context(), "packets/7", hub.SubscribeOptions{})
	assert.NoError(t, err)
	defer s.Close()
	pos, err := packets.PublishBatch(t.Context(), "packets/7", packet{"a", 1}, packet{"b", 2})
	assert.NoError(t, err)
	assert.Equal(t, take(t, s, 2), []hub.Event[packet]{
		{Position: hub.Position{Epoch: s.Start.Epoch, Offset: 1}, Value: packet{"a", 1}},
		{Position: pos, Value: packet{"b", 2}},
	})
	s.Close()
	for range s.Messages() {
		t.Error("an event after Close")
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	packets := hub.NewTopic(hub.New(hub.Options{}), "packets/{channel}", hub.TopicOptions[int]{})
	for _, name := range []string{"", "packets", "packets/", "packets/a b", "packets/1/2", "other/1"} {
		_, err := packets.Publish(t.Context(), name, 1)
		assert.ErrorIs(t, err, hub.ErrName)
		_, err = packets.Subscribe(t.Context(), name, hub.SubscribeOptions{})
		assert.ErrorIs(t, err, hub.ErrName)
		_, err = packets.Position(t.Context(), name)
		assert.ErrorIs(t, err, hub.ErrName)
	}
}

func TestWrongWiring(t *testing.T) {
	t.Parallel()
	h := hub.New(hub.Options{})
	hub.NewTopic(h, "a/{x}", hub.TopicOptions[int]{})
	for want, wire := range map[string]func(){
		"match the same names":   func() { hub.NewTopic(h, "a/b", hub.TopicOptions[int]{}) },
		"Conflate without a Key": func() { hub.NewTopic(h, "b", hub.TopicOptions[int]{Policy: hub.Conflate}) },
		"unknown Policy":         func() { hub.NewTopic(h, "c", hub.TopicOptions[int]{Policy: 7}) },
		"negative":               func() { hub.NewTopic(h, "d", hub.TopicOptions[int]{History: -1}) },
	} {
		assert.Contains(t, fmt.Sprint(assert.Panics(t, wire)), want)
	}
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	key := func(n int) string { return fmt.Sprint(n % 2) }
	for _, c := range []struct {
		name string
		o    hub.TopicOptions[int]
		want string
	}{
		{"drop oldest", hub.TopicOptions[int]{Queue: 3}, "4(3) 5 6 "},
		{"conflate", hub.TopicOptions[int]{Queue: 3, Policy: hub.Conflate, Key: key}, "5(4) 6 "},
		{"close slow", hub.TopicOptions[int]{Queue: 6, Policy: hub.CloseSlow}, "1 2 3 4 5 6 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			topic := hub.NewTopic(hub.New(hub.Options{}), "n", c.o)
			s, err := topic.Subscribe(t.Context(), "n", hub.SubscribeOptions{})
			assert.NoError(t, err)
			defer s.Close()
			for i := range 6 {
				_, err := topic.Publish(t.Context(), "n", i+1)
				assert.NoError(t, err)
			}
			n := 0
			for _, r := range c.want {
				if r == ' ' {
					n++
				}
			}
			assert.Equal(t, offsets(take(t, s, n)), c.want)
		})
	}
}

func TestCloseSlowEnds(t *testing.T) {
	t.Parallel()
	topic := hub.NewTopic(hub.New(hub.Options{}), "n", hub.TopicOptions[int]{Queue: 2, Policy: hub.CloseSlow, History: 10})
	s, err := topic.Subscribe(t.Context(), "n", hub.SubscribeOptions{})
	assert.NoError(t, err)
	_, err = topic.PublishBatch(t.Context(), "n", 1, 2, 3)
	assert.NoError(t, err)
	assert.ErrorIs(t, lastError(s.Messages()), hub.ErrSlow)

	again, err := topic.Subscribe(t.Context(), "n", hub.SubscribeOptions{From: &s.Start})
	assert.NoError(t, err)
	defer again.Close()
	assert.True(t, again.Recovered, "the history has it all")
	assert.Equal(t, offsets(take(t, again, 3)), "1 2 3 ")
}

func lastError[T any](seq iter.Seq2[T, error]) (err error) {
	for _, err = range seq {
	}
	return err
}

func TestRecovery(t *testing.T) {
	t.Parallel()
	topic := hub.NewTopic(hub.New(hub.Options{}), "n", hub.TopicOptions[int]{History: 3})
	publish := func(n int) (pos hub.Position) {
		pos, err := topic.Publish(t.Context(), "n", n)
		assert.NoError(t, err)
		return pos
	}
	first := publish(1)
	for i := range 3 {
		publish(i + 2)
	}
	for _, c := range []struct {
		name      string
		from      hub.Position
		recovered bool
		start     uint64
	}{
		{"gap", hub.Position{Epoch: first.Epoch, Offset: 2}, true, 2},
		{"exactly what is kept", first, true, 1},
		{"up to date", hub.Position{Epoch: first.Epoch, Offset: 4}, true, 4},
		{"too long away", hub.Position{Epoch: first.Epoch}, false, 4},
		{"future", hub.Position{Epoch: first.Epoch, Offset: 9}, false, 4},
		{"other epoch", hub.Position{Epoch: "x", Offset: 2}, false, 4},
	} {
		s, err := topic.Subscribe(t.Context(), "n", hub.SubscribeOptions{From: &c.from})
		assert.NoError(t, err)
		assert.Equal(t, s.Recovered, c.recovered)
		assert.Equal(t, s.Start, hub.Position{Epoch: first.Epoch, Offset: c.start})
		for i, e := range take(t, s, int(4-c.start)) {
			assert.Equal(t, e.Position.Offset, c.start+uint64(i)+1)
		}
		s.Close()
	}
	s, err := topic.Subscribe(t.Context(), "n", hub.SubscribeOptions{Recent: 2})
	assert.NoError(t, err)
	defer s.Close()
	publish(5)
	assert.Equal(t, offsets(take(t, s, 3)), "3 4 5 ")
}

// TestRecoveryWhilePublishing: subscribers that come and go in the middle of a
// stream, and resume, see every message once.
func TestRecoveryWhilePublishing(t *testing.T) {
	t.Parallel()
	const total = 3000
	topic := hub.NewTopic(hub.New(hub.Options{}), "n", hub.TopicOptions[int]{History: total, Queue: total})
	start, err := topic.Position(t.Context(), "n")
	assert.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range total {
			if _, err := topic.Publish(context.Background(), "n", i+1); err != nil {
				t.Error(err)
			}
		}
	})
	for range 4 {
		wg.Go(func() {
			at := start
			for at.Offset < total {
				s, err := topic.Subscribe(context.Background(), "n", hub.SubscribeOptions{From: &at})
				if err != nil || !s.Recovered {
					t.Errorf("not recovered from %v: %v", at, err)
					return
				}
				n := 0
				for e, err := range s.Messages() {
					if err != nil || e.Position.Offset != at.Offset+1 || e.Value != int(e.Position.Offset) || e.Missed > 0 {
						t.Errorf("after %v: %+v %v", at, e, err)
						return
					}
					at = e.Position
					if n++; n == 100 || at.Offset == total {
						break
					}
				}
				s.Close()
			}
		})
	}
	wg.Wait()
}

func TestHistoryAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		topic := hub.NewTopic(hub.New(hub.Options{}), "n", hub.TopicOptions[int]{History: 10, HistoryAge: time.Minute})
		first, err := topic.Publish(t.Context(), "n", 1)
		assert.NoError(t, err)
		time.Sleep(30 * time.Second)
		_, err = topic.Publish(t.Context(), "n", 2)
		assert.NoError(t, err)
		recovered := func(offset uint64) bool {
			s, err := topic.Subscribe(t.Context(), "n", hub.SubscribeOptions{From: &hub.Position{Epoch: first.Epoch, Offset: offset}})
			assert.NoError(t, err)
			defer s.Close()
			return s.Recovered
		}
		assert.True(t, recovered(0), "both are kept")
		time.Sleep(30 * time.Second)
		assert.True(t, !recovered(0), "the first is a minute old")
		assert.True(t, recovered(1), "the second is kept")
		time.Sleep(30 * time.Second)
		assert.True(t, !recovered(1), "the second is a minute old")
		assert.True(t, recovered(2), "nothing was missed")
	})
}

// TestUnseenIsNotForgotten: messages that nobody heard still count, so that
// nobody is told that he has everything.
func TestUnseenIsNotForgotten(t *testing.T) {
	t.Parallel()
	encoded := 0
	topic := hub.NewTopic(hub.New(hub.Options{}), "n", hub.TopicOptions[counted]{})
	pos, err := topic.Publish(t.Context(), "n", counted{&encoded})
	assert.NoError(t, err)
	assert.Equal(t, pos, hub.Position{})
	s, err := topic.Subscribe(t.Context(), "n", hub.SubscribeOptions{})
	assert.NoError(t, err)
	s.Close()
	_, err = topic.Publish(t.Context(), "n", counted{&encoded})
	assert.NoError(t, err)
	assert.Equal(t, encoded, 0)
	s, err = topic.Subscribe(t.Context(), "n", hub.SubscribeOptions{From: &s.Start})
	assert.NoError(t, err)
	defer s.Close()
	assert.True(t, !s.Recovered, "one was missed and is gone")
	assert.Equal(t, s.Start.Offset, uint64(1))
}

func TestSubscriptionEnds(t *testing.T) {
	t.Parallel()
	h := hub.New(hub.Options{})
	topic := hub.NewTopic(h, "n", hub.TopicOptions[int]{})
	gone := errors.New("user went home")
	ctx, cancel := context.WithCancelCause(t.Context())
	s, err := topic.Subscribe(ctx, "n", hub.SubscribeOptions{})
	assert.NoError(t, err)
	cancel(gone)
	assert.ErrorIs(t, lastError(s.Messages()), gone)

	s, err = topic.Subscribe(t.Context(), "n", hub.SubscribeOptions{})
	assert.NoError(t, err)
	assert.NoError(t, h.Drain(t.Context()))
	assert.ErrorIs(t, lastError(s.Messages()), hub.ErrClosed)
	_, err = topic.Subscribe(t.Context(), "n", hub.SubscribeOptions{})
	assert.ErrorIs(t, err, hub.ErrClosed)
	_, err = topic.Publish(t.Context(), "n", 1)
	assert.NoError(t, err)
}

// TestBrokerFailures: what the broker says reaches the caller.
func TestBrokerFailures(t *testing.T) {
	t.Parallel()
	down := errors.New("broker is down")
	topic := hub.NewTopic(hub.New(hub.Options{Broker: broken{down}}), "n", hub.TopicOptions[int]{})
	_, err := topic.Publish(t.Context(), "n", 1)
	assert.ErrorIs(t, err, down)
	_, err = topic.Subscribe(t.Context(), "n", hub.SubscribeOptions{})
	assert.ErrorIs(t, err, down)
	_, err = topic.Position(t.Context(), "n")
	assert.ErrorIs(t, err, down)
}

type broken struct{ err error }

func (b broken) Publish(context.Context, hub.Stream, hub.Publication) (hub.Position, error) {
	return hub.Position{}, b.err
}

func (b broken) Subscribe(context.Context, hub.Stream, func(hub.Batch)) (func(), error) {
	return nil, b.err
}

func (b broken) History(context.Context, hub.Stream, *hub.Position, int) (hub.History, error) {
	return hub.History{}, b.err
}
