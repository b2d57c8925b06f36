// Package services is what relay does, apart from how it is asked (package
// handlers) and where it is kept (package database). Each service declares the
// storage it needs as an interface.
package services

import "errors"

// What a service refuses for a reason that the asker may know. Handlers give
// each its status.
var (
	ErrNotFound  = errors.New("services: not found")
	ErrForbidden = errors.New("services: not allowed")
)

// Invalid is input that breaks a rule: a field and a sentence each.
type Invalid []FieldError

// FieldError says what is wrong with one field.
type FieldError struct{ Field, Detail string }

// Error lists the fields.
func (v Invalid) Error() string {
	s := "services: invalid input"
	for _, f := range v {
		s += "; " + f.Field + " " + f.Detail
	}
	return s
}

// check appends a field error when detail is not empty.
func (v *Invalid) check(field, detail string) {
	if detail != "" {
		*v = append(*v, FieldError{field, detail})
	}
}

func (v Invalid) err() error {
	if len(v) == 0 {
		return nil
	}
	return v
}
