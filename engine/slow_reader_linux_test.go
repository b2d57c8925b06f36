package engine_test

import (
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/internal/assert"
)

// The protocol of a peer that reads on is asked for more with each few hundred
// KiB, or the peer would look like one that has stopped reading. The kernel has
// room for megabytes.
func TestUpgradedSlowReader(t *testing.T) {
	parties(t, func(t *testing.T, p *party, mode engine.Mode) {
		p.prepare = func(*talker, *http.Request) {}
		g := p.hold(t, &engine.Server{Mode: mode}).enter()
		raw := g.Conn
		if inner, ok := raw.(interface{ NetConn() net.Conn }); ok {
			raw = inner.NetConn()
		}
		assert.NoError(t, raw.(*net.TCPConn).SetReadBuffer(64<<10))
		const size, step = 12 << 20, 512 << 10
		fill(t, g.k, size)
		for {
			_, before := g.k.counted()
			if before == 0 {
				break
			}
			_, err := io.CopyN(io.Discard, g.r, step)
			assert.NoError(t, err)
			asked := time.Now()
			until(t, "room for more", func() bool {
				if time.Since(asked) > guard {
					t.Fatal("the kernel has told of no room")
				}
				_, waiting := g.k.counted()
				return waiting < before
			})
		}
	})
}
