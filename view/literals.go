package view

import (
	"fmt"
	"html/template"
	"reflect"
	"text/template/parse"
)

// checkLiterals asks for every asset and route that t names by a literal.
func (s *Set) checkLiterals(t *template.Template) error {
	var err error
	inspect(reflect.ValueOf(t.Tree.Root), func(c *parse.CommandNode) {
		if err != nil || len(c.Args) < 2 {
			return
		}
		fn, isFunc := c.Args[0].(*parse.IdentifierNode)
		name, isLiteral := c.Args[1].(*parse.StringNode)
		if !isFunc || !isLiteral {
			return
		}
		where, _ := t.Tree.ErrorContext(c)
		switch {
		case fn.Ident == "static" && s.o.Static != nil:
			if _, e := s.o.Static(name.Text); e != nil {
				err = fmt.Errorf("%s: %w", where, e)
			}
		case fn.Ident == "url" && s.o.HasURL != nil && !s.o.HasURL(name.Text):
			err = fmt.Errorf("%s: no route is named %q", where, name.Text)
		}
	})
	return err
}

// inspect calls fn for every command below v, which is a node of a parse tree
// or a part of one. The tree has two dozen kinds of nodes; what they have in
// common is that their children are in exported fields.
func inspect(v reflect.Value, fn func(*parse.CommandNode)) {
	switch v.Kind() {
	case reflect.Interface:
		if !v.IsNil() {
			inspect(v.Elem(), fn)
		}
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		if c, ok := v.Interface().(*parse.CommandNode); ok {
			fn(c)
		}
		inspect(v.Elem(), fn)
	case reflect.Slice:
		for i := range v.Len() {
			inspect(v.Index(i), fn)
		}
	case reflect.Struct:
		for field := range v.Type().Fields() {
			if field.IsExported() && isNode(field.Type) {
				inspect(v.FieldByIndex(field.Index), fn)
			}
		}
	}
}

// isNode reports whether t is a node, a list of nodes, or a struct of a node's
// fields (the branch nodes embed one).
func isNode(t reflect.Type) bool {
	if t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t.Implements(reflect.TypeFor[parse.Node]()) || reflect.PointerTo(t).Implements(reflect.TypeFor[parse.Node]())
}
