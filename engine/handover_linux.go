package engine

import (
	"github.com/galeweb/gale/internal/handover"
	"github.com/galeweb/gale/internal/http1"
)

// isH2C reports whether a connection begins as HTTP/2 without TLS does
// (RFC 9113 section 3.3), and may.
func (c *conn) isH2C(bad *http1.Error) bool {
	return bad != nil && bad.Kind == "h2_preface" && c.n.s.H2C && c.tls == nil && !c.greeted
}

// handOver gives a connection that speaks HTTP/2, and has sent came, to
// net/http.
func (c *conn) handOver(came []byte) {
	if err := c.Flush(); err != nil {
		c.close()
		return
	}
	ctx, hook := c.from.ctx, c.facade()
	conn, err := c.takeOut()
	if err != nil {
		c.close()
		return
	}
	if c.tls == nil {
		conn = handover.Plain(ctx, conn, came, hook)
	}
	c.n.s.h2.Deliver(conn)
}
