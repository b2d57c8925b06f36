//go:build linux

package loop

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/galeweb/gale/internal/assert"
)

// TestOnWait holds a loop up: the wait is told while it lasts, and again when the
// loop has come to its news; then waits are short.
func TestOnWait(t *testing.T) {
	t.Parallel()
	waits := make(chan time.Duration, 1000)
	s := serve(t, Options{Loops: 1, Watch: -1, OnWait: func(d time.Duration) {
		select {
		case waits <- d:
		default:
		}
	}})
	c, err := net.Dial("tcp", s.addr)
	assert.NoError(t, err)
	defer c.Close()
	_, err = io.WriteString(c, "block")
	assert.NoError(t, err)
	longest := time.Duration(0)
	for longest < tick {
		d := <-waits
		assert.True(t, d >= 0, "a wait is negative")
		longest = max(longest, d)
	}
	close(s.gate)
	for longest > 0 { // idle, in the end
		longest = <-waits
	}
}
