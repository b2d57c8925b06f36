package web

import (
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/galeweb/gale/obs"
)

// Problems is the [Renderer] for programs: application/problem+json (RFC 9457)
// with the members type ("about:blank"), title (the status's text), status,
// detail (the message, when it says more than the title), and the extensions
// code, request_id and errors, a list of [Problem].
type Problems struct{}

type problemDetails struct {
	Type      string    `json:"type"`
	Title     string    `json:"title,omitempty"`
	Status    int       `json:"status"`
	Detail    string    `json:"detail,omitempty"`
	Code      string    `json:"code,omitempty"`
	RequestID string    `json:"request_id,omitempty"`
	Errors    []Problem `json:"errors,omitempty"`
}

// RenderError implements [Renderer].
func (Problems) RenderError(w http.ResponseWriter, r *http.Request, e *Error) {
	p := problemDetails{
		Type:      "about:blank",
		Title:     http.StatusText(e.Status),
		Status:    e.Status,
		Detail:    e.Message,
		Code:      e.Code,
		RequestID: obs.RequestFrom(r.Context()).ID(),
		Errors:    e.Problems,
	}
	if p.Detail == p.Title {
		p.Detail = ""
	}
	// The words may quote what the client sent, which need not be UTF-8. With
	// that allowed, a struct of strings always encodes.
	body, _ := json.Marshal(&p, jsontext.AllowInvalidUTF8(true))
	w.Header().Set("Content-Type", "application/problem+json")
	_ = send(w, e.Status, body)
}
