package config

import (
	"fmt"
	"strings"
)

// Error is everything that is wrong with a configuration. Its text has a line
// for each problem and may be shown to whoever starts the program: it holds no
// secret.
type Error struct {
	Problems []Problem
}

// Problem is one thing that is wrong.
type Problem struct {
	// Name is the variable, or the .env file; empty when the problem comes from
	// the struct's Validate.
	Name string
	// Message says what is wrong and, for a value that may be shown, the value.
	Message string
	// Nearest is the known variable that an unknown one resembles, if any.
	Nearest string
	// Err is what Validate returned or why a file could not be read, or nil.
	Err error
}

// String returns the problem in one sentence.
func (p Problem) String() string {
	s := p.Message
	if p.Name != "" {
		s = p.Name + ": " + s
	}
	if p.Nearest != "" {
		s += "; did you mean " + p.Nearest + "?"
	}
	return s
}

// Error returns the number of problems, then each on its own line.
func (e *Error) Error() string {
	var b strings.Builder
	if n := len(e.Problems); n == 1 {
		b.WriteString("config: 1 problem")
	} else {
		fmt.Fprintf(&b, "config: %d problems", n)
	}
	for _, p := range e.Problems {
		b.WriteString("\n  " + strings.ReplaceAll(p.String(), "\n", "\n    "))
	}
	return b.String()
}

// Unwrap returns the causes, for [errors.Is].
func (e *Error) Unwrap() []error {
	var errs []error
	for _, p := range e.Problems {
		if p.Err != nil {
			errs = append(errs, p.Err)
		}
	}
	return errs
}

func (e *Error) add(p ...Problem) { e.Problems = append(e.Problems, p...) }

// orNil keeps a typed nil out of error values.
func (e *Error) orNil() error {
	if len(e.Problems) == 0 {
		return nil
	}
	return e
}
