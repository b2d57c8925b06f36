package handlers

import (
	"net/http"
	"net/url"
	"time"

	"github.com/galeweb/gale/auth/audit"
	"github.com/galeweb/gale/web"
)

// Audit is the page on which admins see what mattered for security.
type Audit struct{ Site }

// Show lists records, the newest first.
func (h *Audit) Show(w http.ResponseWriter, r *http.Request) error {
	filter, query, err := auditFilter(r)
	if err != nil {
		return err
	}
	filter.Before = r.URL.Query().Get("before")
	found, err := h.Audit.List(r.Context(), filter)
	if err != nil {
		return err
	}
	page := struct {
		Tab                           string
		Checked                       audit.Checked
		Entries                       []audit.Entry
		Actor, Action, Outcome, Since string
		Outcomes                      []audit.Outcome
		Query, Next                   string
	}{
		Tab: "audit", Checked: h.Audit.Checked(), Entries: found.Items, Actor: filter.Actor, Action: filter.Action, Outcome: string(filter.Outcome),
		Since: r.URL.Query().Get("since"), Outcomes: []audit.Outcome{audit.OK, audit.Refused, audit.Error}, Query: query.Encode(),
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
	return h.to(w, r, "admin.audit")
}

// Export sends all records of the filter as lines of JSON, the oldest first.
func (h *Audit) Export(w http.ResponseWriter, r *http.Request) error {
	filter, _, err := auditFilter(r)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Content-Disposition", `attachment; filename="relay-audit.ndjson"`)
	return h.Audit.Export(r.Context(), w, filter)
}

func auditFilter(r *http.Request) (f audit.Filter, query url.Values, err error) {
	in, query := r.URL.Query(), url.Values{}
	for _, name := range []string{"actor", "action", "outcome", "since"} {
		if v := in.Get(name); v != "" {
			query.Set(name, v)
		}
	}
	f = audit.Filter{Actor: in.Get("actor"), Action: in.Get("action"), Outcome: audit.Outcome(in.Get("outcome"))}
	if since := in.Get("since"); since != "" {
		if f.From, err = time.Parse(time.DateOnly, since); err != nil {
			return f, nil, &web.Error{Status: http.StatusUnprocessableEntity, Message: "since must be a date such as 2026-11-28.", Err: err}
		}
	}
	return f, query, nil
}
