package middleware

import (
	"context"
	"net/http"
	"net/netip"
	"sync"

	"github.com/galeweb/gale/internal/ctxkey"
	"github.com/galeweb/gale/web"
)

// state is what the middleware of this package know of one request together.
// It is one context value rather than one for each middleware, because each
// With costs a copy of the http.Request, and because an inner middleware can
// then tell an outer one: the access log prints the address that ClientIP
// found below it. The mutex is for handlers that outlive a Timeout.
type state struct {
	mu     sync.Mutex
	client netip.Addr // from ClientIP; not valid before
	https  bool       // from ClientIP; see proxied
	// proxied is set when a trusted proxy named the scheme, so that https
	// outranks the connection's own TLS state.
	proxied bool
	// nonces is set below SecurityHeaders; nonce is made at the first Nonce.
	nonces bool
	nonce  string
	// plain is set by NoCompress.
	plain bool
}

var stateKey = ctxkey.New[*state]("middleware.state")

// stateFrom returns the state in ctx, or nil.
func stateFrom(ctx context.Context) *state {
	st, _ := stateKey.Value(ctx)
	return st
}

// stateOf returns the state of r, and r with one when it had none.
func stateOf(r *http.Request) (*state, *http.Request) {
	if st := stateFrom(r.Context()); st != nil {
		return st, r
	}
	st := new(state)
	return st, r.WithContext(stateKey.With(r.Context(), st))
}

// writerOf returns the [web.Writer] of w, and w itself when it already wraps
// one: handing on the Writer alone would cut out the wrappers around it.
func writerOf(w http.ResponseWriter) (*web.Writer, http.ResponseWriter) {
	if ww := web.WriterFrom(w); ww != nil {
		return ww, w
	}
	ww := web.Wrap(w)
	return ww, ww
}

// sendHeader sends the header of a response that a handler left to the server,
// which would send it without a call of the OnHeader functions.
func sendHeader(ww *web.Writer) {
	if !ww.Written() {
		ww.WriteHeader(http.StatusOK)
	}
}
