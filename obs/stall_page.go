package obs

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"strings"
	"time"
)

const stallsPath = "/debug/stalls"

// mountStalls serves the list of stalls, as a page or for ?format=json, and
// the traces as files for go tool trace.
func mountStalls(mux *http.ServeMux, watch *StallWatch) {
	mux.HandleFunc("GET "+stallsPath, watch.list)
	mux.HandleFunc("GET "+stallsPath+"/{name}", watch.trace)
}

func (w *StallWatch) list(rw http.ResponseWriter, r *http.Request) {
	stalls := w.Stalls()
	for i := range stalls {
		if w.tape.get(traceName(stalls[i].Trace)) == nil {
			stalls[i].Trace = "" // it gave way to newer ones
		}
	}
	rw.Header().Set("Cache-Control", "no-store")
	if r.FormValue("format") == "json" {
		rw.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(rw).Encode(struct {
			Found  uint64  `json:"found"`
			Stalls []Stall `json:"stalls"`
		}{w.Count(), stalls})
		return
	}
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(rw, w.page(stalls))
}

func (w *StallWatch) page(stalls []Stall) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<!doctype html>\n<title>stalls</title>\n<h1>stalls</h1>\n"+
		"<p>Handlers past their budget of %v: %d. The last of them, the newest first; also as <a href=\"%s?format=json\">JSON</a>.\n",
		w.o.Budget, w.Count(), stallsPath)
	for _, s := range stalls {
		title := fmt.Sprintf("%d. %s %s %s after %v", s.ID, s.Time.UTC().Format(time.RFC3339), s.Method, s.Path, s.Age.Round(time.Millisecond))
		fmt.Fprintf(&b, "<h2>%s</h2>\n<p>route %s, request %s", html.EscapeString(title),
			html.EscapeString(s.Route), html.EscapeString(s.RequestID))
		if s.Waits != "" {
			fmt.Fprintf(&b, ", waits for %s", html.EscapeString(s.Waits))
		}
		if s.Trace != "" {
			fmt.Fprintf(&b, `, <a href="%s">trace</a> (go tool trace FILE)`, html.EscapeString(s.Trace))
		}
		fmt.Fprintf(&b, "\n<pre>%s</pre>\n", html.EscapeString(strings.Join(s.Stack, "\n")))
	}
	return b.String()
}

func (w *StallWatch) trace(rw http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	data := w.tape.get(name)
	if data == nil {
		http.Error(rw, "no such trace; only the newest are kept", http.StatusNotFound)
		return
	}
	binary(rw, name) // of our own making, since it was found
	_, _ = rw.Write(data)
}

func traceName(path string) string { return strings.TrimPrefix(path, stallsPath+"/") }
