package hub

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/galeweb/gale/internal/hubwire"
	"github.com/galeweb/gale/internal/origin"
	"github.com/galeweb/gale/web"
)

// Handler returns the endpoint of all transports, which speaks the protocol of
// docs/hub-protocol.md. It wants GET, for WebSocket and server-sent events, and
// POST, for long-poll and calls:
//
//	mux.Handle("/live", h.Handler())
//
// Put the middleware that knows the user around it: Authorize gets the context
// of the request.
func (h *Hub) Handler() http.Handler { return http.HandlerFunc(h.serve) }

const (
	// maxSubURL is how long the subscriptions in a URL may be.
	maxSubURL = 8 << 10
	// maxPoll is the size of the largest poll: 128 subscriptions with names and
	// positions of full length.
	maxPoll = 64 << 10
)

func (h *Hub) serve(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	name := query.Get("transport")
	if name == "" {
		h.ws.ServeHTTP(w, r)
		return
	}
	ctx, err := h.receive(w, r, name)
	if err == nil {
		switch name {
		case "sse":
			err = h.serveStream(ctx, w, r, query.Get("sub"))
		case "poll":
			err = h.servePoll(ctx, w, r)
		case "call":
			err = h.serveCall(ctx, w, r)
		}
	}
	switch {
	case errors.Is(err, errTryLater):
		w.Header().Set("Retry-After", "1")
		http.Error(w, "not now; connect again", http.StatusServiceUnavailable)
	case err != nil:
		web.Fail(w, r, err)
	}
}

// receive checks what a WebSocket's handshake checks, and a token, and returns
// the context of the connection.
func (h *Hub) receive(w http.ResponseWriter, r *http.Request, transport string) (context.Context, error) {
	if err := h.acceptable(r, transport); err != nil {
		return nil, err
	}
	limit := maxPoll
	if transport == "call" {
		limit = h.o.MaxMessage
	}
	web.LimitBody(w, r, int64(limit))
	w.Header().Set("Cache-Control", "no-store")
	if h.o.Authenticate == nil {
		return r.Context(), nil
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	ctx, err := h.authenticated(r.Context(), token)
	switch {
	case errors.Is(err, ErrForbidden):
		return nil, &web.Error{Status: http.StatusUnauthorized, Header: http.Header{"WWW-Authenticate": {"Bearer"}}}
	case err != nil:
		return nil, errTryLater
	}
	return ctx, nil
}

func (h *Hub) acceptable(r *http.Request, transport string) error {
	method := http.MethodPost
	switch transport {
	case "sse":
		method = http.MethodGet
	case "poll", "call":
	default:
		return &web.Error{Status: http.StatusBadRequest, Message: "The transport is none of sse, poll and call."}
	}
	if r.Method != method {
		return &web.Error{Status: http.StatusMethodNotAllowed, Header: http.Header{"Allow": {method}}}
	}
	if check := h.o.CheckOrigin; check == nil && !origin.Same(r) || check != nil && !check(r) {
		return &web.Error{Status: http.StatusForbidden, Message: "Pages of this origin may not connect."}
	}
	// A page of another site could not send this type unasked.
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); method == http.MethodPost && (err != nil || t != "application/json") {
		return &web.Error{Status: http.StatusUnsupportedMediaType, Message: "The Content-Type must be application/json."}
	}
	return nil
}

// errTryLater is no failure, as which [web.Fail] would log it.
var errTryLater = errors.New("hub: not now")

// serveCall answers one call.
func (h *Hub) serveCall(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	call, err := hubwire.Parse(body)
	m := encode(hubwire.Error{Type: "error", ID: call.ID, Code: hubwire.CodeBadMessage, Message: "message is not a call"})
	if err == nil && call.Type == "call" {
		m = h.answer(ctx, call)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(m.Data) // a client that has gone needs no answer
	return nil
}
