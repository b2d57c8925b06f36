package web

import (
	"html"
	"net/http"
	"strconv"
	"strings"

	"github.com/galeweb/gale/obs"
)

// Pages is the [Renderer] for people: a plain HTML page with the message, the
// problems, the status and the request id. It has no style, script or asset,
// so that any Content-Security-Policy lets it through, and follows the
// browser's light or dark scheme.
type Pages struct{}

// RenderError implements [Renderer].
func (Pages) RenderError(w http.ResponseWriter, r *http.Request, e *Error) {
	title := http.StatusText(e.Status)
	if title == "" {
		title = "Error"
	}
	var b strings.Builder
	b.WriteString(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>`)
	b.WriteString(html.EscapeString(title))
	b.WriteString("</title>\n</head>\n<body>\n<main>\n<h1>")
	b.WriteString(html.EscapeString(title))
	b.WriteString("</h1>\n")
	if e.Message != title {
		b.WriteString("<p>" + escape(e.Message) + "</p>\n")
	}
	if len(e.Problems) > 0 {
		b.WriteString("<ul>\n")
		for _, p := range e.Problems {
			b.WriteString("<li>")
			if place := p.Parameter + p.Pointer; place != "" {
				b.WriteString("<code>" + escape(place) + "</code> ")
			}
			b.WriteString(escape(p.Detail) + "</li>\n")
		}
		b.WriteString("</ul>\n")
	}
	b.WriteString("<p><small>Status " + strconv.Itoa(e.Status))
	if id := obs.RequestFrom(r.Context()).ID(); id != "" {
		b.WriteString(", request <code>" + escape(id) + "</code>")
	}
	b.WriteString("</small></p>\n</main>\n</body>\n</html>\n")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = send(w, e.Status, b.String())
}

func escape(s string) string { return html.EscapeString(strings.ToValidUTF8(s, "\uFFFD")) }
