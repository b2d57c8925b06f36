package middleware

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/web"
)

// maxStack bounds the stack in a log record, in bytes. The panic's own frames
// come first, so what is cut is the servers' end.
const maxStack = 16 << 10

// Recover turns a panic of the handlers below into an answer and a log record
// with the stack. When nothing was sent yet the client gets a 500 through
// [web.Fail], without a word of the panic. When the response had begun, the
// connection is aborted by [http.ErrAbortHandler], so that nobody takes half a
// body for a whole one.
//
// http.ErrAbortHandler itself is passed on and not logged: it is how a handler
// asks for the connection to be closed.
func Recover(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ww, w := writerOf(w)
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler {
				panic(v)
			}
			stack, err := panicked(v)
			ctx := r.Context()
			obs.RequestFrom(ctx).SetError(err)
			obs.Logger(ctx).ErrorContext(ctx, "panic", slog.Any("error", err), slog.String("stack", stack))
			if ww.Written() {
				panic(http.ErrAbortHandler)
			}
			// Fail would log err again, without the stack.
			quiet := obs.WithLogger(ctx, slog.New(slog.DiscardHandler))
			web.Fail(w, r.WithContext(quiet), &web.Error{Status: http.StatusInternalServerError, Err: err})
		}()
		next.ServeHTTP(w, r)
	})
}

// handlerPanic carries a panic from the goroutine of a [Timeout] to its
// caller, with the stack that would be lost on the way.
type handlerPanic struct {
	value any
	stack string
}

// Error is what net/http prints when there is no [Recover] outside.
func (p *handlerPanic) Error() string {
	return fmt.Sprintf("%v\n\n%s", p.value, p.stack)
}

// panicked returns the panic value v as an error, and its stack. It must be
// called by the deferred function that recovered v.
func panicked(v any) (stack string, err error) {
	if p, ok := v.(*handlerPanic); ok {
		v, stack = p.value, p.stack
	} else {
		stack = cutStack(debug.Stack())
	}
	if e, ok := v.(error); ok {
		return stack, fmt.Errorf("panic: %w", e)
	}
	return stack, fmt.Errorf("panic: %v", v)
}

func cutStack(s []byte) string { return string(s[:min(len(s), maxStack)]) }
