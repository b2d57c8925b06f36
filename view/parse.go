package view

import (
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"text/template/parse"
)

// parsed is one state of the tree.
type parsed struct {
	pages map[string]page
	stamp string
}

type page struct {
	template *template.Template
	entry    string // the template to execute: the layout, or the page itself
}

const defaultLayout = "layouts/base"

var layoutLine = regexp.MustCompile(`^\s*\{\{-?\s*/\*\s*layout:\s*(\S+)\s*\*/\s*-?\}\}`)

func (s *Set) parse() (*parsed, error) {
	stamp, err := s.stamp()
	if err != nil {
		return nil, err
	}
	shared := template.New("").Funcs(s.funcs()).Option("missingkey=error")
	pages := map[string]string{}
	err = s.walk(func(file string, _ fs.FileInfo) error {
		text, err := fs.ReadFile(s.fsys, file)
		if err != nil {
			return err
		}
		name := strings.TrimSuffix(file, ".html")
		if !strings.HasPrefix(name, "layouts/") && !strings.HasPrefix(name, "partials/") {
			pages[name] = string(text)
			return nil
		}
		_, err = shared.New(name).Parse(string(text))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("view: %w", err)
	}
	if err := s.checkShared(shared); err != nil {
		return nil, fmt.Errorf("view: %w", err)
	}
	p := &parsed{pages: make(map[string]page, len(pages)), stamp: stamp}
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		if p.pages[name], err = s.parsePage(shared, name, pages[name]); err != nil {
			return nil, fmt.Errorf("view: page %s: %w", name, err)
		}
	}
	return p, nil
}

func (s *Set) parsePage(shared *template.Template, name, text string) (page, error) {
	t, err := shared.Clone()
	if err != nil {
		return page{}, err
	}
	given := map[string]*parse.Tree{}
	for _, each := range t.Templates() {
		given[each.Name()] = each.Tree
	}
	if _, err := t.New(name).Parse(text); err != nil {
		return page{}, err
	}
	pg := page{template: t, entry: s.layoutOf(t, name, text)}
	if t.Lookup(pg.entry) == nil {
		return page{}, fmt.Errorf("%w: layout %q", ErrUnknown, pg.entry)
	}
	checked := []*template.Template{t.Lookup(pg.entry)}
	for _, each := range t.Templates() {
		if each.Tree != given[each.Name()] { // else checkShared has seen it
			checked = append(checked, each)
		}
	}
	for _, each := range checked {
		if err := s.check(each); err != nil {
			return page{}, err
		}
	}
	return pg, nil
}

// checkShared checks layouts and partials, once for all pages.
func (s *Set) checkShared(shared *template.Template) error {
	t, err := shared.Clone() // what was executed cannot be copied any more
	if err != nil {
		return err
	}
	for _, each := range t.Templates() {
		err := s.check(each)
		var unsafe *template.Error
		if errors.As(err, &unsafe) && unsafe.ErrorCode == template.ErrNoSuchTemplate {
			continue // pages may define it
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// check looks for what would otherwise fail in a request.
func (s *Set) check(t *template.Template) error {
	if t.Tree == nil {
		return nil
	}
	if err := s.checkLiterals(t); err != nil {
		return err
	}
	// The escaper works at the first execution. That one fails, having no data,
	// but a template that cannot be escaped fails in its own way, which is what
	// must be known now. Blocks that the layout does not use are fragments.
	var unsafe *template.Error
	if err := t.Execute(io.Discard, nil); errors.As(err, &unsafe) {
		return unsafe
	}
	return nil
}

func (s *Set) layoutOf(t *template.Template, name, text string) string {
	layout := s.o.Layout
	if layout == "" && t.Lookup(defaultLayout) != nil {
		layout = defaultLayout
	}
	if m := layoutLine.FindStringSubmatch(text); m != nil {
		layout = m[1]
	}
	if layout == "" || layout == "none" {
		return name
	}
	return layout
}

func (s *Set) walk(fn func(file string, info fs.FileInfo) error) error {
	return fs.WalkDir(s.fsys, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(file) != ".html" {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return fn(file, info)
	})
}

// stamp changes when a file is added, removed or written. Without Reload it is
// not needed.
func (s *Set) stamp() (string, error) {
	if !s.o.Reload {
		return "", nil
	}
	var b strings.Builder
	err := s.walk(func(file string, info fs.FileInfo) error {
		fmt.Fprintln(&b, file, info.Size(), info.ModTime().UnixNano())
		return nil
	})
	return b.String(), err
}
