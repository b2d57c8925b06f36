package web

import (
	"net/http"
	"strconv"
)

// Error is an error with an answer for the client. Message, Code and Problems
// are shown; Err, the cause, is only logged.
type Error struct {
	// Status is the HTTP status, 400 to 599. Defaults to 500.
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
	// "/items/3/name"; empty when the place is not in the body.
	Pointer string `json:"pointer,omitempty"`
	// Parameter is the name of a path, query or header parameter.
	Parameter string `json:"parameter,omitempty"`
	// In says where Parameter stands: "path", "query" or "header".
	In string `json:"in,omitempty"`
	// Code is the rule that was broken, such as "required" or "max".
	Code string `json:"code,omitempty"`
	// Detail is a sentence for people.
	Detail string `json:"detail"`
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
	if e.Status == 0 {
		return http.StatusInternalServerError
	}
	return e.Status
}

func (e *Error) message() string {
	if e.Message != "" {
		return e.Message
	}
	return http.StatusText(e.status())
}
