package engine

import "fmt"

// Mode is the mechanism that serves connections. On systems without epoll every
// mode is [Std].
type Mode string

const (
	// Loop runs handlers on the event loop and moves those that take long to
	// goroutines of their own. It is the default on Linux.
	Loop Mode = "loop"
	// Pool polls by the event loop and runs every handler on a pooled goroutine.
	// It costs a switch for each request; use it to rule out the loop's
	// take-over when hunting a problem.
	Pool Mode = "pool"
	// Std is net/http's own server, with a goroutine for each connection.
	Std Mode = "std"

	// AlwaysSlow treats every request as slow, so that each one leaves the loop
	// before its handler runs. For tests.
	AlwaysSlow Mode = "slow"
	// AlwaysInline never takes the loop from a handler, so that one that blocks
	// stalls its loop. For tests.
	AlwaysInline Mode = "inline"
)

// modeVar is the environment variable that names the mode of servers whose
// Mode is not set.
const modeVar = "GALE_ENGINE"

// parse checks a mode that came from outside.
func (m Mode) parse() (Mode, error) {
	switch m {
	case "":
		return Loop, nil
	case Loop, Pool, Std, AlwaysSlow, AlwaysInline:
		return m, nil
	}
	return "", fmt.Errorf("engine: mode %q; want loop, pool, std, slow or inline", m)
}
