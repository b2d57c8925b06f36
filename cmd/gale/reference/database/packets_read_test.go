package database_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
)

func TestFilters(t *testing.T) {
	packetTest(t, func(t *testing.T, p *packetStore) {
		p.append("ada", draft("a", ""), draft("b", ""))       // 1 2
		p.append("bob/probe", draft("a", ""), draft("b", "")) // 3 4
		sea := newChannel(t, p.store, "sea", true)
		_, err := p.Append(t.Context(), sea, "ada", []models.Draft{draft("a", "")}) // 5
		assert.NoError(t, err)
		for _, list := range []struct {
			f    services.Filter
			want []int64
		}{
			{services.Filter{}, []int64{4, 3, 2, 1}},
			{services.Filter{OldestFirst: true}, []int64{1, 2, 3, 4}},
			{services.Filter{Kind: "a"}, []int64{3, 1}},
			{services.Filter{Sender: "bob/probe"}, []int64{4, 3}},
			{services.Filter{Kind: "b", Sender: "ada"}, []int64{2}},
			{services.Filter{Kind: "A"}, nil},
			{services.Filter{Sender: "bob"}, nil},
			{services.Filter{Before: 3}, []int64{2, 1}},
			{services.Filter{After: 3}, []int64{4}},
			{services.Filter{After: 1, Before: 4, OldestFirst: true}, []int64{2, 3}},
			{services.Filter{After: 1 << 62}, nil},
			{services.Filter{Kind: "\x00"}, nil},
			{services.Filter{Sender: "\xff"}, nil},
			{services.Filter{Kind: "' OR 1=1 --"}, nil},
		} {
			ids, more := p.list(list.f, 10)
			assert.Equal(t, ids, list.want)
			assert.Equal(t, more, false)
			slices.Sort(list.want)
			assert.Equal(t, p.export(list.f), list.want) // always oldest first
		}
	})
}

func TestPages(t *testing.T) {
	packetTest(t, func(t *testing.T, p *packetStore) {
		const n = 10
		for range n {
			p.append("ada", draft("k", ""))
		}
		for _, limit := range []int{1, 3, 5, 9, 10, 11} {
			for _, oldestFirst := range []bool{false, true} {
				var got []int64
				f := services.Filter{OldestFirst: oldestFirst}
				for {
					ids, more := p.list(f, limit)
					got = append(got, ids...)
					if !more {
						break
					}
					if len(ids) != limit {
						t.Fatalf("limit %d: a page of %d that is not the last", limit, len(ids))
					}
					if oldestFirst {
						f.After = ids[len(ids)-1]
					} else {
						f.Before = ids[len(ids)-1]
					}
				}
				if !oldestFirst {
					slices.Reverse(got)
				}
				assert.Equal(t, got, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
			}
		}
	})
}

func TestPageIsBoundedInBytes(t *testing.T) {
	packetTest(t, func(t *testing.T, p *packetStore) {
		large := models.Draft{Kind: "k", Payload: jsontext.Value(`{"x":"` + strings.Repeat("x", models.MaxPayload-8) + `"}`)}
		var drafts []models.Draft
		const n = services.PageBytes/models.MaxPayload + 10
		for range n {
			drafts = append(drafts, large)
		}
		p.append("ada", drafts...)
		ids, more := p.list(services.Filter{}, 1000)
		assert.Equal(t, len(ids), n-10)
		assert.Equal(t, more, true)
		ids, more = p.list(services.Filter{Before: ids[len(ids)-1]}, 1000)
		assert.Equal(t, len(ids), 10)
		assert.Equal(t, more, false)
		assert.Equal(t, len(p.export(services.Filter{})), n)
	})
}

// Three moments an hour apart, with ids missing between: numbers that were
// taken for duplicates, and another channel's packets.
func TestSinceAndUntil(t *testing.T) {
	packetTest(t, func(t *testing.T, p *packetStore) {
		empty, _ := p.list(services.Filter{Since: start, Until: start.Add(time.Hour)}, 10)
		assert.Equal(t, len(empty), 0)
		sea := newChannel(t, p.store, "sea", true)
		p.append("ada", draft("k", "1"), draft("k", "2")) // 1 2
		for range 20 {
			p.append("ada", draft("k", "1")) // a number each, no packet
		}
		p.clock.Advance(time.Hour)
		_, err := p.Append(t.Context(), sea, "ada", []models.Draft{draft("k", ""), draft("k", "")}) // 23 24
		assert.NoError(t, err)
		p.append("ada", draft("k", ""), draft("k", "")) // 25 26
		p.clock.Advance(time.Hour)
		p.append("ada", draft("k", "")) // 27
		for range 5 {
			p.append("ada", draft("k", "1"))
		}
		second, third := start.Add(time.Hour), start.Add(2*time.Hour)
		for _, list := range []struct {
			since, until time.Time
			want         []int64
		}{
			{start, time.Time{}, []int64{1, 2, 25, 26, 27}},
			{start.Add(time.Microsecond), time.Time{}, []int64{25, 26, 27}},
			{second, time.Time{}, []int64{25, 26, 27}},
			{second.Add(time.Microsecond), time.Time{}, []int64{27}},
			{second, second, nil},
			{second, third, []int64{25, 26}},
			{time.Time{}, start, nil},
			{time.Time{}, start.Add(time.Microsecond), []int64{1, 2}},
			{time.Time{}, third, []int64{1, 2, 25, 26}},
			{third, time.Time{}, []int64{27}},
			{third.Add(time.Microsecond), time.Time{}, nil},
			{time.Unix(0, 0), time.Unix(1<<40, 0), []int64{1, 2, 25, 26, 27}},
			{time.Unix(1<<40, 0), time.Time{}, nil},
			{third, start, nil},
		} {
			assert.Equal(t, p.export(services.Filter{Since: list.since, Until: list.until}), list.want)
		}
	})
}

func TestExportOverSeveralPages(t *testing.T) {
	packetTest(t, func(t *testing.T, p *packetStore) {
		var want []int64
		for i := range 3 {
			var drafts []models.Draft
			for range 500 {
				drafts = append(drafts, draft("k", ""))
				want = append(want, int64(len(want)+1))
			}
			p.append("ada", drafts...)
			assert.Equal(t, p.export(services.Filter{}), want) // one page exactly, then two, then three
			assert.Equal(t, len(p.export(services.Filter{After: 499})), 500*i+1)
		}
		for packet, err := range p.Export(t.Context(), p.wind.ID, services.Filter{}) {
			assert.NoError(t, err)
			if packet.ID == 700 {
				break // leaves nothing open, or the database would not close
			}
		}
	})
}

func TestRate(t *testing.T) {
	packetTest(t, func(t *testing.T, p *packetStore) {
		since := start.Truncate(time.Second)
		rate := func(since time.Time, seconds int) []int {
			t.Helper()
			counts, err := p.Rate(t.Context(), p.wind.ID, since, seconds)
			assert.NoError(t, err)
			return counts
		}
		assert.Equal(t, rate(since, 3), []int{0, 0, 0})
		p.append("ada", draft("k", "1"), draft("k", "2"), draft("k", "2"))
		p.append("bob", draft("k", ""))
		p.append("ada", draft("k", "1")) // a duplicate is none
		sea := newChannel(t, p.store, "sea", true)
		_, err := p.Append(t.Context(), sea, "ada", []models.Draft{draft("k", "")})
		assert.NoError(t, err)
		p.clock.Advance(2 * time.Second)
		p.append("ada", draft("k", ""))
		assert.Equal(t, rate(since, 4), []int{3, 0, 1, 0})
		assert.Equal(t, rate(since.Add(2*time.Second), 2), []int{1, 0})
		assert.Equal(t, rate(since.Add(-time.Second), 2), []int{0, 3})
		p.clock.Advance(time.Hour)
		p.append("ada", draft("k", ""))
		assert.Equal(t, rate(since, 4), []int{0, 0, 0, 0}) // forgotten
		assert.Equal(t, rate(since.Add(time.Hour), 4), []int{0, 0, 1, 0})
	})
}
