package config

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// parsers replace those of env that are too narrow (int is 32 bits there) or
// too wide (any word is a URL).
var parsers = map[reflect.Type]env.ParserFunc{
	reflect.TypeFor[int]():     func(v string) (any, error) { return strconv.Atoi(v) },
	reflect.TypeFor[uint]():    parseUint,
	reflect.TypeFor[url.URL](): parseURL,
}

func parseUint(v string) (any, error) {
	n, err := strconv.ParseUint(v, 10, strconv.IntSize)
	return uint(n), err
}

func parseURL(v string) (any, error) {
	u, err := url.Parse(v)
	if err != nil {
		return nil, err
	}
	if !u.IsAbs() {
		return nil, errors.New("no scheme")
	}
	return *u, nil
}

// decode gives value to env in a struct of one field, so that an error belongs
// to one variable: env's own errors name Go fields, ambiguous when nested.
func (f field) decode(value string) (reflect.Value, error) {
	holder := reflect.New(reflect.StructOf([]reflect.StructField{{
		Name: "V",
		Type: f.typ,
		Tag:  reflect.StructTag(fmt.Sprintf(`env:"V" envSeparator:%q envKeyValSeparator:%q`, f.separator, f.keyValue)),
	}}))
	err := env.ParseWithOptions(holder.Interface(), env.Options{
		Environment: map[string]string{"V": value},
		FuncMap:     parsers,
	})
	return holder.Elem().Field(0), err
}

// parses reports whether there is a parser for the field's type.
func (f field) parses() bool {
	_, err := f.decode("1")
	_, none := errors.AsType[env.NoParserError](err)
	return !none
}

// parse returns value in the field's type, or what is wrong with it.
func (f field) parse(value string) (reflect.Value, *Problem) {
	parts := []string{value}
	if f.typ.Kind() == reflect.Slice {
		parts = strings.Split(value, cmp.Or(f.separator, ","))
	}
	for _, part := range parts {
		if len(f.oneOf) > 0 && !slices.Contains(f.oneOf, part) {
			return reflect.Value{}, f.problem("%s is not one of %s", f.quoted(part), strings.Join(f.oneOf, ", "))
		}
	}
	v, err := f.decode(value)
	if err == nil {
		return v, nil
	}
	cause := err
	if parse, ok := errors.AsType[env.ParseError](err); ok {
		cause = parse.Err // it has no Unwrap
	}
	if errors.Is(cause, strconv.ErrRange) {
		return reflect.Value{}, f.problem("%s is out of the range of %s", f.quoted(value), f.typ)
	}
	if kind := kindOf(f.typ); kind != "" {
		return reflect.Value{}, f.problem("%s is not %s", f.quoted(value), kind)
	}
	// Only here may the cause say what a person cannot guess; it mostly quotes
	// the value, so it is left out where the value may not be shown.
	if f.masked(value) != value {
		return reflect.Value{}, f.problem("%s is not a %s", f.quoted(value), f.typ)
	}
	return reflect.Value{}, f.problem("%s is not a %s: %v", f.quoted(value), f.typ, cause)
}

func (f field) problem(format string, args ...any) *Problem {
	return &Problem{Name: f.name, Message: fmt.Sprintf(format, args...)}
}

// kindOf says what a value of t looks like, or "" when the parser knows better.
func kindOf(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[time.Duration]():
		return "a duration such as 30s or 5m"
	case reflect.TypeFor[url.URL]():
		return "an absolute URL"
	}
	if isText(t) {
		return ""
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number of at least 0"
	case reflect.Float32, reflect.Float64:
		return "a number"
	}
	return ""
}
