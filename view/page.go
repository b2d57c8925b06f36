package view

import (
	"errors"
	"html/template"
	"net/http"
	"strings"
)

// Page is what a template is executed with.
type Page struct {
	// Data is what the handler passed to Render.
	Data any

	set   *Set
	r     *http.Request
	app   any
	asked bool
}

// App returns what Options.App makes of the request, or nil.
func (p *Page) App() any {
	if !p.asked && p.set.o.App != nil {
		p.app, p.asked = p.set.o.App(p.r), true
	}
	return p.app
}

// Nonce returns the CSP nonce for an inline script or style.
func (p *Page) Nonce() (string, error) {
	if p.set.o.Nonce == nil {
		return "", errors.New("view: Options.Nonce is not set")
	}
	return p.set.o.Nonce(p.r.Context()), nil
}

// Path returns the path of the request, to mark the current entry of a menu.
func (p *Page) Path() string { return p.r.URL.Path }

// Component renders c in place.
func (p *Page) Component(c Component) (template.HTML, error) {
	var b strings.Builder
	if err := c.Render(p.r.Context(), &b); err != nil {
		return "", err
	}
	return template.HTML(b.String()), nil // a component escapes for itself
}
