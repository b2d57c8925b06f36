package view

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// ErrUnknown is returned for a page or block that the set does not have.
var ErrUnknown = errors.New("view: no such template")

// Options sets up a [Set]. The zero value serves templates that use neither
// url nor static.
type Options struct {
	// Layout is the template that pages are put into. Defaults to "layouts/base"
	// when there is such a file, else pages are rendered as they are.
	Layout string
	// Funcs are functions for templates, besides the built-in ones.
	Funcs template.FuncMap
	// URL returns the address of a named route; it is the function url. The
	// router's URL method fits.
	URL func(name string, pairs ...string) (string, error)
	// HasURL reports whether there is a route of that name; literal names are
	// checked with it at the start. Optional.
	HasURL func(name string) bool
	// Static returns the address of an asset, and an error when there is no
	// such asset; it is the function static.
	Static func(name string) (string, error)
	// Nonce returns the CSP nonce of a request; middleware.Nonce fits.
	Nonce func(context.Context) string
	// App returns what every page needs of a request; it is called once a
	// render, and only when the template asks.
	App func(*http.Request) any
	// Reload parses the templates again when a file has changed. For
	// development: each render then asks for every file's time.
	Reload bool
	// Now is the clock of the function ago. Defaults to [time.Now].
	Now func() time.Time
}

// Set is a parsed tree of templates.
type Set struct {
	fsys    fs.FS
	o       Options
	buffers sync.Pool

	parsed atomic.Pointer[parsed]
	reload sync.Mutex
}

// New parses every template in fsys. The error names file and line.
func New(fsys fs.FS, o Options) (*Set, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Set{fsys: fsys, o: o}
	s.buffers.New = func() any { return new(bytes.Buffer) }
	p, err := s.parse()
	if err != nil {
		return nil, err
	}
	s.parsed.Store(p)
	return s, nil
}

// Render writes the page called name with data as its .Data. Nothing is
// written when it returns an error, unless the client's connection failed.
func (s *Set) Render(w http.ResponseWriter, r *http.Request, status int, name string, data any) error {
	return s.render(w, r, status, name, "", data)
}

// Fragment writes one block of a page without its layout, for requests that
// replace a part of a page.
func (s *Set) Fragment(w http.ResponseWriter, r *http.Request, status int, name, block string, data any) error {
	return s.render(w, r, status, name, block, data)
}

func (s *Set) render(w http.ResponseWriter, r *http.Request, status int, name, block string, data any) error {
	set, err := s.current()
	if err != nil {
		return err
	}
	page, ok := set.pages[name]
	if !ok {
		return fmt.Errorf("%w: page %q", ErrUnknown, name)
	}
	entry := page.entry
	if block != "" {
		if page.template.Lookup(block) == nil {
			return fmt.Errorf("%w: block %q of page %q", ErrUnknown, block, name)
		}
		entry = block
	}
	return s.send(w, status, func(buf io.Writer) error {
		return page.template.ExecuteTemplate(buf, entry, &Page{set: s, r: r, Data: data})
	})
}

// Component is a piece of HTML that renders itself. The components of templ
// and gomponents-like libraries satisfy it.
type Component interface {
	Render(ctx context.Context, w io.Writer) error
}

// Write sends a component as a whole response.
func (s *Set) Write(w http.ResponseWriter, r *http.Request, status int, c Component) error {
	return s.send(w, status, func(buf io.Writer) error { return c.Render(r.Context(), buf) })
}

// send writes what fill made, once it is whole.
func (s *Set) send(w http.ResponseWriter, status int, fill func(io.Writer) error) error {
	buf := s.buffers.Get().(*bytes.Buffer)
	defer s.buffers.Put(buf)
	buf.Reset()
	if err := fill(buf); err != nil {
		return fmt.Errorf("view: %w", err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(buf.Len()))
	w.WriteHeader(status)
	_, err := w.Write(buf.Bytes())
	return err
}

// current returns the parsed templates, parsing anew when a file changed and
// Reload is set. A tree that does not parse stays the error of every render
// until it is mended.
func (s *Set) current() (*parsed, error) {
	p := s.parsed.Load()
	if !s.o.Reload {
		return p, nil
	}
	s.reload.Lock()
	defer s.reload.Unlock()
	stamp, err := s.stamp()
	if err != nil {
		return nil, err
	}
	if p = s.parsed.Load(); stamp == p.stamp {
		return p, nil
	}
	if p, err = s.parse(); err != nil {
		return nil, err
	}
	s.parsed.Store(p)
	return p, nil
}
