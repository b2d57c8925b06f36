package web

import (
	"context"
	"net/http"
	"strings"

	"github.com/galeweb/gale/internal/accept"
	"github.com/galeweb/gale/internal/ctxkey"
)

// Renderer writes an error to the client. The header has not gone; e is a copy
// whose Status and Message are set, and whose Header is in the response
// already. It must show nothing of e.Err. It is used by many goroutines at once.
type Renderer interface {
	RenderError(w http.ResponseWriter, r *http.Request, e *Error)
}

var rendererKey = ctxkey.New[Renderer]("web.Renderer")

// WithRenderer returns a middleware that has rd write the errors below it: one
// renderer for a site, another for the group of routes under /api. Without it
// errors are written by [Negotiate]. It panics when rd is nil.
func WithRenderer(rd Renderer) func(http.Handler) http.Handler {
	if rd == nil {
		panic("web: WithRenderer got nil; pass web.Negotiate{} for the default")
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(rendererKey.With(r.Context(), rd)))
		})
	}
}

func rendererFrom(ctx context.Context) Renderer {
	if rd, ok := rendererKey.Value(ctx); ok {
		return rd
	}
	return Negotiate{}
}

// Negotiate is the default [Renderer]: pages for people and problem details
// for programs. A client is a person's browser when its Accept header prefers
// HTML to JSON, by name; "*/*", as sent by curl and by scripts, is a program.
type Negotiate struct {
	// People writes to browsers. Defaults to [Pages].
	People Renderer
	// Programs writes to all others. Defaults to [Problems].
	Programs Renderer
}

// RenderError implements [Renderer].
func (n Negotiate) RenderError(w http.ResponseWriter, r *http.Request, e *Error) {
	w.Header().Add("Vary", "Accept")
	rd := n.Programs
	if prefersHTML(r.Header.Values("Accept")) {
		rd = n.People
		if rd == nil {
			rd = Pages{}
		}
	} else if rd == nil {
		rd = Problems{}
	}
	rd.RenderError(w, r, e)
}

// prefersHTML reports whether an HTML type is named in the Accept header with
// a higher quality than any JSON type (RFC 9110, 12.5.1).
func prefersHTML(lines []string) bool {
	var html, json int
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			name, params, _ := strings.Cut(part, ";")
			name = strings.ToLower(strings.TrimSpace(name))
			switch {
			case name == "text/html" || name == "application/xhtml+xml":
				html = max(html, accept.Quality(params))
			case name == "application/json" || strings.HasSuffix(name, "+json"):
				json = max(json, accept.Quality(params))
			}
		}
	}
	return html > json
}
