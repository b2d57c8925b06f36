package middleware

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/web"
)

// DefaultTimeoutBuffer is the default of TimeoutOptions.Buffer: 64 KiB.
const DefaultTimeoutBuffer = 64 << 10

// TimeoutOptions configures [TimeoutWith].
type TimeoutOptions struct {
	// After is how long a handler may take. Required.
	After time.Duration
	// Skip, when it returns true, leaves a request without a limit: for the
	// streams among the routes below. Judge by the path, not by a header: a
	// client chooses its headers. Defaults to none.
	Skip func(*http.Request) bool
	// Buffer is how many bytes of a response are held back so that a 503 can
	// still take their place. Defaults to [DefaultTimeoutBuffer].
	Buffer int
}

// Timeout is [TimeoutWith] with the defaults and d for After.
func Timeout(d time.Duration) func(http.Handler) http.Handler {
	return TimeoutWith(TimeoutOptions{After: d})
}

// TimeoutWith bounds the time of the handlers below. Their context gets a
// deadline, and when it passes:
//
//   - if no byte has left yet, the client gets a 503 through [web.Fail];
//   - if the response has begun, because the handler flushed or wrote more than
//     the buffer holds, the connection is aborted by [http.ErrAbortHandler], so
//     that nobody takes half a body for a whole one;
//   - the handler's later writes go nowhere: they return
//     [http.ErrHandlerTimeout], and its header map is its own.
//
// A handler that returns after its deadline is late even when the difference is
// small: it may have stopped in the middle because its context said so.
//
// TimeoutWith does not wait for a handler that is late, as Go can stop no
// goroutine: the handler ends when it next looks at its context. One that never
// does keeps its goroutine, so give the context to every call that waits.
//
// A handler runs in a goroutine of its own here, which costs a switch: put
// Timeout around the routes that need it. Server-sent events, downloads that may be slow and WebSockets do not
// belong under it: route them beside it, or name them in Skip. A handler that
// has taken over the connection is waited for and never aborted, but its
// context has the deadline still.
//
// A panic below goes on in the caller, with the stack of its origin for
// [Recover]. TimeoutWith panics when After is not positive.
func TimeoutWith(o TimeoutOptions) func(http.Handler) http.Handler {
	if o.After <= 0 {
		panic(fmt.Sprintf("middleware: Timeout of %v ends every request; give a positive duration", o.After))
	}
	if o.Buffer == 0 {
		o.Buffer = DefaultTimeoutBuffer
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if o.Skip != nil && o.Skip(r) {
				next.ServeHTTP(w, r)
				return
			}
			ctx, cancel := context.WithTimeoutCause(r.Context(), o.After, http.ErrHandlerTimeout)
			defer cancel()
			tw := newTimeoutWriter(ctx, w, o.Buffer)
			done := make(chan any, 1) // takes what was thrown, read or not
			go serve(next, tw, r.WithContext(ctx), done)

			select {
			case v := <-done:
				if tw.inTime() {
					tw.end(v)
					return
				}
			case <-ctx.Done():
			}
			was := tw.kill()
			switch {
			case was == writerEnded || was == writerHijacked:
				tw.end(<-done)
			case was == writerStreaming, ctx.Err() != context.DeadlineExceeded:
				panic(http.ErrAbortHandler) // the client left, or has half a response
			default:
				web.Fail(w, r, &web.Error{
					Status:  http.StatusServiceUnavailable,
					Code:    "timeout",
					Message: "The server took too long to answer.",
					Err:     http.ErrHandlerTimeout,
				})
			}
		})
	}
}

// serve runs the handler and sends what it has thrown, or nil, to done. What
// comes too late for that is logged here, as nobody else would hear of it.
func serve(next http.Handler, tw *timeoutWriter, r *http.Request, done chan<- any) {
	// Stands when the handler leaves by runtime.Goexit: there is no response.
	var thrown any = http.ErrAbortHandler
	defer func() {
		v := recover()
		if v != nil {
			thrown = v
		}
		if _, nested := v.(*handlerPanic); v != nil && v != http.ErrAbortHandler && !nested {
			thrown = &handlerPanic{value: v, stack: cutStack(debug.Stack())}
		}
		if p, ok := thrown.(*handlerPanic); tw.finish() && ok {
			stack, err := panicked(p)
			obs.Logger(r.Context()).ErrorContext(r.Context(), "panic after timeout",
				slog.Any("error", err), slog.String("stack", stack))
		}
		done <- thrown
	}()
	ww := web.Wrap(tw)
	next.ServeHTTP(ww, r)
	sendHeader(ww)
	thrown = nil
}
