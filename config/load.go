package config

import (
	"errors"
	"reflect"
)

// Options says where [Load] looks. The zero value reads the process's
// environment, with no prefix and so without a check for unknown variables.
type Options struct {
	// Prefix begins the name of every variable, such as "RELAY_". Defaults to none.
	Prefix string
	// EnvFile is a file of NAME=value lines for development; it need not exist,
	// never overrides the environment, and is not read when PREFIX_ENV is
	// "production". Defaults to ".env"; [os.DevNull] switches it off.
	EnvFile string
	// Environ is the environment, as NAME=value. Defaults to [os.Environ].
	Environ []string
	// Credentials is the folder of systemd credentials. Defaults to
	// $CREDENTIALS_DIRECTORY of Environ.
	Credentials string
	// Ignore names variables with the prefix that are no problem though no
	// field has them; a trailing * stands for any ending. Defaults to none.
	Ignore []string
}

// Load fills a T, which must be a struct, and returns it, or the zero T and an
// [*Error] with every problem: what is missing, what is not of its type, what
// is unknown, and what T's Validate() error returns, if it has one. Validate
// is called even when there are other problems, whose fields are then zero;
// what it joins with [errors.Join] is listed one by one.
func Load[T any](o Options) (T, error) {
	var filled, zero T
	fields := fieldsOf(reflect.TypeFor[T](), o.Prefix)
	s, problem := openSources(o, fields)
	found := &Error{}
	if problem != nil {
		found.add(*problem)
	}
	for _, f := range fields {
		v, p := s.read(f)
		switch {
		case p != nil:
			found.add(*p)
		case v.IsValid():
			reflect.ValueOf(&filled).Elem().FieldByIndex(f.index).Set(v)
		}
	}
	found.add(s.unknown(o, fields)...)
	if v, ok := any(&filled).(interface{ Validate() error }); ok {
		found.addErr(v.Validate())
	}
	if err := found.orNil(); err != nil {
		return zero, err
	}
	return filled, nil
}

// read returns the field's value in its type, or the zero Value when nothing
// sets it.
func (s *sources) read(f field) (reflect.Value, *Problem) {
	value, _, p := s.lookup(f)
	switch {
	case p != nil:
		return reflect.Value{}, p
	case value != "":
		return f.parse(value)
	case f.required:
		return reflect.Value{}, f.problem("is required, but not set")
	}
	return reflect.Value{}, nil
}

// addErr adds what Validate returned.
func (e *Error) addErr(err error) {
	if err == nil {
		return
	}
	if inner, ok := errors.AsType[*Error](err); ok {
		e.add(inner.Problems...)
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			e.addErr(err)
		}
		return
	}
	e.add(Problem{Message: err.Error(), Err: err})
}
