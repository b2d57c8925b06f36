package hub

import (
	"context"
	"slices"
	"time"

	"github.com/galeweb/gale/internal/backoff"
)

const (
	// maxHeld is how many messages may come while those before them are
	// fetched; when more do, all of them are fetched.
	maxHeld = 4096
	// historyTries is how often the history may contradict what was delivered,
	// as that of a replica that lags, before messages count as lost.
	historyTries = 5
	// maxRecoveries bounds how many feeds ask the broker at once when it
	// is back.
	maxRecoveries = 32
	// brokerTimeout bounds one call of the hub's own.
	brokerTimeout = 10 * time.Second
)

// recovery is what a feed holds back while it fetches what it has missed, under
// the feed's lock.
type recovery struct {
	pending []Batch
	held    int
	again   bool // more was missed meanwhile
}

func (r *recovery) hold(b Batch) {
	if r.held += len(b.Entries); r.held > maxHeld {
		r.pending, r.held, r.again = nil, 0, true
		return
	}
	r.pending = append(r.pending, b)
}

// resync is called when the broker was lost and is back.
func (f *feed) resync() {
	f.turns++ // those who are joining ask for the history again
	switch {
	case !f.known:
	case f.at.Epoch == "":
		f.lose(Position{})
	case f.recovery != nil:
		f.recovery.again = true
	default:
		f.recover()
	}
}

// recover begins to fetch what is missing before the batch.
func (f *feed) recover(held ...Batch) {
	f.recovery = &recovery{}
	for _, b := range held {
		f.recovery.hold(b)
	}
	if !f.h.spawn(f.runRecovery) {
		f.recovery = nil // the hub has ended
	}
}

func (f *feed) runRecovery(ctx context.Context) {
	wait := backoff.Backoff{Least: 20 * time.Millisecond, Most: 5 * time.Second}
	tries := historyTries
	for {
		f.mu.Lock()
		since, gone := f.at, f.gone
		f.recovery.again = false
		f.mu.Unlock()
		if gone {
			return
		}
		h, err := f.fetch(ctx, &since)
		if err == nil {
			f.mu.Lock()
			contradicts := !f.settle(h, tries == 1)
			done, again := f.recovery == nil, f.recovery != nil && !contradicts
			f.mu.Unlock()
			if done {
				return
			}
			if again {
				continue
			}
			tries--
		}
		if !wait.Pause(ctx) {
			return
		}
	}
}

func (f *feed) fetch(ctx context.Context, since *Position) (History, error) {
	select {
	case f.h.recoveries <- struct{}{}:
		defer func() { <-f.h.recoveries }()
	case <-ctx.Done():
		return History{}, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, brokerTimeout)
	defer cancel()
	return f.topic.history(ctx, f.name, since, 0)
}

// settle passes on what was fetched and what was held back, and ends the
// recovery unless more was missed. It is false when the two contradict each
// other; final then counts as lost what is missing.
func (f *feed) settle(h History, final bool) bool {
	r := f.recovery
	switch {
	case h.Recovered:
		f.take(Batch{Epoch: h.Top.Epoch, Prev: min(h.Prev, f.at.Offset), Entries: h.Entries})
		f.at = h.Top
	case len(r.pending) == 0:
		f.lose(h.Top)
	case r.pending[0].Epoch == f.at.Epoch && r.pending[0].Prev <= f.at.Offset:
		// What was held back goes on where the feed stood.
	default: // It is not lost either.
		f.lose(Position{r.pending[0].Epoch, r.pending[0].Prev})
	}
	for i, b := range r.pending {
		if f.take(b) {
			continue
		}
		if !final {
			r.pending = slices.Clone(r.pending[i:])
			return false
		}
		f.lose(Position{b.Epoch, b.Prev})
		f.take(b)
	}
	r.pending, r.held = nil, 0
	if !r.again {
		f.recovery = nil
	}
	return true
}
