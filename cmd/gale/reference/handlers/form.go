package handlers

import (
	"errors"
	"maps"
	"net/http"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/web"
)

// Form is what a form shows: the values typed so far, and what is wrong.
type Form struct {
	Problem string // of the form as a whole
	values  map[string]string
	errors  map[string]string
	refusal *web.Error // nil is a 422
}

// Field is one input of a form, as partials/field shows it.
type Field struct {
	Name, Label, Type, Help, Autocomplete, ID, Value, Error string
	Optional                                                bool
}

// NewForm returns a form with values, given as name and value in turn.
func NewForm(pairs ...string) *Form {
	f := &Form{values: map[string]string{}, errors: map[string]string{}}
	for i := 0; i+1 < len(pairs); i += 2 {
		f.values[pairs[i]] = pairs[i+1]
	}
	return f
}

// Field describes the input called name. Rest is type, help, autocomplete and
// the id, for a page on which several forms have an input of that name. A
// password is never sent back.
func (f *Form) Field(name, label string, rest ...string) Field {
	field := Field{Name: name, Label: label, ID: name, Error: f.errors[name]}
	for i, to := range []*string{&field.Type, &field.Help, &field.Autocomplete, &field.ID} {
		if i < len(rest) {
			*to = rest[i]
		}
	}
	if field.Type != "password" {
		field.Value = f.values[name]
	}
	return field
}

// Value returns what was typed.
func (f *Form) Value(name string) string { return f.values[name] }

// Set has an input of the name show value.
func (f *Form) Set(name, value string) { f.values[name] = value }

// Error returns what is wrong with an input, or "".
func (f *Form) Error(name string) string { return f.errors[name] }

// Refuse notes what err says is wrong with the input and reports whether it
// says so; any other error is not the visitor's to mend.
func (f *Form) Refuse(err error) bool {
	if invalid, ok := errors.AsType[services.Invalid](err); ok {
		for _, e := range invalid {
			f.errors[e.Field] = capital(e.Detail)
		}
		return true
	}
	if taken, ok := errors.AsType[*services.TakenError](err); ok {
		f.errors[taken.Field] = "Is taken already"
		return true
	}
	if throttled, ok := errors.AsType[*auth.ThrottledError](err); ok {
		f.refusal, _ = errors.AsType[*web.Error](throttled)
		f.Problem = f.refusal.Message
		return true
	}
	if e, ok := errors.AsType[*web.Error](err); ok && len(e.Problems) > 0 {
		for _, p := range e.Problems {
			f.errors[p.Parameter] = capital(p.Detail)
			if _, ok := f.values[p.Parameter]; !ok { // no input on the page is to blame
				f.Problem = "This form could not be taken: " + p.Detail + "."
			}
		}
		return true
	}
	if e, ok := errors.AsType[*web.Error](err); ok && e.Status == http.StatusUnprocessableEntity {
		f.Problem = e.Message
		return true
	}
	switch {
	case errors.Is(err, services.ErrCredentials):
		f.Problem = "Wrong mail address or password."
	case errors.Is(err, services.ErrDisabled):
		f.Problem = "This account is disabled; ask an admin."
	case errors.Is(err, services.ErrUnreadable):
		f.refusal, _ = errors.AsType[*web.Error](Told(err))
		f.Problem = f.refusal.Message
	case errors.Is(err, services.ErrSignUpClosed):
		f.Problem = "New accounts are by invitation here; ask an admin."
	default:
		return false
	}
	return true
}

// Status sets the headers for a form that was refused and returns its status.
func (f *Form) Status(w http.ResponseWriter) int {
	if f.refusal == nil {
		return http.StatusUnprocessableEntity
	}
	maps.Copy(w.Header(), f.refusal.Header)
	return f.refusal.Status
}

func capital(s string) string {
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		return string(s[0]-'a'+'A') + s[1:]
	}
	return s
}
