package engine

import (
	"errors"
	"net/http"

	"github.com/galeweb/gale/internal/exchange"
	"github.com/galeweb/gale/internal/http1"
)

// account counts how an exchange of c ended.
func (n *native) account(c *conn, out *exchange.Outcome) {
	n.counts[c.Loop()].requests.Add(1)
	if n.draining.Load() && !c.cutOff.Load() {
		n.s.drained.finished.Add(1)
	}
	if out.BodyError == nil {
		return
	}
	if _, ok := errors.AsType[*http.MaxBytesError](out.BodyError); ok {
		n.refused.add("body_size")
	} else if bad, ok := errors.AsType[*http1.Error](out.BodyError); ok {
		n.countBad(bad)
	}
}

// countBad counts what the parser refused: as a limit or as a breach of the
// protocol.
func (n *native) countBad(bad *http1.Error) {
	switch bad.Status {
	case http.StatusRequestURITooLong, http.StatusRequestHeaderFieldsTooLarge:
		n.refused.add(bad.Kind)
	default:
		n.bad.add(bad.Kind)
	}
}
