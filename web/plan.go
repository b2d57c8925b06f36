package web

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// plan says how the fields of an input struct are filled. It is made once for
// a type and not changed after.
type plan struct {
	typ    reflect.Type
	params []param
	body   []int // index of the field Body, nil when there is none
	rules  *rules
}

// param is one field that is filled from a named text.
type param struct {
	name, in string
	index    []int
	typ      reflect.Type // of one value, with pointer and slice taken off
	pointer  bool
	slice    bool
	verbatim bool
	convert  converter
	defaults []string
}

// sources are the tags of the fields of an input struct.
var (
	requestSources = []string{inPath, inQuery, inHeader}
	formSources    = []string{inForm}
)

const (
	inPath   = "path"
	inQuery  = "query"
	inHeader = "header"
	inForm   = "form"
)

// newPlan compiles the struct t, and panics when t cannot be filled: that is
// a mistake of the program. The name of the caller begins the message.
func newPlan(caller string, t reflect.Type, sources []string) *plan {
	if t.Kind() != reflect.Struct {
		panic(fmt.Sprintf("web: %s: %s is no struct; declare one with a field for each parameter", caller, t))
	}
	p := &plan{typ: t}
	if err := p.walk(t, nil, sources); err != nil {
		panic(fmt.Sprintf("web: %s: %s: %v", caller, t, err))
	}
	p.rules = newRules(caller, t)
	p.rules.place = p.place
	return p
}

func (p *plan) walk(t reflect.Type, index []int, sources []string) error {
	for i := range t.NumField() {
		f := t.Field(i)
		at := append(slices.Clone(index), i)
		in, tag, err := sourceOf(f, sources)
		switch {
		case err != nil:
			return err
		case in == "" && f.Anonymous && f.Type.Kind() == reflect.Struct:
			if err := p.walk(f.Type, at, sources); err != nil {
				return err
			}
		case !f.IsExported() && in == "":
		case !f.IsExported():
			return fmt.Errorf("field %s is not exported; begin its name with a capital", f.Name)
		case in == "" && f.Name == "Body" && slices.Contains(sources, inPath):
			if p.body != nil {
				return fmt.Errorf("field Body is there twice; keep one")
			}
			p.body = at
		case in == "":
			return fmt.Errorf("field %s has no tag; add one of %s, or unexport it", f.Name, strings.Join(sources, ", "))
		default:
			if err := p.add(f, at, in, tag); err != nil {
				return err
			}
		}
	}
	return nil
}

func sourceOf(f reflect.StructField, sources []string) (in, tag string, err error) {
	for _, s := range sources {
		t, ok := f.Tag.Lookup(s)
		if !ok {
			continue
		}
		if in != "" {
			return "", "", fmt.Errorf("field %s has the tags %s and %s; keep one", f.Name, in, s)
		}
		in, tag = s, t
	}
	return in, tag, nil
}

func (p *plan) add(f reflect.StructField, index []int, in, tag string) error {
	name, option, _ := strings.Cut(tag, ",")
	q := param{name: name, in: in, index: index, typ: f.Type, verbatim: option == "verbatim"}
	switch {
	case name == "":
		return fmt.Errorf("field %s has no name in its %s tag", f.Name, in)
	case option != "" && (!q.verbatim || in != inForm):
		return fmt.Errorf("field %s has the unknown option %q in its %s tag", f.Name, option, in)
	case p.find(in, name) != nil:
		return fmt.Errorf("field %s takes the %s parameter %q, which another field has", f.Name, in, name)
	}
	if q.convert = converterFor(q.typ); q.convert == nil {
		switch q.typ.Kind() {
		case reflect.Pointer:
			q.pointer, q.typ = true, q.typ.Elem()
		case reflect.Slice:
			if in == inPath {
				return fmt.Errorf("field %s is a slice; a path parameter is one value", f.Name)
			}
			q.slice, q.typ = true, q.typ.Elem()
		}
		if q.convert = converterFor(q.typ); q.convert == nil {
			return fmt.Errorf("field %s is a %s, which no text converts to; implement encoding.TextUnmarshaler", f.Name, f.Type)
		}
	}
	if d, ok := f.Tag.Lookup("default"); ok {
		q.defaults = []string{d}
		if q.slice {
			q.defaults = strings.Split(d, ",")
		}
		if problems := q.set(reflect.New(f.Type).Elem(), q.defaults); problems != nil {
			return fmt.Errorf("field %s has a default that %s", f.Name, problems[0].Detail)
		}
	}
	p.params = append(p.params, q)
	return nil
}

func (p *plan) find(in, name string) *param {
	for i := range p.params {
		if q := &p.params[i]; q.in == in && q.name == name {
			return q
		}
	}
	return nil
}

// names returns the names of the parameters that stand in in.
func (p *plan) names(in string) (names []string) {
	for _, q := range p.params {
		if q.in == in {
			names = append(names, q.name)
		}
	}
	return names
}

// unknown returns a problem for each name of values that no field takes.
func (p *plan) unknown(in string, values map[string][]string) (problems []Problem) {
	for name := range values {
		if p.find(in, name) == nil {
			problems = append(problems, Problem{
				Parameter: clip(strings.ToValidUTF8(name, "\uFFFD"), 64), In: in, Code: "unknown",
				Detail: "is not known" + didYouMean(name, p.names(in)),
			})
		}
	}
	slices.SortFunc(problems, func(a, b Problem) int { return strings.Compare(a.Parameter, b.Parameter) })
	if len(problems) > maxProblems {
		problems = problems[:maxProblems]
	}
	return problems
}

// fill sets the fields of root from the texts that get returns for each.
func (p *plan) fill(root reflect.Value, get func(q *param) []string) (problems []Problem) {
	for i := range p.params {
		q := &p.params[i]
		values := get(q)
		if q.typ.Kind() != reflect.String {
			// An empty input of a form is one that was left out.
			values = slices.DeleteFunc(slices.Clone(values), func(s string) bool { return s == "" })
		}
		if len(values) == 0 {
			values = q.defaults
		}
		if len(values) > 0 {
			problems = append(problems, q.set(root.FieldByIndex(q.index), values)...)
		}
	}
	return problems
}

// set converts values into the field dst.
func (q *param) set(dst reflect.Value, values []string) (problems []Problem) {
	if !q.slice && len(values) > 1 {
		// Two parts of a system that each take another one of them can be
		// played against each other (HTTP parameter pollution).
		return []Problem{q.problem("repeated", "is given "+strconv.Itoa(len(values))+" times, and may be given once")}
	}
	for i, s := range values {
		v := reflect.New(q.typ)
		wrong := unclean(s)
		if wrong == "" {
			wrong = q.convert(v.Elem(), s)
		}
		if wrong != "" {
			if q.slice {
				wrong = "value " + strconv.Itoa(i+1) + " " + wrong
			}
			problems = append(problems, q.problem("type", wrong))
			if len(problems) == maxProblems {
				break
			}
			continue
		}
		switch {
		case q.slice:
			dst.Set(reflect.Append(dst, v.Elem()))
		case q.pointer:
			dst.Set(v)
		default:
			dst.Set(v.Elem())
		}
	}
	return problems
}

func (q *param) problem(code, detail string) Problem {
	return Problem{Parameter: q.name, In: q.in, Code: code, Detail: detail}
}
