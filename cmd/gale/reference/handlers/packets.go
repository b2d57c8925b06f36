package handlers

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/web"
)

// Packets is the API by which programs send and read packets.
type Packets struct {
	Auth     *auth.Auth[models.Caller]
	Channels *services.Channels
	Service  *services.Packets
	Rates    Rates
	Now      func() time.Time
}

// Rates counts packets by the second, for the chart.
type Rates interface {
	Rate(ctx context.Context, channelID int64, since time.Time, seconds int) ([]int, error)
}

// visible returns the channel of a request when the caller may watch it.
func (h *Packets) visible(ctx context.Context, name string) (models.Channel, error) {
	c, err := h.Channels.Visible(ctx, name, h.Auth.Can(ctx, services.MayWatch))
	return c, answer(err)
}

// ListIn is what List takes.
type ListIn struct {
	Channel string    `path:"channel"`
	Kind    string    `query:"kind" validate:"max=64"`
	Sender  string    `query:"sender" validate:"max=80"`
	Since   time.Time `query:"since"`
	Until   time.Time `query:"until"`
	Limit   int       `query:"limit" default:"100" validate:"min=1,max=1000"`
	After   int64     `query:"after" validate:"min=0"`
	Cursor  string    `query:"cursor"`
}

// filter returns the filter that in asks for. A cursor continues a list in its
// direction: newest first, or oldest first when the list began with after.
func (in ListIn) filter() (services.Filter, error) {
	f := services.Filter{Kind: in.Kind, Sender: in.Sender, Since: in.Since, Until: in.Until, After: in.After}
	if in.Cursor == "" {
		return f, nil
	}
	var direction string
	var id int64
	if err := db.DecodeCursor(in.Cursor, &direction, &id); err != nil || id <= 0 || (direction != "before" && direction != "after") {
		return f, &web.Error{
			Status: http.StatusBadRequest, Code: "bad_cursor", Message: "The cursor is not one of this list.", Err: err,
			Problems: []web.Problem{{Parameter: "cursor", In: "query", Code: "cursor", Detail: "must be the next of a page of this list"}},
		}
	}
	if direction == "after" {
		f.After = id
	} else {
		f.Before, f.After = id, 0
	}
	return f, nil
}

// List returns a page of a channel's packets: the newest first, or with after
// those that follow a packet, oldest first.
func (h *Packets) List(ctx context.Context, in ListIn) (db.Page[models.Packet], error) {
	c, err := h.visible(ctx, in.Channel)
	if err != nil {
		return db.Page[models.Packet]{}, err
	}
	f, err := in.filter()
	if err != nil {
		return db.Page[models.Packet]{}, err
	}
	packets, err := h.Service.Store.Packets(ctx, c.ID, f, in.Limit+1)
	if err != nil {
		return db.Page[models.Packet]{}, answer(err)
	}
	direction := "before"
	if f.After > 0 {
		direction = "after"
	}
	return db.NewPage(packets, in.Limit, func(p models.Packet) string { return db.EncodeCursor(direction, p.ID) }), nil
}

// Export streams all packets of a channel, oldest first, one JSON line each.
func (h *Packets) Export(w http.ResponseWriter, r *http.Request) error {
	c, err := h.visible(r.Context(), r.PathValue("channel"))
	if err != nil {
		return err
	}
	query := r.URL.Query()
	f := services.Filter{Kind: query.Get("kind"), Sender: query.Get("sender")}
	for name, to := range map[string]*time.Time{"since": &f.Since, "until": &f.Until} {
		text := query.Get(name)
		if text == "" {
			continue
		}
		if *to, err = time.Parse(time.RFC3339, text); err != nil {
			return &web.Error{
				Status: http.StatusBadRequest, Message: name + " must be a time such as 2026-01-31T12:00:00Z.", Err: err,
				Problems: []web.Problem{{Parameter: name, In: "query", Code: "time", Detail: "must be a time such as 2026-01-31T12:00:00Z"}},
			}
		}
	}
	web.Attachment(w, c.Name+".ndjson")
	// A reader may take as long as the data does; one that stops reading is
	// found by the server's limit on a stalled write.
	if err := http.NewResponseController(w).SetWriteDeadline(time.Time{}); err != nil {
		return err
	}
	return answer(web.NDJSON(w, r, h.Service.Store.Export(r.Context(), c.ID, f)))
}

// RateIn is what Rate takes.
type RateIn struct {
	Channel string `path:"channel"`
}

// RateOut is how many packets came in each second from From on.
type RateOut struct {
	From   int64 `json:"from"` // Unix seconds
	Counts []int `json:"counts"`
}

// rateSeconds is the width of the chart.
const rateSeconds = 120

// Rate returns the packets per second of the last two minutes.
func (h *Packets) Rate(ctx context.Context, in RateIn) (RateOut, error) {
	c, err := h.visible(ctx, in.Channel)
	if err != nil {
		return RateOut{}, err
	}
	since := h.Now().Truncate(time.Second).Add(-(rateSeconds - 1) * time.Second)
	counts, err := h.Rates.Rate(ctx, c.ID, since, rateSeconds)
	return RateOut{since.Unix(), counts}, answer(err)
}

// badDrafts tells the flaws of drafts with their JSON pointers; those of a
// single packet stand without an index.
func badDrafts(bad services.BadDrafts, single bool) *web.Error {
	e := &web.Error{Status: http.StatusUnprocessableEntity, Code: "invalid", Message: "Nothing was stored; the problems say what is wrong.", Err: bad}
	for _, b := range bad {
		pointer := b.Pointer
		if !single {
			pointer = "/" + strconv.Itoa(b.Index) + b.Pointer
		}
		e.Problems = append(e.Problems, web.Problem{Pointer: pointer, Code: b.Code, Detail: b.Detail})
	}
	return e
}
