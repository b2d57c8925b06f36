package handlers

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/web"
)

// Channels are the pages that list, create and show channels.
type Channels struct {
	Site
	Service *services.Channels
	Packets *services.Packets
	Live    Live
}

// Live says where the stream of a topic stands, for pages to follow it from.
type Live interface {
	Position(ctx context.Context, name string) (hub.Position, error)
}

const (
	channelsPerPage = 60
	packetsPerPage  = 50
)

type homePage struct {
	Channels []models.Channel
	Next     string
	Form     *Form
}

// Home lists the channels that the visitor may watch.
func (h *Channels) Home(w http.ResponseWriter, r *http.Request) error {
	return h.home(w, r, http.StatusOK, NewForm("public", "true"))
}

func (h *Channels) home(w http.ResponseWriter, r *http.Request, status int, form *Form) error {
	all := h.Auth.Can(r.Context(), services.MayWatch)
	channels, err := h.Service.Store.Channels(r.Context(), all, r.URL.Query().Get("after"), channelsPerPage+1)
	if err != nil {
		return err
	}
	page := homePage{Channels: channels, Form: form}
	if len(channels) > channelsPerPage {
		page.Channels = channels[:channelsPerPage]
		page.Next = page.Channels[channelsPerPage-1].Name
	}
	return h.Views.Render(w, r, status, "home", page)
}

// Create makes a channel and goes to it.
func (h *Channels) Create(w http.ResponseWriter, r *http.Request) error {
	in, err := web.Form[struct {
		Name   string `form:"name"`
		Title  string `form:"title"`
		Public bool   `form:"public"`
	}](w, r)
	var c models.Channel
	if err == nil {
		c, err = h.Service.Create(r.Context(), h.Auth.MustUser(r.Context()).ID, in.Name, in.Title, in.Public)
	}
	if err != nil {
		form := NewForm("name", in.Name, "title", in.Title, "public", strconv.FormatBool(in.Public))
		if !form.Refuse(err) {
			return err
		}
		return h.home(w, r, http.StatusUnprocessableEntity, form)
	}
	return h.Redirect(w, r, "channel", "channel", c.Name)
}

type channelPage struct {
	Channel  models.Channel
	Packets  []models.Packet
	Filter   services.Filter
	Filtered bool
	Live     bool         // the newest packets, followed by the page's script
	Position hub.Position // from which it follows
	Last     int64        // id of the newest packet shown
	Older    string       // address of the next page
	Export   string
}

// Show shows the newest packets of a channel, or those before a given one.
func (h *Channels) Show(w http.ResponseWriter, r *http.Request) error {
	ctx, query := r.Context(), r.URL.Query()
	c, err := h.Service.Visible(ctx, r.PathValue("channel"), h.Auth.Can(ctx, services.MayWatch))
	if err != nil {
		return err
	}
	f := services.Filter{Kind: query.Get("kind"), Sender: query.Get("sender")}
	if before := query.Get("before"); before != "" {
		if f.Before, err = strconv.ParseInt(before, 10, 64); err != nil || f.Before <= 0 {
			return &web.Error{Status: http.StatusBadRequest, Message: "before must be the number of a packet."}
		}
	}
	page := channelPage{Channel: c, Filter: f, Filtered: f.Kind != "" || f.Sender != ""}
	page.Live = !page.Filtered && f.Before == 0
	if page.Live {
		// Before the packets are read: one that is stored in between comes
		// twice, which the script sees by its id, rather than never.
		if page.Position, err = h.Live.Position(ctx, "packets/"+c.Name); err != nil {
			return err
		}
	}
	packets, more, err := h.Packets.Store.Packets(ctx, c.ID, f, packetsPerPage)
	if err != nil {
		return err
	}
	page.Packets = packets
	if len(packets) > 0 {
		page.Last = packets[0].ID
	}
	kept := url.Values{}
	for name, value := range map[string]string{"kind": f.Kind, "sender": f.Sender} {
		if value != "" {
			kept.Set(name, value)
		}
	}
	if page.Export, err = h.URL("api.export", "channel", c.Name); err != nil {
		return err
	}
	if len(kept) > 0 {
		page.Export += "?" + kept.Encode()
	}
	if more {
		kept.Set("before", strconv.FormatInt(packets[len(packets)-1].ID, 10))
		page.Older = "?" + kept.Encode()
	}
	return h.Views.Render(w, r, http.StatusOK, "channels/show", page)
}
