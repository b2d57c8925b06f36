package hub

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

// item is an entry that waits for a subscriber.
type item struct {
	epoch string
	Entry
}

// queue is what waits for one subscriber, under the subscriber's lock.
type queue struct {
	limit  int
	policy Policy
	items  []item
	missed uint64 // dropped since the last one was taken
}

// push adds it. dropped is how many others had to go; ok is false when the
// subscriber must go instead.
func (q *queue) push(it item) (dropped int, ok bool) {
	if q.policy == Conflate {
		for i := range q.items {
			if q.items[i].Key == it.Key {
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
		q.drop(1)
		q.missed++
		dropped = 1
	}
	q.items = append(q.items, it)
	return dropped, true
}

// drop removes the first n.
func (q *queue) drop(n int) {
	clear(q.items[:n])
	q.items = q.items[n:]
	if len(q.items) == 0 {
		q.items = nil
	}
}

// begin puts the history before what came live since, without what is in both.
func (q *queue) begin(h History) {
	items := make([]item, 0, len(h.Entries)+len(q.items))
	for _, e := range h.Entries {
		items = append(items, item{h.Top.Epoch, e})
	}
	for _, it := range q.items {
		if it.epoch != h.Top.Epoch || it.Offset > h.Top.Offset {
			items = append(items, it)
		}
	}
	q.items = items
}
