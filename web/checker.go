package web

import (
	"reflect"
	"sync"

	"github.com/go-playground/validator/v10"
)

// checkers is the one validator, and what is known of the types of input.
// Everything it remembers is a pure function of a type of the program, so it
// is as good as constant. Safe for concurrent use.
type checkers struct {
	once      sync.Once
	validator *validator.Validate
	rules     sync.Map // reflect.Type → *rules, for DecodeJSON and ReadNDJSON
	forms     sync.Map // reflect.Type → *plan, for Form
}

// shared needs no code to come into being, unlike a [sync.OnceValue]: so the
// linker leaves the validator, 2 MB, out of a program without typed input.
var shared = &checkers{}

func checker() *checkers {
	shared.once.Do(shared.open)
	return shared
}

func (c *checkers) open() {
	c.validator = validator.New(validator.WithRequiredStructEnabled())
}

func (c *checkers) rulesFor(t reflect.Type) *rules {
	if r, ok := c.rules.Load(t); ok {
		return r.(*rules)
	}
	r, _ := c.rules.LoadOrStore(t, newRules("decode", t))
	return r.(*rules)
}

func (c *checkers) formPlan(t reflect.Type) *plan {
	if p, ok := c.forms.Load(t); ok {
		return p.(*plan)
	}
	p, _ := c.forms.LoadOrStore(t, newPlan("Form", t, formSources))
	return p.(*plan)
}
