package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
)

// field is one variable of the struct.
type field struct {
	path       string // Type.Group.Field, for panics
	index      []int
	typ        reflect.Type
	separator  string
	keyValue   string
	name       string // with all prefixes
	fallback   string
	hasDefault bool
	required   bool
	desc       string
	oneOf      []string
	secret     bool
}

// fieldsOf lists the variables of struct type t in order of declaration. It
// panics when a tag or type can not work, so that the mistake shows at the
// first start and not only where the variable is set.
func fieldsOf(t reflect.Type, prefix string) []field {
	if t.Kind() != reflect.Struct {
		panic(fmt.Sprintf("config: %s is not a struct; give Load the struct type itself", t))
	}
	fields := collect(nil, t, t.String(), prefix, nil)
	seen := make(map[string]string, len(fields))
	for _, f := range fields {
		if other, ok := seen[f.name]; ok {
			panic(fmt.Sprintf("config: %s and %s both read %s; rename one", other, f.path, f.name))
		}
		seen[f.name] = f.path
	}
	return fields
}

func collect(fields []field, t reflect.Type, path, prefix string, index []int) []field {
	for i := range t.NumField() {
		sf := t.Field(i)
		if !sf.IsExported() {
			continue
		}
		at := append(index[:len(index):len(index)], i)
		where := path + "." + sf.Name
		tag, tagged := sf.Tag.Lookup("env")
		switch {
		case tagged && tag != "-":
			fields = append(fields, newField(sf, tag, where, prefix, at))
		case !tagged && sf.Type.Kind() == reflect.Struct && !isText(sf.Type):
			fields = collect(fields, sf.Type, where, prefix+sf.Tag.Get("envPrefix"), at)
		}
	}
	return fields
}

func newField(sf reflect.StructField, tag, path, prefix string, index []int) field {
	name, options, _ := strings.Cut(tag, ",")
	if name == "" {
		panic(fmt.Sprintf("config: %s has an env tag without a name; write env:\"NAME\"", path))
	}
	f := field{
		path:      path,
		index:     index,
		typ:       sf.Type,
		separator: sf.Tag.Get("envSeparator"),
		keyValue:  sf.Tag.Get("envKeyValSeparator"),
		name:      prefix + name,
		desc:      sf.Tag.Get("desc"),
		oneOf:     strings.Fields(sf.Tag.Get("oneof")),
		secret:    holdsSecret(sf.Type) || looksSecret(prefix+name),
	}
	for option := range strings.SplitSeq(options, ",") {
		switch strings.TrimSpace(option) {
		case "":
		case "required":
			f.required = true
		default:
			panic(fmt.Sprintf("config: %s has the unknown env option %q; only required is known", path, option))
		}
	}
	f.fallback, f.hasDefault = sf.Tag.Lookup("default")
	if !f.hasDefault {
		f.fallback, f.hasDefault = sf.Tag.Lookup("envDefault")
	}
	if f.hasDefault && f.required {
		panic(fmt.Sprintf("config: %s is required and has a default; keep one", path))
	}
	if !f.parses() {
		panic(fmt.Sprintf("config: %s is a %s, which no variable can hold; give the type an UnmarshalText method", path, f.typ))
	}
	if f.fallback != "" {
		if _, p := f.parse(f.fallback); p != nil {
			panic(fmt.Sprintf("config: default of %s: %s", path, p.Message))
		}
	}
	return f
}

func isText(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// holdsSecret reports whether t is made of a [Secret].
func holdsSecret(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return holdsSecret(t.Elem())
	}
	return t == reflect.TypeFor[Secret]()
}
