package hub

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"

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

// maxSubURL is how long the subscriptions in a URL may be.
const maxSubURL = 8 << 10

func (h *Hub) serve(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	name := query.Get("transport")
	if name == "" {
		h.ws.ServeHTTP(w, r)
		return
	}
	ctx, who, err := h.receive(w, r, name)
	if err == nil {
		switch name {
		case "sse":
			err = h.serveStream(ctx, w, r, who, query.Get("sub"))
		case "poll":
			err = h.servePoll(ctx, w, r, who)
		case "call":
			err = h.serveCall(ctx, w, r)
		}
	}
	switch {
	case errors.Is(err, errTryLater):
		tryLater(w)
	case err != nil:
		web.Fail(w, r, err)
	}
}

// receive checks what a WebSocket's handshake checks, and a token. It returns
// the context of the connection and who it is, nil when nobody wants to know.
func (h *Hub) receive(w http.ResponseWriter, r *http.Request, transport string) (context.Context, *visitor, error) {
	if err := h.acceptable(r, transport); err != nil {
		return nil, nil, err
	}
	web.LimitBody(w, r, int64(max(h.o.MaxMessage, maxPoll)))
	w.Header().Set("Cache-Control", "no-store")
	ctx := r.Context()
	if h.o.Authenticate == nil {
		if h.o.Identify == nil {
			return ctx, nil, nil
		}
		return ctx, h.identify(ctx), nil
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	who, err := h.authenticated(ctx, token)
	switch {
	case errors.Is(err, ErrForbidden):
		return nil, nil, &web.Error{Status: http.StatusUnauthorized, Header: http.Header{"WWW-Authenticate": {"Bearer"}}}
	case err != nil:
		return nil, nil, errTryLater
	}
	ctx, who.ctx = who.ctx, nil
	return ctx, who, nil
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
	if check := h.o.CheckOrigin; check == nil && !sameOrigin(r) || check != nil && !check(r) {
		return &web.Error{Status: http.StatusForbidden, Message: "Pages of this origin may not connect."}
	}
	// A page of another site could not send this type unasked.
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); method == http.MethodPost && (err != nil || t != "application/json") {
		return &web.Error{Status: http.StatusUnsupportedMediaType, Message: "The Content-Type must be application/json."}
	}
	return nil
}

// errTryLater is answered by tryLater, not by [web.Fail], which would log as a
// failure what is none.
var errTryLater = errors.New("hub: not now")

func tryLater(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	http.Error(w, "not now; connect again", http.StatusServiceUnavailable)
}

// sameOrigin compares the host of the Origin header, which browsers send from
// pages of other sites, with the request's. "null" and anything that is more
// than scheme://host are refused.
func sameOrigin(r *http.Request) bool {
	values := r.Header.Values("Origin")
	if len(values) == 0 {
		return true
	}
	u, err := url.Parse(values[0])
	return err == nil && len(values) == 1 && u.Host != "" && u.Scheme+"://"+u.Host == values[0] &&
		strings.EqualFold(u.Host, r.Host)
}

// readBody reads the body of r, which receive has limited.
func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	return io.ReadAll(r.Body)
}

// parseSubs reads a list of subscribe messages.
func parseSubs(data []byte) ([]request, error) {
	var subs []request
	err := json.Unmarshal(data, &subs, json.RejectUnknownMembers(true))
	switch {
	case err != nil:
	case len(subs) > maxSubscriptions:
		err = errors.New("too many subscriptions")
	}
	for _, s := range subs {
		if s.Type != "subscribe" || s.Recent < 0 {
			err = errors.New("an item is no subscribe message")
		}
	}
	if err != nil {
		return nil, &web.Error{Status: http.StatusBadRequest, Message: "The subscriptions are not as docs/hub-protocol.md says.", Err: err}
	}
	return subs, nil
}

// serveCall answers one call.
func (h *Hub) serveCall(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	body, err := readBody(r)
	if err != nil {
		return err
	}
	call, err := parseRequest(body)
	m := encode(errorMessage{Type: "error", ID: call.ID, Code: codeBadMessage, Message: "message is not a call"})
	if err == nil && call.Type == "call" {
		m = h.answer(ctx, call)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(m.data) // a client that has gone needs no answer
	return nil
}
