package exchange

import (
	"net/http"
	"strconv"
	"strings"
)

// Refuse writes a whole response that says why the request is not served, and
// that the connection ends, in net/http's words. Reason is for people; it may
// be empty. It is for requests that Serve was not called for.
func (x *Exchange) Refuse(status int, reason string) { x.refuse(status, reason, "") }

// RefuseRetry is Refuse with a Retry-After field, in seconds.
func (x *Exchange) RefuseRetry(status int, reason string, seconds int) {
	x.refuse(status, reason, "Retry-After: "+strconv.Itoa(seconds)+"\r\n")
}

func (x *Exchange) refuse(status int, reason, field string) {
	text := strconv.Itoa(status) + " " + http.StatusText(status)
	if reason != "" {
		text += ": " + strings.Map(printable, reason)
	}
	x.ctx.end()
	w := &x.w
	w.mu.Lock()
	if w.wire != nil {
		w.send([]byte("HTTP/1.1 " + text + "\r\n" + field + "Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: " +
			strconv.Itoa(len(text)) + "\r\n\r\n" + text))
	}
	w.status, w.written, w.done = status, int64(len(text)), true
	w.release()
	w.mu.Unlock()
	_, more := x.body.release()
	x.settle(false)
	x.outcome.Linger = more
}

func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return '?'
	}
	return r
}
