package handlers

import (
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/web"
)

// Stall is how long a reader of an export may take for a few packets.
const Stall = time.Minute

// Export streams all packets of a channel, oldest first, one JSON line each.
func (h *Packets) Export(w http.ResponseWriter, r *http.Request) error {
	c, err := h.visible(r.Context(), r.PathValue("channel"))
	if err != nil {
		return err
	}
	f, err := exportFilter(r.URL.RawQuery)
	if err != nil {
		return err
	}
	web.Attachment(w, c.Name+".ndjson")
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", "application/x-ndjson")
		w.WriteHeader(http.StatusOK)
		return nil // reading all of it would tell no more
	}
	control := http.NewResponseController(w)
	err = web.NDJSON(w, r, unstalled(control, h.Service.Store.Export(r.Context(), c.ID, f)))
	if err == nil {
		err = control.Flush()
	}
	if err != nil {
		return Told(err)
	}
	return control.SetWriteDeadline(time.Time{}) // the connection goes on
}

// unstalled moves the write deadline on while seq is read: a reader may take as
// long as the data does, but one that stops is cut off after the time of
// Stall. (While seq runs, lines may be on their way by NDJSON's clock; deadlines
// can be moved meanwhile.)
func unstalled(control *http.ResponseController, seq iter.Seq2[models.Packet, error]) iter.Seq2[models.Packet, error] {
	return func(yield func(models.Packet, error) bool) {
		var moved time.Time
		for p, err := range seq {
			if now := time.Now(); err == nil && now.Sub(moved) > Stall/8 {
				err, moved = control.SetWriteDeadline(now.Add(Stall)), now
			}
			if !yield(p, err) || err != nil {
				return
			}
		}
	}
}

// exportFilter reads the query of Export, with the same parameters as List,
// save those of paging.
func exportFilter(raw string) (services.Filter, error) {
	f := services.Filter{OldestFirst: true}
	query, err := url.ParseQuery(raw)
	if err != nil {
		return f, badQuery(web.Problem{In: "query", Code: "syntax", Detail: "the query string is not encoded correctly"})
	}
	var bad []web.Problem
	for _, name := range slices.Sorted(maps.Keys(query)) {
		text := query[name][0]
		code, detail := "", ""
		switch {
		case text == "": // counts as absent
		case len(query[name]) > 1:
			code, detail = "repeated", "must be given once"
		case !utf8.ValidString(text) || len(text) > 100 || slices.ContainsFunc([]rune(text), unicode.IsControl):
			code, detail = "text", "must be a short line of UTF-8"
		case name == "kind":
			f.Kind = text
		case name == "sender":
			f.Sender = text
		case name == "since" || name == "until":
			at, err := time.Parse(time.RFC3339, text)
			if err != nil {
				code, detail = "time", "must be a time such as 2026-01-31T12:00:00Z"
			}
			if name == "since" {
				f.Since = at
			} else {
				f.Until = at
			}
		case name == "after":
			if f.After, err = strconv.ParseInt(text, 10, 64); err != nil || f.After < 0 {
				code, detail = "type", "must be the number of a packet"
			}
		default:
			code, detail = "unknown", "is not known"
		}
		if code != "" {
			bad = append(bad, web.Problem{Parameter: name, In: "query", Code: code, Detail: detail})
		}
	}
	if bad != nil {
		return f, badQuery(bad...)
	}
	return f, nil
}

func badQuery(problems ...web.Problem) error {
	return &web.Error{Status: http.StatusBadRequest, Code: "malformed", Message: "The request could not be read.", Problems: problems}
}
