package engine

import (
	"net/http"
	"sync/atomic"
	"time"
)

// dateLine makes the Date field once a second (RFC 9110 section 6.6.1).
type dateLine struct{ made atomic.Pointer[madeDate] }

type madeDate struct {
	second int64
	line   []byte
}

func (d *dateLine) get() []byte {
	now := time.Now()
	if made := d.made.Load(); made != nil && made.second == now.Unix() {
		return made.line
	}
	line := append(now.UTC().AppendFormat([]byte("Date: "), http.TimeFormat), "\r\n"...)
	d.made.Store(&madeDate{now.Unix(), line})
	return line
}
