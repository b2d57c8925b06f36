package exchange

import (
	"net/http"
	"strconv"
	"strings"
)

// Refuse writes a whole response that says why the request is not served, and
// that the connection ends, in net/http's words. Reason is for people; it may
// be empty. It is for requests that Serve was not called for.
func (x *Exchange) Refuse(status int, reason string) {
	x.refuse(status, reason, "Connection: close\r\n")
}

// Shed is Refuse for a request that may be asked again after so many seconds. The
// connection is kept where that needs no care, and it returns whether it is.
func (x *Exchange) Shed(status int, reason string, seconds int) (keep bool) {
	field := "Retry-After: " + strconv.Itoa(seconds) + "\r\n"
	keep = !x.hasBody && !x.asksClose && !x.http10 && x.method != http.MethodHead && x.cfg.keepAlive()
	if !keep {
		field += "Connection: close\r\n"
	}
	x.refuse(status, reason, field)
	if keep {
		x.settle(true)
		x.outcome.Linger = false
	}
	return keep && !x.outcome.Abort
}

// refuse writes the response with more lines of header.
func (x *Exchange) refuse(status int, reason, fields string) {
	text := strconv.Itoa(status) + " " + http.StatusText(status)
	if reason != "" {
		text += ": " + strings.Map(printable, reason)
	}
	x.ctx.end()
	w := &x.w
	w.mu.Lock()
	if w.wire != nil {
		w.send([]byte("HTTP/1.1 " + text + "\r\nContent-Type: text/plain; charset=utf-8\r\n" + fields + "Content-Length: " +
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
