package exchange

import (
	"fmt"
	"net/http"
	"runtime"
)

// Serve runs the handler and then brings the exchange to its end: the rest of
// the response is in the wire, not flushed, and the input stands at the next
// request unless the connection is to be closed. A panic of the handler is
// logged and aborts the exchange. When the handler ends its goroutine
// (runtime.Goexit), Serve does not return; its caller's deferred functions then
// find in Outcome that the exchange was aborted.
func (x *Exchange) Serve() (out Outcome) {
	finished := false
	defer func() {
		if !finished {
			x.abort(recover())
			out = x.outcome
		}
	}()
	if x.generalOptions() {
		x.w.Header().Set("Content-Length", "0")
	} else {
		x.cfg.Handler.ServeHTTP(&x.w, &x.req)
	}
	x.finish()
	finished = true
	return x.outcome
}

// Outcome returns what Serve has returned, or would have if its goroutine had
// lived: the caller's deferred functions may ask. Before the end it says Abort.
func (x *Exchange) Outcome() Outcome { return x.outcome }

// generalOptions is whether the client asks what the server as a whole can do:
// like net/http, which answers this itself unless told not to.
func (x *Exchange) generalOptions() bool {
	return x.target == "*" && x.method == http.MethodOptions &&
		(x.cfg.HTTP == nil || !x.cfg.HTTP.DisableGeneralOptionsHandler)
}

// finish ends the exchange after its handler has returned.
func (x *Exchange) finish() {
	x.ctx.end()
	keep := x.w.finish()
	if keep && x.hasBody {
		keep = x.body.Close() == nil
	}
	atEnd, more := true, false
	if x.hasBody {
		atEnd, more = x.body.release()
	} else {
		x.body.src = nil // nobody else has this body
	}
	x.settle(keep && atEnd)
	x.outcome.Linger = x.outcome.Close && more
	if x.req.MultipartForm != nil {
		_ = x.req.MultipartForm.RemoveAll()
	}
}

// settle fills in the outcome. The response is done, so nothing changes it any
// more.
func (x *Exchange) settle(keep bool) {
	w := &x.w
	x.outcome = Outcome{
		Hijacked: w.hijacked && !w.upgraded, Upgraded: w.upgraded,
		Close: !w.hijacked && !keep, Abort: w.err != nil && !w.hijacked,
		Status: w.status, Written: w.written, BodyError: x.outcome.BodyError,
	}
}

// abort ends the exchange after its handler has panicked with v, or, with nil,
// has ended its goroutine.
func (x *Exchange) abort(v any) {
	if v != nil && v != http.ErrAbortHandler {
		stack := make([]byte, 64<<10)
		stack = stack[:runtime.Stack(stack, false)]
		x.cfg.Log.Error(fmt.Sprintf("http: panic serving %v: %v\n%s", x.req.RemoteAddr, v, stack))
	}
	x.ctx.end()
	x.w.abandon()
	x.body.release()
	x.settle(false)
	x.outcome.Abort = !x.outcome.Hijacked
}

// finish sends what is left of the response and cuts it off from the wire. It
// returns whether the connection can be kept.
func (w *response) finish() (keep bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = true
	if w.x.hasBody {
		w.x.body.answer.Store(false)
	}
	if w.hijacked {
		return false
	}
	if w.status == 0 {
		w.setStatus(http.StatusOK)
	}
	if !w.headSent || w.waiting > 0 || w.chunked {
		w.emitWaiting(true)
	}
	short := !w.noBody && w.length != -1 && w.length != w.written
	w.release()
	return !w.closing && !short && !w.x.body.tooLarge.Load()
}

// abandon cuts the response off from the wire.
func (w *response) abandon() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = true
	w.x.body.answer.Store(false)
	w.release()
}

// release lets go of the wire and of the buffer. The lock is held.
func (w *response) release() {
	w.wire = nil
	if w.buf != nil {
		w.x.cfg.buffers.put(w.buf)
		w.buf = nil
	}
}
