package handlers

import (
	"context"
	"net/http"
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
	return c, Told(err)
}

// ListIn is what List takes.
type ListIn struct {
	Channel string    `path:"channel"`
	Kind    string    `query:"kind" validate:"max=64"`
	Sender  string    `query:"sender" validate:"max=80"`
	Since   time.Time `query:"since"`
	Until   time.Time `query:"until"`
	Limit   int       `query:"limit" default:"100" validate:"min=1,max=1000"`
	After   *int64    `query:"after" validate:"omitnil,min=0"`
	Cursor  string    `query:"cursor"`
}

// filter returns the filter that in asks for. A cursor continues a list in its
// direction: newest first, or oldest first when the list began with after.
func (in ListIn) filter() (services.Filter, error) {
	f := services.Filter{Kind: in.Kind, Sender: in.Sender, Since: in.Since, Until: in.Until}
	if in.After != nil {
		f.After, f.OldestFirst = *in.After, true
	}
	if in.Cursor == "" {
		return f, nil
	}
	var direction string
	var id int64
	err := db.DecodeCursor(in.Cursor, &direction, &id)
	switch {
	case err == nil && id > 0 && direction == "after":
		f.After, f.OldestFirst = id, true
		return f, nil
	case err == nil && id > 0 && direction == "before" && in.After == nil:
		f.Before = id
		return f, nil
	}
	return f, badCursor(err)
}

func badCursor(err error) error {
	return &web.Error{
		Status: http.StatusBadRequest, Code: "bad_cursor", Message: "The cursor is not one of this list.", Err: err,
		Problems: []web.Problem{{Parameter: "cursor", In: "query", Code: "cursor", Detail: "must be the next of a page of this list"}},
	}
}

// List returns a page of a channel's packets: the newest first, or with after
// those that follow a packet, oldest first. Large packets make a page shorter
// than asked for; next then goes on.
func (h *Packets) List(ctx context.Context, in ListIn) (db.Page[models.Packet], error) {
	page := db.Page[models.Packet]{Items: []models.Packet{}}
	c, err := h.visible(ctx, in.Channel)
	if err != nil {
		return page, err
	}
	f, err := in.filter()
	if err != nil {
		return page, err
	}
	packets, more, err := h.Service.Store.Packets(ctx, c.ID, f, in.Limit)
	if err != nil {
		return page, Told(err)
	}
	page.Items = append(page.Items, packets...)
	if more {
		direction := "before"
		if f.OldestFirst {
			direction = "after"
		}
		page.Next = db.EncodeCursor(direction, packets[len(packets)-1].ID)
	}
	return page, nil
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
	return RateOut{since.Unix(), counts}, Told(err)
}
