package database

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/db"
)

// Packets implements [services.PacketStore]. Writes of many senders share a
// transaction, and with it the wait for the disk.
type Packets struct {
	db      *db.DB
	batcher *db.Batcher[submission, stored]
	now     func() time.Time
}

// submission is what one request brings; stored what became of it.
type submission struct {
	channel models.Channel
	sender  string
	drafts  []models.Draft
}

type stored struct {
	receipts []models.Receipt
	packets  []models.Packet // without the duplicates
}

// PacketsOptions configure [Packets].
type PacketsOptions struct {
	// Committed is called for each submission after its commit, in the order
	// of the ids and never twice at once; senders wait for it.
	Committed func(models.Channel, []models.Packet)
	// Now is the clock. Defaults to [time.Now].
	Now func() time.Time
}

// The most that one transaction takes, and that may wait for one, in packets of
// less than 1 KiB: what is more is refused with 503 so that a sender slows down
// instead of memory growing.
const (
	batchPackets   = 4000
	pendingPackets = 40_000
)

// rateKept is how long the counts of packets by the second are kept.
const rateKept = 10 * time.Minute

// NewPackets returns a store on a migrated database; call Run to have it work.
func NewPackets(d *db.DB, o PacketsOptions) *Packets {
	if o.Now == nil {
		o.Now = time.Now
	}
	p := &Packets{db: d, now: o.Now}
	p.batcher = db.NewBatcher(d, db.BatchOptions{MaxWeight: batchPackets, MaxPending: pendingPackets}, p.write)
	if o.Committed != nil {
		p.batcher.OnCommit(func(subs []submission, results []stored) {
			for i, s := range subs {
				if len(results[i].packets) > 0 {
					o.Committed(s.channel, results[i].packets)
				}
			}
		})
	}
	return p
}

// Run commits what is appended until ctx ends, and then what still waits.
func (p *Packets) Run(ctx context.Context) error { return p.batcher.Run(ctx) }

// Append implements [services.PacketStore].
func (p *Packets) Append(ctx context.Context, c models.Channel, sender string, drafts []models.Draft) ([]models.Receipt, error) {
	weight := len(drafts)
	for _, d := range drafts {
		weight += len(d.Payload) >> 10
	}
	done, err := p.batcher.DoWeighted(ctx, submission{c, sender, drafts}, weight)
	return done.receipts, err
}

const (
	insertPackets = "INSERT INTO packets (id, channel_id, kind, sender, client_id, payload, created_at) VALUES "
	unlessStored  = " ON CONFLICT (channel_id, sender, client_id) WHERE client_id IS NOT NULL DO NOTHING"
)

// write stores submissions in a transaction.
func (p *Packets) write(ctx context.Context, tx *db.Tx, subs []submission) ([]stored, error) {
	total := 0
	for _, s := range subs {
		total += len(s.drafts)
	}
	last, err := next(ctx, tx, "packets", total)
	if err != nil {
		return nil, err
	}
	at, err := p.moment(ctx, tx)
	if err != nil {
		return nil, err
	}
	id := last - int64(total)
	mine := clientIDs{}
	results := make([]stored, len(subs))
	rows := newInserter(tx, insertPackets, 7, unlessStored)
	for i, s := range subs {
		receipts := make([]models.Receipt, len(s.drafts))
		for j, d := range s.drafts {
			var clientID any
			if d.ClientID != "" {
				key := clientKey{s.channel.ID, s.sender, d.ClientID}
				if was, ok := mine[key]; ok {
					receipts[j] = models.Receipt{ID: was, Duplicate: true}
					continue
				}
				mine[key], clientID = id+1, d.ClientID
			}
			id++
			receipts[j].ID = id
			if err := rows.add(ctx, id, s.channel.ID, d.Kind, s.sender, clientID, string(d.Payload), at); err != nil {
				return nil, err
			}
		}
		results[i].receipts = receipts
	}
	if err := rows.flush(ctx); err != nil {
		return nil, err
	}
	if rows.inserted < rows.added {
		if err := findRepeated(ctx, tx, subs, results); err != nil {
			return nil, err
		}
	}
	counts := map[int64]int{}
	for i, s := range subs {
		for j, r := range results[i].receipts {
			if d := s.drafts[j]; !r.Duplicate {
				results[i].packets = append(results[i].packets, models.Packet{
					ID: r.ID, Kind: d.Kind, Sender: s.sender, Payload: d.Payload, ClientID: d.ClientID, CreatedAt: at,
				})
			}
		}
		counts[s.channel.ID] += len(results[i].packets)
	}
	return results, count(ctx, tx, counts, at)
}

// findRepeated gives the drafts that were not inserted the ids under which they
// are stored. Most transactions repeat nothing and need not ask.
func findRepeated(ctx context.Context, tx *db.Tx, subs []submission, results []stored) error {
	known := clientIDs{}
	for i, s := range subs {
		if err := known.load(ctx, tx, s); err != nil {
			return err
		}
		for j, d := range s.drafts {
			r := &results[i].receipts[j]
			if was, ok := known[clientKey{s.channel.ID, s.sender, d.ClientID}]; ok && was != r.ID {
				*r = models.Receipt{ID: was, Duplicate: true}
			}
		}
	}
	return nil
}

// count adds to the number of packets that channels got in this second. Counting
// them when somebody looks would read a few million rows of a busy channel.
func count(ctx context.Context, tx *db.Tx, counts map[int64]int, at time.Time) error {
	for channel, n := range counts {
		if n == 0 {
			continue
		}
		sum, err := db.Get[int](ctx, tx, "INSERT INTO packet_counts (channel_id, second, n) VALUES ($1, $2, $3) "+
			"ON CONFLICT (channel_id, second) DO UPDATE SET n = packet_counts.n + excluded.n RETURNING n", channel, at.Unix(), n)
		if err != nil {
			return err
		}
		if sum > n {
			continue
		}
		// The second is new: time to forget one.
		if _, err := tx.Exec(ctx, "DELETE FROM packet_counts WHERE channel_id = $1 AND second < $2", channel, at.Add(-rateKept).Unix()); err != nil {
			return err
		}
	}
	return nil
}

// moment returns the time of this transaction's packets: the present, but
// never before that of an earlier id, although clocks jump and differ between
// processes. Times and ids so have one order.
func (p *Packets) moment(ctx context.Context, tx *db.Tx) (time.Time, error) {
	micro, err := db.Get[int64](ctx, tx,
		"UPDATE counters SET value = CASE WHEN value > $1 THEN value ELSE $1 END WHERE name = 'packets_at' RETURNING value", p.now().UnixMicro())
	return time.UnixMicro(micro).UTC(), err
}

type clientKey struct {
	channel          int64
	sender, clientID string
}

// clientIDs are ids of packets that drafts repeat.
type clientIDs map[clientKey]int64

// load finds which client ids of s are stored.
func (known clientIDs) load(ctx context.Context, tx *db.Tx, s submission) error {
	// Ids in a statement. It is one of a few sizes, so that it stays prepared;
	// the last id is repeated to fill it.
	sizes := [...]int{1, 8, 64}
	most := sizes[len(sizes)-1]
	var args []any
	ask := func() error {
		if len(args) == 0 {
			return nil
		}
		size, _ := slices.BinarySearch(sizes[:], len(args))
		for len(args) < sizes[size] {
			args = append(args, args[len(args)-1])
		}
		type row struct {
			ClientID string
			ID       int64
		}
		query := "SELECT client_id, id FROM packets WHERE channel_id = $1 AND sender = $2 AND client_id IN (" + placeholders(3, len(args)) + ")"
		for r, err := range db.Each[row](ctx, tx, query, append([]any{s.channel.ID, s.sender}, args...)...) {
			if err != nil {
				return err
			}
			known[clientKey{s.channel.ID, s.sender, r.ClientID}] = r.ID
		}
		args = args[:0]
		return nil
	}
	for _, d := range s.drafts {
		if d.ClientID == "" {
			continue
		}
		if args = append(args, d.ClientID); len(args) == most {
			if err := ask(); err != nil {
				return err
			}
		}
	}
	return ask()
}

// placeholders returns n placeholders from $first on, separated by commas.
func placeholders(first, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(first + i))
	}
	return b.String()
}

// packetRow is a line of the table.
type packetRow struct {
	ID        int64
	Kind      string
	Sender    string
	ClientID  *string
	Payload   string
	CreatedAt time.Time
}

func (r packetRow) packet() models.Packet {
	p := models.Packet{ID: r.ID, Kind: r.Kind, Sender: r.Sender, Payload: jsontext.Value(r.Payload), CreatedAt: r.CreatedAt}
	if r.ClientID != nil {
		p.ClientID = *r.ClientID
	}
	return p
}
