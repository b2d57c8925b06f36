package web

import (
	"errors"
	"net/http"
	"strconv"
)

// Error is an error with an answer for the client. Message, Code and Problems
// are shown; Err, the cause, is only logged. A value may be shared: [Fail]
// never changes it.
type Error struct {
	// Status is the HTTP status, 400 to 599; anything else counts as 500.
	// Defaults to 500.
	Status int
	// Code is a stable name for programs, such as "label_taken". Optional.
	Code string
	// Message is a sentence for people. Defaults to the status's own text.
	Message string
	// Problems names what is wrong, each with its place.
	Problems []Problem
	// Header is added to the response, for Retry-After, Allow and their like.
	Header http.Header
	// Err is the cause. It is never shown.
	Err error
}

// Problem is one thing that is wrong with the input.
type Problem struct {
	// Pointer is the JSON pointer (RFC 6901) into the body, such as
	// "/items/3/name"; empty when the place is not in the body, or is the body
	// as a whole.
	Pointer string `json:"pointer,omitempty"`
	// Parameter is the name of a path, query, header or form parameter.
	Parameter string `json:"parameter,omitempty"`
	// In says where Parameter stands: "path", "query", "header" or "form".
	In string `json:"in,omitempty"`
	// Code is the rule that was broken, such as "required" or "max".
	Code string `json:"code,omitempty"`
	// Detail is what is wrong, worded to follow the name of the place: "must
	// not be empty".
	Detail string `json:"detail"`
}

// Invalid returns a 422 error with one problem, for Validate methods and for
// handlers that find out later. Several are one answer when joined by
// [errors.Join]. The place is a JSON pointer into the body ("/items/3/name"),
// or the bare name of a path, query, header or form parameter ("limit").
func Invalid(place, detail string) *Error {
	p := Problem{Code: codeInvalid, Detail: detail}
	if place == "" || place[0] == '/' {
		p.Pointer = place
	} else {
		p.Parameter = place
	}
	return invalid([]Problem{p})
}

// The codes of the errors that this package makes for the input as a whole.
const (
	codeMalformed = "malformed"
	codeInvalid   = "invalid"
)

func malformed(problems ...Problem) *Error {
	return &Error{
		Status: http.StatusBadRequest, Code: codeMalformed,
		Message: "The request could not be read.", Problems: problems,
	}
}

func invalid(problems []Problem) *Error {
	return &Error{
		Status: http.StatusUnprocessableEntity, Code: codeInvalid,
		Message: "Some of the values are not valid.", Problems: problems,
	}
}

// Error returns the status, the message and the cause, for logs.
func (e *Error) Error() string {
	s := strconv.Itoa(e.status()) + " " + e.message()
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func (e *Error) status() int {
	if e.Status < 400 || e.Status > 599 {
		return http.StatusInternalServerError
	}
	return e.Status
}

func (e *Error) message() string {
	if e.Message != "" {
		return e.Message
	}
	if s := http.StatusText(e.status()); s != "" {
		return s
	}
	return "Error"
}

// find returns a copy of the first *Error in err's tree, with the problems of
// every *Error of the same status, so that joined errors are one answer.
func find(err error) (*Error, bool) {
	first, ok := errors.AsType[*Error](err)
	if !ok || first == nil {
		return nil, false
	}
	e := *first
	if all := problemsIn(err, e.status()); len(all) > len(e.Problems) {
		e.Problems = all
	}
	return &e, true
}

func problemsIn(err error, status int) (all []Problem) {
	switch t := err.(type) {
	case *Error:
		if t != nil && t.status() == status {
			return t.Problems
		}
	case interface{ Unwrap() []error }:
		for _, err := range t.Unwrap() {
			all = append(all, problemsIn(err, status)...)
		}
	case interface{ Unwrap() error }:
		return problemsIn(t.Unwrap(), status)
	}
	return all
}
