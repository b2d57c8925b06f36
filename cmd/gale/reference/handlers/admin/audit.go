package admin

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/galeweb/gale/auth/audit"
	"github.com/galeweb/gale/cmd/gale/reference/handlers"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/web"
)

// Audit is the page on which admins see what mattered for security.
type Audit struct {
	handlers.Site
	Accounts *services.Accounts
}

// auditPage is a part of the log.
type auditPage struct {
	Tab         string
	Checked     audit.Checked
	Entries     []audit.Entry
	Names       map[string]string // of the users who are targets, by their ids
	Typed       url.Values        // into the filter
	Outcomes    []audit.Outcome
	Query, Next string
}

// Show lists records, the newest first.
func (h *Audit) Show(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	filter, query, err := h.filter(r)
	if err != nil {
		return err
	}
	filter.Before = r.URL.Query().Get("before")
	found, err := h.Audit.List(ctx, filter)
	if err != nil {
		return err
	}
	page := auditPage{
		Tab: "audit", Checked: h.Audit.Checked(), Entries: found.Items, Typed: maps.Clone(query),
		Outcomes: []audit.Outcome{audit.OK, audit.Refused, audit.Error}, Query: query.Encode(),
	}
	var targets []string
	for _, e := range found.Items {
		targets = append(targets, e.Target)
	}
	if page.Names, err = h.Accounts.Names.Names(ctx, targets); err != nil {
		return err
	}
	if found.Next != "" {
		query.Set("before", found.Next)
		page.Next = query.Encode()
	}
	return h.Views.Render(w, r, http.StatusOK, "admin/audit", page)
}

// Verify looks now whether the log still holds, as is done by itself each day.
func (h *Audit) Verify(w http.ResponseWriter, r *http.Request) error {
	if found := h.Audit.Check(r.Context()); found.Err != nil {
		return found.Err
	}
	return h.Redirect(w, r, "admin.audit")
}

// Export sends all records of the filter as lines of JSON, the oldest first.
func (h *Audit) Export(w http.ResponseWriter, r *http.Request) error {
	filter, _, err := h.filter(r)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Content-Disposition", `attachment; filename="relay-audit.ndjson"`)
	return h.Audit.Export(r.Context(), w, filter)
}

// filter returns what to show, and the query that says so. Users may be given by
// name or mail address too.
func (h *Audit) filter(r *http.Request) (f audit.Filter, query url.Values, err error) {
	in, query := r.URL.Query(), url.Values{}
	for _, name := range []string{"actor", "target", "action", "outcome", "since", "request"} {
		if v := strings.TrimSpace(in.Get(name)); v != "" {
			query.Set(name, v)
		}
	}
	f = audit.Filter{Action: query.Get("action"), Outcome: audit.Outcome(query.Get("outcome")), RequestID: query.Get("request")}
	for name, id := range map[string]*string{"actor": &f.Actor, "target": &f.Target} {
		if query.Has(name) {
			if *id, err = h.Accounts.IDOf(r.Context(), query.Get(name)); err != nil {
				return f, nil, err
			}
		}
	}
	if since := query.Get("since"); since != "" {
		if f.From, err = time.Parse(time.DateOnly, since); err != nil {
			return f, nil, &web.Error{Status: http.StatusUnprocessableEntity, Message: "since must be a date such as 2026-11-28.", Err: err}
		}
	}
	return f, query, nil
}
