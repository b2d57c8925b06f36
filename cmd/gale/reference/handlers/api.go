package handlers

import (
	"context"
	"net/http"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/db"
)

// API is what programs do with channels.
type API struct {
	Site
	Service *services.Channels
}

// Docs shows how the API is used.
func (h *API) Docs(w http.ResponseWriter, r *http.Request) error {
	return h.Views.Render(w, r, http.StatusOK, "api", nil)
}

// ChannelsIn is what List takes.
type ChannelsIn struct {
	Limit  int    `query:"limit" default:"100" validate:"min=1,max=1000"`
	Cursor string `query:"cursor"`
}

// ChannelOut is a channel as programs see it.
type ChannelOut struct {
	Name   string `json:"name"`
	Title  string `json:"title"`
	Public bool   `json:"public"`
}

// List returns the channels that the caller may watch, by name.
func (h *API) List(ctx context.Context, in ChannelsIn) (db.Page[ChannelOut], error) {
	after := ""
	if in.Cursor != "" {
		if err := db.DecodeCursor(in.Cursor, &after); err != nil || models.CheckChannelName(after) != "" {
			return db.Page[ChannelOut]{}, badCursor(err)
		}
	}
	channels, err := h.Service.Store.Channels(ctx, h.Auth.Can(ctx, services.MayWatch), after, in.Limit+1)
	if err != nil {
		return db.Page[ChannelOut]{}, Told(err)
	}
	out := make([]ChannelOut, len(channels))
	for i, c := range channels {
		out[i] = ChannelOut{c.Name, c.Title, c.Public}
	}
	return db.NewPage(out, in.Limit, func(c ChannelOut) string { return db.EncodeCursor(c.Name) }), nil
}

// CreateIn is what Create takes.
type CreateIn struct {
	Body struct {
		Name   string `json:"name"`
		Title  string `json:"title"`
		Public bool   `json:"public"`
	}
}

// Created is a new channel.
type Created struct{ ChannelOut }

// StatusCode makes the answer a 201.
func (Created) StatusCode() int { return http.StatusCreated }

// Create makes a channel.
func (h *API) Create(ctx context.Context, in CreateIn) (Created, error) {
	b := in.Body
	c, err := h.Service.Create(ctx, h.Auth.MustUser(ctx).ID, b.Name, b.Title, b.Public)
	return Created{ChannelOut{c.Name, c.Title, c.Public}}, Told(err)
}
