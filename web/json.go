package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
)

// NoContent is the Out of a [JSON] handler that answers 204 with no body.
type NoContent struct{}

// JSON makes a handler of fn, which takes one value and returns another, and
// can be tested without HTTP.
//
// In is a struct. Each of its fields has one of the tags
//
//	path:"channel"   header:"Idempotency-Key"   query:"limit" default:"50"
//
// and is a string, bool, integer, float, [time.Time] (RFC 3339),
// [time.Duration] ("1h30m"), an [encoding.TextUnmarshaler], a pointer to one of
// them (nil when the parameter is absent), or, in query and header, a slice of
// them (repeated; in a header also with commas). Except for strings, an empty
// text counts as absent. Embedded structs are walked through. A field named
// Body, of any type, takes the JSON body: a body is then required unless the
// field is a pointer; without the field a request that has a body is refused.
//
// What the client sent is checked before fn is called, and all that is wrong
// is told at once, each [Problem] with its place:
//
//   - 400 for parameters that do not convert, that are repeated though they
//     are one value, or that hold control characters or invalid UTF-8; for
//     query parameters that In does not have; and for the body as in
//     [DecodeJSON], whose 413 and 415 are told alone;
//   - 422 for rules that are broken: the validate tags of
//     github.com/go-playground/validator, and when these hold, the methods
//     Validate() error of Body and of In. Validate returns problems by
//     [Invalid], several joined by [errors.Join], or an [*Error] of its own
//     status; the text of any other error is not shown. Validate methods of
//     values further inside are for their owner to call. Put a max before dive,
//     since every item is checked before the first 16 problems are told.
//
// Out is sent as by [WriteJSON] with status 200, or that of its method
// StatusCode() int. A method Location() string sets that header, and makes the
// status 201 unless there is a StatusCode. Out may be [NoContent].
//
// The types are examined when JSON is called, which panics when In cannot be
// filled, has a faulty validate tag, or has items whose rules would be skipped
// for want of "dive".
func JSON[In, Out any](fn func(context.Context, In) (Out, error)) HandlerFunc {
	if fn == nil {
		panic("web: JSON got nil; pass the function that answers")
	}
	p := newPlan("JSON", reflect.TypeFor[In](), requestSources)
	empty := reflect.TypeFor[Out]() == reflect.TypeFor[NoContent]()
	return func(w http.ResponseWriter, r *http.Request) error {
		var in In
		if err := p.read(w, r, reflect.ValueOf(&in)); err != nil {
			return err
		}
		out, err := fn(r.Context(), in)
		if err != nil {
			return err
		}
		if empty {
			w.WriteHeader(http.StatusNoContent)
			return nil
		}
		return reply(w, out)
	}
}

// read fills and checks the struct that ptr points to.
func (p *plan) read(w http.ResponseWriter, r *http.Request, ptr reflect.Value) error {
	root := ptr.Elem()
	problems, err := p.readParams(r, root)
	if err != nil {
		return err
	}
	bodyRead := true
	if p.body == nil {
		if problem, ok := refuseBody(r); ok {
			problems = append(problems, problem)
		}
	} else if more, err := p.readBody(w, r, root.FieldByIndex(p.body)); err != nil {
		return err
	} else if more != nil {
		problems, bodyRead = append(problems, more...), false
	}
	if len(problems) == 0 {
		return p.check(ptr)
	}
	// The rules still say more about what could be read.
	for _, q := range p.rules.broken(ptr.Interface()) {
		if q.In == "" && !bodyRead || told(problems, q) {
			continue
		}
		problems = append(problems, q)
	}
	return malformed(problems...)
}

func told(problems []Problem, q Problem) bool {
	for _, p := range problems {
		if q.In != "" && p.In == q.In && p.Parameter == q.Parameter {
			return true
		}
	}
	return false
}

func (p *plan) readParams(r *http.Request, root reflect.Value) ([]Problem, error) {
	query, problems := queryOf(r)
	if problems == nil {
		problems = p.unknown(inQuery, query)
	}
	for _, q := range p.params {
		if q.in == inPath && r.Pattern != "" && !strings.Contains(r.Pattern, "{"+q.name) {
			return nil, fmt.Errorf("web: JSON: %s wants the path parameter %q, which the route %q does not have", p.typ, q.name, r.Pattern)
		}
	}
	return append(problems, p.fill(root, func(q *param) []string {
		switch q.in {
		case inPath:
			if v := r.PathValue(q.name); v != "" {
				return []string{v}
			}
			return nil
		case inQuery:
			return query[q.name]
		}
		values := r.Header.Values(q.name)
		if q.slice {
			return splitList(values)
		}
		return values
	})...), nil
}

func queryOf(r *http.Request) (url.Values, []Problem) {
	if r.URL.RawQuery == "" {
		return nil, nil
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, []Problem{{In: inQuery, Code: "syntax", Detail: "the query string is not encoded correctly"}}
	}
	return query, nil
}

// splitList undoes the joining of repeated header lines (RFC 9110, 5.3).
func splitList(lines []string) (values []string) {
	for _, line := range lines {
		for v := range strings.SplitSeq(line, ",") {
			if v = strings.TrimSpace(v); v != "" {
				values = append(values, v)
			}
		}
	}
	return values
}

// readBody decodes into the field. What the body alone cannot settle, as 413,
// is returned as an error.
func (p *plan) readBody(w http.ResponseWriter, r *http.Request, field reflect.Value) ([]Problem, error) {
	target := field.Addr()
	if field.Kind() == reflect.Pointer {
		if r.Body == nil || r.Body == http.NoBody {
			return nil, nil
		}
		target = reflect.New(field.Type().Elem())
	}
	err := decodeBody(w, r, target.Interface())
	if e, ok := errors.AsType[*Error](err); ok && e.Status == http.StatusBadRequest && e.Problems != nil {
		return e.Problems, nil
	}
	if err == nil && field.Kind() == reflect.Pointer {
		field.Set(target)
	}
	return nil, err
}

// check runs the rules of tags, then the Validate methods.
func (p *plan) check(ptr reflect.Value) error {
	if problems := p.rules.broken(ptr.Interface()); problems != nil {
		return invalid(problems)
	}
	var body error
	if p.body != nil {
		if field := ptr.Elem().FieldByIndex(p.body); field.Kind() != reflect.Pointer {
			body = validate(field.Addr().Interface())
		} else if !field.IsNil() {
			body = validate(field.Interface())
		}
	}
	return p.named(join(body, validate(ptr.Interface())))
}

// named completes the problems of a Validate method that name a parameter.
func (p *plan) named(err error) error {
	e, ok := find(err)
	if !ok {
		return err
	}
	problems := make([]Problem, len(e.Problems))
	for i, q := range e.Problems {
		if len(p.params) > 0 && p.params[0].in == inForm {
			q.Parameter, q.Pointer = q.Parameter+strings.TrimPrefix(q.Pointer, "/"), ""
		}
		for _, known := range p.params {
			if q.In == "" && q.Parameter == known.name {
				q.In = known.in
			}
		}
		problems[i] = q
	}
	e.Problems = problems
	return e
}

// reply sends out, with the status and header its methods ask for.
func reply(w http.ResponseWriter, out any) error {
	status := http.StatusOK
	if l, ok := out.(interface{ Location() string }); ok {
		if to := l.Location(); to != "" {
			if !plainURL(to) {
				return fmt.Errorf("web: JSON: %T has a location with control characters, spaces or backslashes around it", out)
			}
			w.Header().Set("Location", encodeNonASCII(to))
			status = http.StatusCreated
		}
	}
	if s, ok := out.(interface{ StatusCode() int }); ok {
		status = s.StatusCode()
		if status < 200 || status > 299 {
			return fmt.Errorf("web: JSON: %T has status %d; return an Error for what is no success", out, status)
		}
	}
	if status == http.StatusNoContent {
		w.WriteHeader(status)
		return nil
	}
	return WriteJSON(w, status, out)
}
