package database_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/galeweb/gale/cmd/gale/reference/database"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/galetest"
)

// packetStore is a running store with a channel and a clock.
type packetStore struct {
	*database.Packets
	t     *testing.T
	db    *db.DB
	store *database.Store
	wind  models.Channel
	clock *galetest.Clock

	mu        sync.Mutex
	committed []models.Packet
}

func packetTest(t *testing.T, body func(t *testing.T, p *packetStore)) {
	onEach(t, database.Migrations(), func(t *testing.T, d *db.DB) {
		p := &packetStore{t: t, db: d, store: database.New(d, newKeys(t).ring), clock: galetest.NewClock(t, start)}
		p.wind = newChannel(t, p.store, "wind", true)
		p.Packets = database.NewPackets(d, database.PacketsOptions{Now: p.clock.Now, Committed: func(_ models.Channel, packets []models.Packet) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.committed = append(p.committed, packets...)
		}})
		run(t, p.Packets)
		body(t, p)
	})
}

// run has p work until the test ends.
func run(t *testing.T, p *database.Packets) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-done)
	})
}

func draft(kind, clientID string) models.Draft {
	return models.Draft{Kind: kind, ClientID: clientID, Payload: jsontext.Value(`{"n":1}`)}
}

func (p *packetStore) append(sender string, drafts ...models.Draft) []models.Receipt {
	p.t.Helper()
	receipts, err := p.Append(p.t.Context(), p.wind, sender, drafts)
	assert.NoError(p.t, err)
	return receipts
}

func (p *packetStore) list(f services.Filter, limit int) (ids []int64, more bool) {
	p.t.Helper()
	packets, more, err := p.Packets.Packets(p.t.Context(), p.wind.ID, f, limit)
	assert.NoError(p.t, err)
	for _, packet := range packets {
		ids = append(ids, packet.ID)
	}
	return ids, more
}

func (p *packetStore) export(f services.Filter) (ids []int64) {
	p.t.Helper()
	for packet, err := range p.Export(p.t.Context(), p.wind.ID, f) {
		assert.NoError(p.t, err)
		ids = append(ids, packet.ID)
	}
	return ids
}

func TestAppend(t *testing.T) {
	packetTest(t, func(t *testing.T, p *packetStore) {
		const payload = "{\"deg\": 21.50, \"big\": 12345678901234567890, \"text\": \"K\u00f6ln \\u0000\"}"
		receipts := p.append("ada", models.Draft{Kind: "t", Payload: jsontext.Value(payload), ClientID: "a1"}, draft("u", ""))
		assert.Equal(t, receipts, []models.Receipt{{ID: 1}, {ID: 2}})
		packets, more, err := p.Packets.Packets(t.Context(), p.wind.ID, services.Filter{}, 10)
		assert.NoError(t, err)
		assert.Equal(t, more, false)
		want := []models.Packet{
			{ID: 2, Kind: "u", Sender: "ada", Payload: jsontext.Value(`{"n":1}`), CreatedAt: start},
			{ID: 1, Kind: "t", Sender: "ada", Payload: jsontext.Value(payload), ClientID: "a1", CreatedAt: start},
		}
		assert.Equal(t, packets, want)
		assert.Equal(t, p.committed, []models.Packet{want[1], want[0]})
	})
}

func TestDuplicates(t *testing.T) {
	packetTest(t, func(t *testing.T, p *packetStore) {
		// In one array.
		assert.Equal(t, p.append("ada", draft("k", "1"), draft("k", "1"), draft("k", "2")),
			[]models.Receipt{{ID: 1}, {ID: 1, Duplicate: true}, {ID: 2}})
		// Sent again, in another order, with something new between.
		assert.Equal(t, p.append("ada", draft("k", "2"), draft("k", "3"), draft("k", "1")),
			[]models.Receipt{{ID: 2, Duplicate: true}, {ID: 5}, {ID: 1, Duplicate: true}}) // a number is spent on what repeats
		// Another sender's, and another channel's, are others.
		assert.Equal(t, p.append("bob", draft("k", "1"))[0].Duplicate, false)
		sea := newChannel(t, p.store, "sea", true)
		receipts, err := p.Append(t.Context(), sea, "ada", []models.Draft{draft("k", "1")})
		assert.NoError(t, err)
		assert.Equal(t, receipts[0].Duplicate, false)
		// Without a client id nothing repeats.
		assert.Equal(t, p.append("ada", draft("k", ""), draft("k", ""))[1].Duplicate, false)
		assert.Equal(t, len(p.export(services.Filter{})), 6)
		assert.Equal(t, len(p.committed), 7) // with sea's; no duplicate
	})
}

// More client ids than a statement takes.
func TestManyDuplicates(t *testing.T) {
	packetTest(t, func(t *testing.T, p *packetStore) {
		var drafts []models.Draft
		for i := range 1100 {
			drafts = append(drafts, draft("k", fmt.Sprint(i)))
		}
		for _, r := range p.append("ada", drafts...) {
			assert.Equal(t, r.Duplicate, false)
		}
		for i, r := range p.append("ada", drafts...) {
			assert.Equal(t, r, models.Receipt{ID: int64(i + 1), Duplicate: true})
		}
		for _, n := range []int{1, 2, 8, 9, 64, 65, 512, 513} {
			for i, r := range p.append("ada", drafts[:n]...) {
				assert.Equal(t, r, models.Receipt{ID: int64(i + 1), Duplicate: true})
			}
		}
	})
}

func TestSameClientIDAtOnce(t *testing.T) {
	packetTest(t, func(t *testing.T, p *packetStore) {
		var wg sync.WaitGroup
		receipts := make([]models.Receipt, 16)
		for i := range receipts {
			wg.Go(func() {
				got, err := p.Append(t.Context(), p.wind, "ada", []models.Draft{draft("k", "same")})
				if err != nil {
					t.Error(err)
					return
				}
				receipts[i] = got[0]
			})
		}
		wg.Wait()
		first := 0
		for _, r := range receipts {
			assert.Equal(t, r.ID, receipts[0].ID)
			if !r.Duplicate {
				first++
			}
		}
		assert.Equal(t, first, 1)
		assert.Equal(t, len(p.export(services.Filter{})), 1)
	})
}

// Two processes write: ids and times still have one order, and what a reader
// has seen is never followed by a lower id.
func TestOrder(t *testing.T) {
	packetTest(t, func(t *testing.T, p *packetStore) {
		other := database.NewPackets(p.db, database.PacketsOptions{Now: func() time.Time { return start.Add(-time.Hour) }})
		run(t, other)
		var wg sync.WaitGroup
		for i := range 8 {
			store := p.Packets
			if i%2 == 0 {
				store = other
			}
			wg.Go(func() {
				for range 10 {
					if _, err := store.Append(t.Context(), p.wind, fmt.Sprint(i), []models.Draft{draft("k", ""), draft("k", "")}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Go(func() {
			var last int64
			for seen := 0; seen < 160; {
				packets, _, err := p.Packets.Packets(t.Context(), p.wind.ID, services.Filter{After: last, OldestFirst: true}, 1000)
				if err != nil || t.Failed() {
					t.Error(err)
					return
				}
				for _, packet := range packets {
					last = packet.ID
					seen++
				}
			}
		})
		wg.Wait()
		before := time.Time{}
		for packet, err := range p.Export(t.Context(), p.wind.ID, services.Filter{}) {
			assert.NoError(t, err)
			if packet.CreatedAt.Before(before) {
				t.Fatalf("packet %d is of %v, one before it of %v", packet.ID, packet.CreatedAt, before)
			}
			before = packet.CreatedAt
		}
	})
}

func TestAppendWithdrawnOrRefused(t *testing.T) {
	packetTest(t, func(t *testing.T, p *packetStore) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := p.Append(ctx, p.wind, "ada", []models.Draft{draft("k", "")})
		assert.ErrorIs(t, err, context.Canceled)
		// A channel that does not exist fails alone.
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				c := p.wind
				if i == 3 {
					c.ID = 77
				}
				_, err := p.Append(t.Context(), c, "ada", []models.Draft{draft("k", fmt.Sprint(i))})
				if (err != nil) != (i == 3) {
					t.Errorf("sender %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		assert.Equal(t, len(p.export(services.Filter{})), 7)
	})
}

// What waits is bounded in bytes too, and the rest told to come back.
func TestOverload(t *testing.T) {
	onEach(t, database.Migrations(), func(t *testing.T, d *db.DB) {
		wind := newChannel(t, database.New(d, newKeys(t).ring), "wind", true)
		p := database.NewPackets(d, database.PacketsOptions{}) // does not run yet
		large := make([]models.Draft, 600)
		for i := range large {
			large[i] = models.Draft{Kind: "k", Payload: jsontext.Value(`{"x":"` + strings.Repeat("x", 60<<10) + `"}`)}
		}
		var wg sync.WaitGroup
		results := make(chan error, 3)
		for range cap(results) {
			wg.Go(func() {
				_, err := p.Append(t.Context(), wind, "ada", large)
				results <- err
			})
		}
		for range 2 { // one fits, 36 MB
			err := <-results
			assert.ErrorIs(t, err, db.ErrUnavailable)
			assert.ErrorIs(t, err, db.ErrOverloaded)
		}
		run(t, p)
		assert.NoError(t, <-results)
		wg.Wait()
		receipts, err := p.Append(t.Context(), wind, "ada", large[:1])
		assert.NoError(t, err)
		assert.Equal(t, receipts, []models.Receipt{{ID: 601}})
	})
}

func TestAppendAfterTheEnd(t *testing.T) {
	onEach(t, database.Migrations(), func(t *testing.T, d *db.DB) {
		wind := newChannel(t, database.New(d, newKeys(t).ring), "wind", true)
		p := database.NewPackets(d, database.PacketsOptions{})
		ctx, stop := context.WithCancel(t.Context())
		stop()
		assert.NoError(t, p.Run(ctx))
		_, err := p.Append(t.Context(), wind, "ada", []models.Draft{draft("k", "")})
		if !errors.Is(err, db.ErrClosed) {
			t.Fatalf("error is %v, want ErrClosed", err)
		}
	})
}
