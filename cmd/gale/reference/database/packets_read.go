package database

import (
	"context"
	"errors"
	"iter"
	"strconv"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/db"
)

// Packets implements [services.PacketStore].
func (p *Packets) Packets(ctx context.Context, channelID int64, f services.Filter, limit int) ([]models.Packet, bool, error) {
	if !storable(f.Kind) || !storable(f.Sender) {
		return nil, false, nil
	}
	query, args, err := p.query(ctx, channelID, f)
	if err != nil {
		return nil, false, err
	}
	return p.page(ctx, query, args, f.OldestFirst, limit)
}

// page reads one page of a query.
func (p *Packets) page(ctx context.Context, query string, args []any, oldestFirst bool, limit int) (packets []models.Packet, more bool, err error) {
	order := " ORDER BY id DESC LIMIT "
	if oldestFirst {
		order = " ORDER BY id LIMIT "
	}
	size := 0
	for r, err := range db.Each[packetRow](ctx, p.db, query+order+strconv.Itoa(limit+1), args...) {
		if err != nil {
			return nil, false, err
		}
		if len(packets) == limit || size >= services.PageBytes {
			return packets, true, nil
		}
		packets = append(packets, r.packet())
		size += len(r.Payload)
	}
	return packets, false, nil
}

// exportPage is how many packets an export reads at a time. It reads by pages
// because a reader who takes an hour must not hold a snapshot, which on SQLite
// would keep the log of writes from being cut, for that hour.
const exportPage = 500

// Export implements [services.PacketStore].
func (p *Packets) Export(ctx context.Context, channelID int64, f services.Filter) iter.Seq2[models.Packet, error] {
	return func(yield func(models.Packet, error) bool) {
		if !storable(f.Kind) || !storable(f.Sender) {
			return
		}
		query, args, err := p.query(ctx, channelID, f)
		if err != nil {
			yield(models.Packet{}, err)
			return
		}
		args = append(args, f.After)
		query += " AND id > $" + strconv.Itoa(len(args))
		for {
			packets, more, err := p.page(ctx, query, args, true, exportPage)
			if err != nil {
				yield(models.Packet{}, err)
				return
			}
			for _, packet := range packets {
				if !yield(packet, nil) {
					return
				}
				args[len(args)-1] = packet.ID
			}
			if !more {
				return
			}
		}
	}
}

// query returns a statement without its order for the packets that f lets
// through.
func (p *Packets) query(ctx context.Context, channelID int64, f services.Filter) (string, []any, error) {
	q := "SELECT id, kind, sender, client_id, payload, created_at FROM packets WHERE channel_id = $1"
	args := []any{channelID}
	where := func(condition string, arg any) {
		args = append(args, arg)
		q += " AND " + condition + " $" + strconv.Itoa(len(args))
	}
	if f.Kind != "" {
		where("kind =", f.Kind)
	}
	if f.Sender != "" {
		where("sender =", f.Sender)
	}
	if f.Before > 0 {
		where("id <", f.Before)
	}
	if f.After > 0 {
		where("id >", f.After)
	}
	if !f.Since.IsZero() {
		first, err := p.firstAt(ctx, f.Since)
		if err != nil {
			return "", nil, err
		}
		where("id >=", first)
	}
	if !f.Until.IsZero() {
		first, err := p.firstAt(ctx, f.Until)
		if err != nil {
			return "", nil, err
		}
		where("id <", first)
	}
	return q, args, nil
}

// firstAt returns the least id whose time is not before t. Ids and times have
// one order (see moment), so that bisection by the primary key finds it and no
// index on the time need be kept up with every packet.
func (p *Packets) firstAt(ctx context.Context, t time.Time) (int64, error) {
	low, err := int64(1), error(nil)
	high, err := db.Get[int64](ctx, p.db, "SELECT value + 1 FROM counters WHERE name = 'packets'")
	for err == nil && low < high {
		middle := low + (high-low)/2
		var row struct {
			ID        int64
			CreatedAt time.Time
		}
		row, err = db.Get[struct {
			ID        int64
			CreatedAt time.Time
		}](ctx, p.db, "SELECT id, created_at FROM packets WHERE id >= $1 ORDER BY id LIMIT 1", middle)
		switch {
		case errors.Is(err, db.ErrNotFound):
			high, err = middle, nil
		case err == nil && row.CreatedAt.Before(t):
			low = row.ID + 1
		case err == nil:
			high = middle
		}
	}
	return low, err
}

// Rate returns how many packets the channel got in each second from since on,
// the first entry being that of since; older than [rateKept] are forgotten.
func (p *Packets) Rate(ctx context.Context, channelID int64, since time.Time, seconds int) ([]int, error) {
	counts := make([]int, seconds)
	type row struct{ Second, N int64 }
	for r, err := range db.Each[row](ctx, p.db,
		"SELECT second, n FROM packet_counts WHERE channel_id = $1 AND second >= $2 AND second < $3",
		channelID, since.Unix(), since.Unix()+int64(seconds)) {
		if err != nil {
			return nil, err
		}
		counts[r.Second-since.Unix()] = int(r.N)
	}
	return counts, nil
}
