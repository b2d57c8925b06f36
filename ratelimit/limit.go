package ratelimit

import (
	"fmt"
	"time"
)

// Limit allows Rate events in each Per, evenly, of which Burst may come at once.
type Limit struct {
	// Name tells limits of one store apart and is shown in headers and metrics:
	// 1 to 64 of a-z, 0-9, and any of "._/-". Required.
	Name string
	// Rate is how many events each Per allows. Required.
	Rate int
	// Per is the time for Rate events. Required.
	Per time.Duration
	// Burst is how many events may come at once after a pause. Defaults to
	// Rate. In the first Per up to Burst+Rate events pass, in each later one
	// of steady use Rate.
	Burst int
}

const (
	maxName     = 64
	maxCapacity = 366 * 24 * time.Hour
	// maxBurst keeps a burst at one million a second, which rounding makes the
	// fastest rate, within maxCapacity.
	maxBurst = 1_000_000_000
)

// Validate returns what is wrong with l, or nil. Using a limit that is wrong
// panics.
func (l Limit) Validate() error {
	switch {
	case !validName(l.Name):
		return fmt.Errorf("ratelimit: Limit.Name is %q; use 1 to %d of a-z, 0-9, '.', '_', '/', '-'", l.Name, maxName)
	case l.Rate <= 0 || l.Per <= 0 || l.Burst < 0:
		return fmt.Errorf("ratelimit: limit %q allows %d in %v with bursts of %d; give a Rate and a Per above 0", l.Name, l.Rate, l.Per, l.Burst)
	case l.Per > maxCapacity || float64(l.Per)*float64(l.burst()) > float64(maxCapacity)*float64(l.Rate) || l.burst() > maxBurst:
		return fmt.Errorf("ratelimit: limit %q remembers for more than %v or more than %d events; lower Per or Burst", l.Name, maxCapacity, maxBurst)
	}
	return nil
}

// check panics for a limit that is wrong, which is a mistake of whoever wrote
// it into the program.
func (l Limit) check() {
	if err := l.Validate(); err != nil {
		panic(err.Error())
	}
}

func validName(s string) bool {
	for i := range len(s) {
		c := s[i] // '.', '/' and the digits follow one another
		if c-'a' > 'z'-'a' && c-'.' > '9'-'.' && c != '_' && c != '-' {
			return false
		}
	}
	return s != "" && len(s) <= maxName
}

func (l Limit) burst() int {
	if l.Burst == 0 {
		return l.Rate
	}
	return l.Burst
}

// meter is a limit in the units of a bucket.
type meter struct {
	// interval is what one event costs: the time in which it is given back,
	// rounded up to the microsecond in which every store counts.
	interval time.Duration
	// capacity is the time in which a full bucket drains.
	capacity time.Duration
}

func (l Limit) meter() meter {
	d := (l.Per + time.Duration(l.Rate) - 1) / time.Duration(l.Rate)
	d = (d + time.Microsecond - 1) / time.Microsecond * time.Microsecond
	return meter{d, d * time.Duration(l.burst())}
}

// State says what is left of a limit for one key.
type State struct {
	// Remaining is how many more events are allowed at this moment.
	Remaining int
	// Reset is the time until all of Burst is allowed again.
	Reset time.Duration
	// RetryAfter is the time until what was asked for will be allowed, and 0
	// when it was allowed. It is of no use for a Cost above Burst, which never
	// is.
	RetryAfter time.Duration
}

// state returns the state of a bucket with that level, after an attempt to add
// cost to it.
func (m meter) state(level, cost time.Duration, fits bool) State {
	s := State{Remaining: int(max(0, m.capacity-level) / m.interval), Reset: level}
	if !fits {
		s.RetryAfter = max(0, level+cost-m.capacity)
	}
	return s
}
