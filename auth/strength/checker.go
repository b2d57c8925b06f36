package strength

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/galeweb/gale/auth"
)

// Options configure a [Checker]. The zero value is a good default.
type Options struct {
	// MinScore is the least score of a password that passes, from 1 to 4.
	// Defaults to 3: more than 10^10 guesses.
	MinScore int
	// Breached are lists of stolen passwords besides the built-in one. The
	// caller closes them after the last check.
	Breached []*List
	// Context are words that are easy to guess here: the name of the service,
	// of the company, its domain. Words of fewer than 3 letters are ignored.
	Context []string
}

// Checker says which passwords may be chosen. It is safe for concurrent use.
type Checker struct {
	min     int
	lists   []*List
	context []string
}

// New returns a checker. It panics when MinScore is not within 1 to 4, or a
// list is nil.
func New(o Options) *Checker {
	minScore := cmp.Or(o.MinScore, 3)
	if minScore < 1 || minScore > 4 {
		panic(fmt.Sprintf("strength: Options.MinScore is %d; choose 1 to 4, or 0 for the default", o.MinScore))
	}
	if slices.Contains(o.Breached, nil) {
		panic("strength: a list in Options.Breached is nil; open it by OpenList")
	}
	return &Checker{
		min:     minScore,
		lists:   append([]*List{builtin()}, o.Breached...),
		context: words(o.Context),
	}
}

// Estimate is how strong a password is.
type Estimate struct {
	// Score is 0 (among the first guesses) to 4 (very many guesses). Each step
	// is a hundred times as many guesses; 1 begins at 10^6.
	Score int `json:"score"`
	// Feedback is a sentence for the user on how to do better. It is empty for
	// a password that passes.
	Feedback string `json:"feedback"`
}

// Check returns a [*auth.PasswordError] when a user should not choose password.
// Its code is one of [auth.CheckPassword], "breached" for a password in a list
// of stolen ones, also when it is there in lower case only, or "weak" for one
// whose score is too low. personal is what others know of the user: names,
// addresses, a birthday. Any other error says that a list could not be read.
func (c *Checker) Check(password string, personal ...string) error {
	_, refusal, err := c.judge(password, personal)
	if err == nil && refusal != nil {
		return refusal
	}
	return err
}

// Estimate returns the score of password for a meter. What Check refuses for
// another reason than its score has score 0.
func (c *Checker) Estimate(password string, personal ...string) (Estimate, error) {
	e, _, err := c.judge(password, personal)
	return e, err
}

func (c *Checker) judge(password string, personal []string) (Estimate, *auth.PasswordError, error) {
	if err := auth.CheckPassword(password, personal...); err != nil {
		refusal, ok := errors.AsType[*auth.PasswordError](err)
		if !ok {
			return Estimate{}, nil, err
		}
		return Estimate{0, refusal.Message}, refusal, nil
	}
	for _, l := range c.lists {
		stolen, err := l.Contains(password)
		if err != nil {
			return Estimate{}, nil, err
		}
		if stolen {
			const message = "This password is in a list of stolen passwords. Choose another one."
			return Estimate{0, message}, &auth.PasswordError{Code: "breached", Message: message}, nil
		}
	}
	score, feedback := guess(password, append(words(personal), c.context...))
	if score < c.min {
		return Estimate{score, feedback}, &auth.PasswordError{Code: "weak", Message: feedback}, nil
	}
	return Estimate{score, ""}, nil, nil
}
