package web

import (
	"errors"
	"fmt"
	"iter"
	"net/http"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/go-playground/validator/v10"
)

// rules checks values of one type.
type rules struct {
	tags  bool   // some field has a validate tag
	dive  string // the tag that leads to the structs of a list
	place func(namespace string) Problem
}

// newRules examines t, and panics when a tag of it is wrong or without effect.
func newRules(caller string, t reflect.Type) *rules {
	if err := examine(t, map[reflect.Type]bool{}); err != nil {
		panic(fmt.Sprintf("web: %s: %v", caller, err))
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	r := &rules{
		tags: hasTags(t, map[reflect.Type]bool{}),
		dive: strings.TrimPrefix(strings.Repeat(",dive", layers(t)), ","),
	}
	r.place = func(namespace string) Problem {
		return Problem{Pointer: pointerOf(t, strings.TrimPrefix(namespace, t.Name()+"."))}
	}
	return r
}

// examine looks for tags of t, and of the types within, that would not do what
// they say. The validator silently skips the items of a slice or map whose
// field does not say "dive"; and it panics over a faulty tag when it first
// meets it, so every struct is shown to it now.
func examine(t reflect.Type, seen map[reflect.Type]bool) error {
	if t = item(t); t.Kind() != reflect.Struct || seen[t] {
		return nil
	}
	seen[t] = true
	for f := range ruledFields(t) {
		if strings.Count(f.Tag.Get("validate"), "dive") < layers(f.Type) && hasTags(f.Type, map[reflect.Type]bool{}) {
			return fmt.Errorf(`field %s of %s holds items with rules that nobody would apply; add validate:"dive", once for each layer`, f.Name, t)
		}
		if err := examine(f.Type, seen); err != nil {
			return err
		}
	}
	if !hasTags(t, map[reflect.Type]bool{}) {
		return nil
	}
	return tryTags(t)
}

func tryTags(t reflect.Type) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the validate tags of %s are wrong: %v", t, v)
		}
	}()
	_ = checker().validator.Struct(reflect.New(t).Interface()) // The zero value may well be invalid.
	return nil
}

// hasTags reports whether t or a type within it has validate tags.
func hasTags(t reflect.Type, seen map[reflect.Type]bool) bool {
	if t = item(t); t.Kind() != reflect.Struct || seen[t] {
		return false
	}
	seen[t] = true
	for f := range ruledFields(t) {
		if f.Tag.Get("validate") != "" || hasTags(f.Type, seen) {
			return true
		}
	}
	return false
}

// ruledFields yields the fields of the struct t that the validator looks at.
func ruledFields(t reflect.Type) iter.Seq[reflect.StructField] {
	return func(yield func(reflect.StructField) bool) {
		for f := range t.Fields() {
			if (f.IsExported() || f.Anonymous) && f.Tag.Get("validate") != "-" && !yield(f) {
				return
			}
		}
	}
}

// item takes pointers, slices, arrays and maps off t.
func item(t reflect.Type) reflect.Type {
	for {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
			t = t.Elem()
		default:
			return t
		}
	}
}

// layers counts the slices, arrays and maps around the items of t.
func layers(t reflect.Type) (n int) {
	for {
		switch t.Kind() {
		case reflect.Slice, reflect.Array, reflect.Map:
			n++
		case reflect.Pointer:
		default:
			return n
		}
		t = t.Elem()
	}
}

// check applies the tags and then Validate to the value that v points to.
func (r *rules) check(v any) error {
	if problems := r.broken(v); problems != nil {
		return invalid(problems)
	}
	return validate(v)
}

// broken returns a problem for each tag that the value v points to breaks.
func (r *rules) broken(v any) (problems []Problem) {
	if !r.tags {
		return nil
	}
	value := reflect.ValueOf(v)
	for value.Kind() == reflect.Pointer {
		if value.IsNil() {
			return nil
		}
		value = value.Elem()
	}
	var err error
	if r.dive != "" {
		err = checker().validator.Var(value.Interface(), r.dive)
	} else {
		err = checker().validator.Struct(value.Addr().Interface())
	}
	failures, ok := errors.AsType[validator.ValidationErrors](err)
	if err != nil && !ok {
		return []Problem{{Detail: "could not be checked"}} // Never let pass what was not.
	}
	for _, f := range failures {
		p := r.place(f.StructNamespace())
		p.Code, p.Detail = f.Tag(), ruleText(f)
		if problems = append(problems, p); len(problems) == maxProblems {
			break
		}
	}
	return problems
}

// place finds the parameter, or the place in the body, of the field that the
// validator calls namespace, such as "In.Page.Limit" or "In.Body.Items[3].Name".
func (p *plan) place(namespace string) Problem {
	namespace = strings.TrimPrefix(namespace, p.typ.Name()+".")
	t := p.typ
	for {
		name, _, rest := nextField(namespace)
		f, ok := t.FieldByName(name)
		if !ok {
			return Problem{}
		}
		for _, in := range [...]string{inPath, inQuery, inHeader, inForm} {
			tag, _, _ := strings.Cut(f.Tag.Get(in), ",")
			if q := p.find(in, tag); q != nil {
				return Problem{Parameter: q.name, In: q.in}
			}
		}
		if !f.Anonymous {
			return Problem{Pointer: pointerOf(f.Type, strings.TrimPrefix(namespace, name))}
		}
		t, namespace = f.Type, rest
	}
}

// pointerOf turns the validator's name of a field within t into a JSON pointer.
func pointerOf(t reflect.Type, namespace string) string {
	var pointer jsontext.Pointer
	for namespace != "" && t != nil {
		name, index, rest := nextField(namespace)
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		switch {
		case index && layers(t) > 0:
			pointer = pointer.AppendToken(name)
			t = t.Elem()
		case t.Kind() == reflect.Struct:
			f, ok := t.FieldByName(name)
			if !ok {
				return string(pointer)
			}
			if name, inlined := jsonName(f); !inlined {
				pointer = pointer.AppendToken(name)
			}
			t = f.Type
		default:
			return string(pointer)
		}
		namespace = rest
	}
	return string(pointer)
}

// nextField splits "Items[3].Name" into "Items" and "[3].Name", and the latter
// into the index "3" and "Name".
func nextField(namespace string) (name string, index bool, rest string) {
	namespace = strings.TrimPrefix(namespace, ".")
	if inner, ok := strings.CutPrefix(namespace, "["); ok {
		name, rest, _ = strings.Cut(inner, "]")
		return name, true, strings.TrimPrefix(rest, ".")
	}
	if i := strings.IndexAny(namespace, ".["); i >= 0 {
		return namespace[:i], false, strings.TrimPrefix(namespace[i:], ".")
	}
	return namespace, false, ""
}

// validate calls the method Validate of the value that v points to, if it has
// one. A plain error becomes a 422 whose words stay inside.
func validate(v any) error {
	checked, ok := v.(interface{ Validate() error })
	if !ok {
		// A T that is a pointer itself has its methods one level down.
		if inner := reflect.ValueOf(v).Elem(); inner.Kind() == reflect.Pointer && !inner.IsNil() {
			checked, ok = inner.Interface().(interface{ Validate() error })
		}
	}
	if !ok {
		return nil
	}
	err := checked.Validate()
	if err == nil {
		return nil
	}
	if e, ok := find(err); ok {
		return e
	}
	return &Error{Status: http.StatusUnprocessableEntity, Code: codeInvalid, Message: invalid(nil).Message, Err: err}
}

// join is [errors.Join] that keeps a single error as it is.
func join(a, b error) error {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	return errors.Join(a, b)
}
