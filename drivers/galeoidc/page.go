package galeoidc

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/galeweb/gale/web"
)

// errorPage keeps the JSON of an error back: it comes from op as well as from
// here, and a person may be reading.
type errorPage struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// WriteHeader implements http.ResponseWriter.
func (p *errorPage) WriteHeader(status int) {
	if p.status = status; status < http.StatusBadRequest {
		p.ResponseWriter.WriteHeader(status)
	}
}

// Write implements http.ResponseWriter.
func (p *errorPage) Write(b []byte) (int, error) {
	if p.status >= http.StatusBadRequest {
		return p.body.Write(b)
	}
	return p.ResponseWriter.Write(b)
}

// show writes the error, if there is one: a page for people, for programs what
// was kept back.
func (p *errorPage) show(r *http.Request, people web.Renderer) {
	if p.status < http.StatusBadRequest {
		return
	}
	var e struct {
		Code    string `json:"error"`
		Message string `json:"error_description"`
	}
	if err := json.Unmarshal(p.body.Bytes(), &e); err != nil {
		e.Code, e.Message = "server_error", "internal error"
	}
	web.Negotiate{People: people, Programs: p}.RenderError(p.ResponseWriter, r, &web.Error{Status: p.status, Code: e.Code, Message: e.Message})
}

// RenderError implements [web.Renderer] for programs.
func (p *errorPage) RenderError(w http.ResponseWriter, _ *http.Request, e *web.Error) {
	w.WriteHeader(e.Status)
	// An error here is that of a connection which is gone.
	_, _ = w.Write(p.body.Bytes())
}
