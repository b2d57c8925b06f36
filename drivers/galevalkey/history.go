package galevalkey

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/galeweb/gale/hub"
)

// maxOffset is the largest offset that a script can count to.
const maxOffset = 1 << 53

// History implements [hub.Broker].
//
// What was published before the script ran must have been delivered when this
// returns. So the script runs on the connection that receives, in whose order
// the server writes both; in a cluster, where it may be another server's, the
// script publishes a mark, and this waits for it.
func (b *Broker) History(ctx context.Context, s hub.Stream, since *hub.Position, limit int) (hub.History, error) {
	if err := ctx.Err(); err != nil {
		return hub.History{}, context.Cause(ctx)
	}
	if s.Keep.Messages == 0 {
		return hub.History{}, nil
	}
	limited, cancel := b.limit(ctx)
	defer cancel()
	var client valkey.CommandClient = b.client
	name, mark := b.channel(s), ""
	var marked <-chan struct{}
	if c := b.hold(name, false); c != nil {
		defer b.drop(c)
		if b.cluster {
			mark = " " + rand.Text()
			var forget func()
			marked, forget = c.expect(mark)
			defer forget()
		} else {
			r := b.current()
			if r == nil {
				return hub.History{}, fmt.Errorf("%w: no connection to receive on", hub.ErrBrokerLost)
			}
			client = r.client
		}
	}
	epoch, offset := "", ""
	if since != nil {
		epoch, offset = "-", "0" // of no stream
		if since.Offset < maxOffset && since.Epoch != "" {
			epoch, offset = since.Epoch, strconv.FormatUint(since.Offset, 10)
		}
	}
	limit = max(limit, 0)
	answer, err := b.scripts.history.run(limited, client, b.keys(s),
		newEpoch(), metaLife(s.Keep), strconv.Itoa(limit), epoch, offset, name, mark).ToArray()
	if err != nil {
		return hub.History{}, explain(ctx, err)
	}
	kept, err := parseKept(answer, s.Keep.Age)
	if err != nil {
		return hub.History{}, fmt.Errorf("valkey: history of %q: %w", s.Name, err)
	}
	if marked != nil {
		select {
		case <-marked:
		case <-limited.Done():
			return hub.History{}, explain(ctx, errors.New("the mark of a history did not come"))
		}
	}
	if since == nil {
		return kept.newest(), nil
	}
	return kept.since(*since, limit), nil
}

// kept is what the script has read of a stream.
type kept struct {
	top     hub.Position
	entries []keptEntry // in the order of the script
}

type keptEntry struct {
	hub.Entry
	prev uint64
	old  bool // beyond the age
}

func parseKept(answer []valkey.ValkeyMessage, age time.Duration) (kept, error) {
	if len(answer) != 4 {
		return kept{}, fmt.Errorf("answered by %d values", len(answer))
	}
	var k kept
	var errs [4]error
	var now int64
	var ranges []valkey.XRangeEntry
	k.top.Epoch, errs[0] = answer[0].ToString()
	k.top.Offset, errs[1] = parseUint(answer[1].ToString())
	now, errs[2] = answer[2].AsInt64()
	ranges, errs[3] = answer[3].AsXRange()
	if err := errors.Join(errs[:]...); err != nil {
		return kept{}, err
	}
	for _, r := range ranges {
		digits, stamp, _ := strings.Cut(r.ID, "-")
		offset, err := strconv.ParseUint(digits, 10, 64)
		at, errStamp := strconv.ParseInt(stamp, 10, 64)
		entry, ok := decodeEntry(r.FieldValues["d"])
		if err != nil || errStamp != nil || !ok {
			return kept{}, fmt.Errorf("entry %s is not one of gale's", r.ID)
		}
		entry.Offset = offset
		e := keptEntry{Entry: entry, prev: offset - 1, old: age > 0 && now-at >= age.Milliseconds()}
		if p, ok := r.FieldValues["p"]; ok {
			if e.prev, err = strconv.ParseUint(p, 10, 64); err != nil {
				return kept{}, fmt.Errorf("entry %s is not one of gale's", r.ID)
			}
		}
		k.entries = append(k.entries, e)
	}
	return k, nil
}

func parseUint(text string, err error) (uint64, error) {
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(text, 10, 64)
}

// newest returns what is not too old; the entries are the newest first.
func (k kept) newest() hub.History {
	h := hub.History{Top: k.top, Prev: k.top.Offset}
	for _, e := range k.entries {
		if e.old || e.Offset != h.Prev {
			break // too old, or lost with a part of the server's memory
		}
		h.Entries = append(h.Entries, e.Entry)
		h.Prev = e.prev
	}
	slices.Reverse(h.Entries)
	return h
}

// since returns the entries if they are all that came after a position.
func (k kept) since(since hub.Position, limit int) hub.History {
	h := hub.History{Top: k.top, Prev: k.top.Offset}
	switch n := len(k.entries); {
	case since == k.top:
		h.Recovered = true
		return h
	case n == 0 || n > limit || k.entries[0].prev != since.Offset || k.entries[0].old || k.entries[n-1].Offset != k.top.Offset:
		return h
	}
	h.Recovered, h.Prev = true, since.Offset
	for _, e := range k.entries {
		h.Entries = append(h.Entries, e.Entry)
	}
	return h
}
