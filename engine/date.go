package engine

import (
	"net/http"
	"sync/atomic"
	"time"
)

// dateLine is the Date field (RFC 9110 section 6.6.1). It is set by the loops'
// ticker rather than by each response, and so may be a quarter of a second old.
type dateLine struct{ line atomic.Pointer[[]byte] }

func (d *dateLine) get() []byte { return *d.line.Load() }

func (d *dateLine) set(now time.Time) {
	line := append(now.UTC().AppendFormat([]byte("Date: "), http.TimeFormat), "\r\n"...)
	d.line.Store(&line)
}
