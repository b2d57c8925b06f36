package hub

import "slices"

// Policy says what becomes of a subscriber who reads slower than is written,
// when his queue is full.
type Policy int

const (
	// DropOldest drops the oldest message that waits: for streams where the
	// newest matters. The default.
	DropOldest Policy = iota
	// Conflate keeps only the newest message of each key that waits, and drops
	// the oldest when there are more keys than the queue holds: for states,
	// such as positions or prices.
	Conflate
	// CloseSlow ends the subscriber's connection (close code 1013) or
	// subscription ([ErrSlow]): for streams that make no sense with a gap. He
	// may come back and recover from the history.
	CloseSlow
)

// maxJoining is how many messages may come while a new subscriber's history is
// being fetched, before it is fetched again.
const maxJoining = 4096

// item is an entry that waits for a subscriber, or the mark of a gap of unknown
// size that ends at Offset.
type item struct {
	epoch string
	gap   bool
	Entry
}

// backlog is what waits for one subscriber, under the subscriber's lock.
type backlog struct {
	limit  int
	policy Policy
	items  []item
	missed uint64 // dropped since the last one was taken
	gap    bool   // the mark of a gap was dropped

	joining  bool // begin is to come
	overflow bool // too much came while joining
	mute     bool // the subscriber was not told yet that it begins
	guard    guard
	slow     *SlowSubscriber
}

// guard keeps out what a new subscriber has from the history already, when the
// feed is behind it.
type guard struct {
	up    bool
	after Position
	stale string // the epoch of a feed that has not seen the current one
}

// reset begins the wait for a history that is asked for from now on.
func (q *backlog) reset() { q.items, q.joining, q.overflow, q.guard = nil, true, false, guard{} }

// begin puts the history before what came live since, without what is in both.
// It is false when too much has come.
func (q *backlog) begin(h History, g guard) bool {
	if q.overflow {
		return false
	}
	items := make([]item, 0, len(h.Entries)+len(q.items))
	for _, e := range h.Entries {
		items = append(items, item{epoch: h.Top.Epoch, Entry: e})
	}
	for _, it := range q.items {
		if it.epoch == "" || it.epoch == h.Top.Epoch && it.Offset > h.Top.Offset {
			items = append(items, it)
		}
	}
	q.items, q.joining, q.guard = items, false, g
	return true
}

// admit returns what of b the subscriber does not have yet.
func (q *backlog) admit(b *burst) []Entry {
	if !q.guard.up || b.epoch == "" {
		return b.entries
	}
	switch b.epoch {
	case q.guard.after.Epoch:
		at := slices.IndexFunc(b.entries, func(e Entry) bool { return e.Offset > q.guard.after.Offset })
		if at < 0 {
			q.guard.up = b.entries[len(b.entries)-1].Offset < q.guard.after.Offset
			return nil
		}
		q.guard.up = false
		return b.entries[at:]
	case q.guard.stale:
		return nil
	}
	q.guard.up = false
	return b.entries
}

// knows reports whether a gap that ends at to is none for the subscriber.
func (q *backlog) knows(to Position) bool {
	after := q.guard.after
	return q.joining || q.guard.up && (to.Epoch == q.guard.stale || to.Epoch == after.Epoch && to.Offset <= after.Offset)
}

// push adds it. dropped is how many others had to go; ok is false when the
// subscriber must go instead.
func (q *backlog) push(it item) (dropped int, ok bool) {
	if q.joining {
		if q.overflow = q.overflow || len(q.items) >= maxJoining; q.overflow {
			q.items = nil
			return 0, true
		}
		q.items = append(q.items, it)
		return 0, true
	}
	if q.policy == Conflate && !it.gap {
		for i := range q.items {
			if !q.items[i].gap && q.items[i].Key == it.Key {
				// Moved to the end, so that offsets go up.
				copy(q.items[i:], q.items[i+1:])
				q.items[len(q.items)-1] = it
				q.missed++
				return 1, true
			}
		}
	}
	if len(q.items) >= q.limit {
		if q.policy == CloseSlow {
			return 0, false
		}
		if q.items[0].gap {
			q.gap = true
		} else {
			q.missed++
			dropped = 1
		}
		q.drop(1)
	}
	q.items = append(q.items, it)
	return dropped, true
}

// drop removes the first n.
func (q *backlog) drop(n int) {
	clear(q.items[:n])
	q.items = q.items[n:]
	if len(q.items) == 0 {
		q.items = nil
	}
}

// takeGap returns where the gap before the next message ends, if there is one.
func (q *backlog) takeGap() (to Position, ok bool) {
	if len(q.items) == 0 || !q.gap && !q.items[0].gap {
		return Position{}, false
	}
	first := q.items[0]
	q.gap, q.missed = false, 0 // the gap says it all
	if first.gap {
		q.drop(1)
		return Position{first.epoch, first.Offset}, true
	}
	if first.Offset > 0 {
		first.Offset--
	}
	return Position{first.epoch, first.Offset}, true
}

// run returns the first messages of one epoch that fit into one frame.
func (q *backlog) run() (epoch string, entries []Entry) {
	epoch = q.items[0].epoch
	for _, it := range q.items {
		if it.gap || it.epoch != epoch {
			break
		}
		entries = append(entries, it.Entry)
	}
	return epoch, entries[:fit(entries)]
}

// idle reports whether the subscriber needs no backlog any more.
func (q *backlog) idle() bool {
	return len(q.items) == 0 && !q.joining && !q.mute && !q.guard.up
}
