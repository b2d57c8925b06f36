package services

import (
	"context"
	"iter"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/models"
)

// PacketStore keeps packets.
type PacketStore interface {
	// Append stores the drafts, all or none, and returns one receipt each once
	// they are committed. Ids grow in the order of commits.
	Append(ctx context.Context, c models.Channel, sender string, drafts []models.Draft) ([]models.Receipt, error)
	// Packets returns packets that match f: at most limit, and no further one
	// once their payloads come to [PageBytes]. More says that there are others.
	Packets(ctx context.Context, channelID int64, f Filter, limit int) (packets []models.Packet, more bool, err error)
	// Export yields all packets that match f, oldest first.
	Export(ctx context.Context, channelID int64, f Filter) iter.Seq2[models.Packet, error]
}

// Filter narrows a list of packets; zero fields do not.
type Filter struct {
	Kind, Sender string
	Since, Until time.Time // Since is included, Until is not
	Before       int64     // only ids below
	After        int64     // only ids above
	OldestFirst  bool      // else the newest
}

// PageBytes bounds the memory of one page.
const PageBytes = 4 << 20

// Packets takes packets in and hands them out.
type Packets struct{ Store PacketStore }

// Send checks and stores drafts, all or none. What is wrong is [BadDrafts]; on
// success every draft is committed.
func (s *Packets) Send(ctx context.Context, c models.Channel, sender string, drafts []models.Draft) ([]models.Receipt, error) {
	var bad BadDrafts
	for i, d := range drafts {
		for _, f := range d.Check() {
			bad = append(bad, BadDraft{Index: i, Flaw: f})
		}
	}
	switch {
	case len(bad) > 0:
		return nil, bad
	case len(drafts) == 0:
		return nil, nil
	}
	return s.Store.Append(ctx, c, sender, drafts)
}

// BadDraft is one thing wrong with the draft at Index.
type BadDraft struct {
	Index int
	models.Flaw
}

// BadDrafts is everything wrong with what was sent.
type BadDrafts []BadDraft

// Error describes the first flaw.
func (b BadDrafts) Error() string {
	return "services: bad packet: " + b[0].Pointer + " " + b[0].Detail
}
