package config

import "reflect"

// Var is one variable of a configuration, as it may be shown to people.
type Var struct {
	Name        string
	Type        string   // the Go type
	Default     string   // "[secret]" instead of a default that is one
	OneOf       []string // the allowed values, empty when any is
	Required    bool
	Description string
	Secret      bool
	// Source is "environment", ".env", "NAME_FILE in environment",
	// "credential name", "default", or "" when nothing sets it.
	Source string
	// Value is the text found there, "[secret]" when it is one, without the
	// user part when it is a URL.
	Value string
}

// Describe lists the variables of T in order of declaration with the value
// each has now. The error is that of [Load], without what Validate would say;
// the list is complete all the same.
func Describe[T any](o Options) ([]Var, error) {
	fields := fieldsOf(reflect.TypeFor[T](), o.Prefix)
	s, problem := openSources(o, fields)
	found := &Error{}
	if problem != nil {
		found.add(*problem)
	}
	vars := make([]Var, 0, len(fields))
	for _, f := range fields {
		if _, p := s.read(f); p != nil {
			found.add(*p)
		}
		value, source, _ := s.lookup(f)
		vars = append(vars, Var{
			Name:        f.name,
			Type:        f.typ.String(),
			Default:     f.masked(f.fallback),
			OneOf:       f.oneOf,
			Required:    f.required,
			Description: f.desc,
			Secret:      f.secret,
			Source:      source,
			Value:       f.masked(value),
		})
	}
	found.add(s.unknown(o, fields)...)
	return vars, found.orNil()
}
