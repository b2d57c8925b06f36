package hub

import (
	"sync"
	"time"

	"github.com/galeweb/gale/internal/latest"
)

// SlowSubscriber is a subscriber of this node who has missed messages because
// he read slower than was written.
type SlowSubscriber struct {
	// Topic is the name he subscribed to.
	Topic string
	// Who is the user, if Options.Identify names him, or else the address of the
	// connection's peer, or "" in the process.
	Who string
	// Missed is how many messages were dropped, or replaced by newer ones of
	// their key, since Since, when he had last caught up.
	Missed uint64
	Since  time.Time
}

const (
	maxSlow    = 100
	slowLogGap = 60 // seconds between two records of a topic
)

// slowList is the latest cases of slowness.
type slowList struct {
	mu    sync.Mutex
	cases latest.Ring[*SlowSubscriber]
}

// Slow returns the latest 100 cases of slow subscribers, the newest last,
// whether or not they have caught up or gone since.
func (h *Hub) Slow() []SlowSubscriber {
	l := &h.slow
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []SlowSubscriber
	for c := range l.cases.All {
		all = append(all, *c)
	}
	return all
}

// lag notes that the subscriber of q has missed n messages.
func (f *feed) lag(q *backlog, n int, who func() string) {
	f.topic.dropped.Add(float64(n))
	l := &f.h.slow
	l.mu.Lock()
	defer l.mu.Unlock()
	if q.slow != nil {
		q.slow.Missed += uint64(n)
		return
	}
	now := time.Now()
	q.slow = &SlowSubscriber{Topic: f.name, Who: who(), Missed: uint64(n), Since: now}
	l.cases.Add(q.slow)
	f.topic.slow.Inc()
	f.topic.slowNow.Inc()
	// Where newer messages take the place of older ones, it is no news.
	told := f.topic.slowTold.Load()
	if f.topic.policy != Conflate && now.Unix()-told >= slowLogGap && f.topic.slowTold.CompareAndSwap(told, now.Unix()) {
		f.h.logger.Warn("hub: subscriber is too slow", "topic", f.name, "who", q.slow.Who)
	}
}

// caughtUp ends the case of the subscriber of q.
func (f *feed) caughtUp(q *backlog) {
	if q.slow != nil {
		q.slow = nil
		f.topic.slowNow.Dec()
	}
}
