package hub

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/galeweb/gale/internal/brief"
	"github.com/galeweb/gale/internal/hubwire"
	"github.com/galeweb/gale/web"
)

// method answers a call with JSON, or with nothing.
type method func(ctx context.Context, data []byte) (jsontext.Value, error)

// Handle has h answer calls of a method, by any transport, with what fn returns;
// for a [web.NoContent] the answer has no data. In is decoded and checked as by
// [web.DecodeJSON], and an In without fields needs no data. The calls of one
// WebSocket are answered in order, one after the other. ctx has the values of
// the connection's request; it ends with the connection, after
// Options.CallTimeout, or sooner when the client asks for that.
//
// An error of fn becomes the code of the answer: that of a [*web.Error], if it
// has one, or one by its status ("invalid" for 400 and 422, "forbidden" for 401
// and 403, and otherwise the status in words, such as "not_found");
// "forbidden" for [ErrForbidden], "timeout" when the time is over. Any other
// error is "failed" and logged, and the client sees nothing of it.
//
// Call it before the hub serves. It panics when the method has a handler
// already, or In cannot be checked.
func Handle[In, Out any](h *Hub, name string, fn func(ctx context.Context, in In) (Out, error)) {
	decode := web.Decoder[In]()
	h.handle(name, func(ctx context.Context, data []byte) (jsontext.Value, error) {
		in, err := decode(data)
		if err != nil {
			return nil, err
		}
		out, err := fn(ctx, in)
		if err != nil {
			return nil, err
		}
		if _, none := any(out).(web.NoContent); none {
			return nil, nil
		}
		return json.Marshal(out)
	})
}

func (h *Hub) handle(name string, m method) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if name == "" || h.methods[name] != nil {
		panic(fmt.Sprintf("hub: method %q is empty or has a handler already; give each its own name", name))
	}
	h.methods[name] = m
	h.ws.ReadLimit = max(h.o.MaxMessage, hubwire.MaxRequest)
}

// answer runs a call. ctx is that of the connection.
func (h *Hub) answer(ctx context.Context, r hubwire.Request) *message {
	h.mu.RLock()
	m := h.methods[r.Method]
	h.mu.RUnlock()
	if m == nil {
		return encode(hubwire.Error{Type: "error", ID: r.ID, Code: hubwire.CodeUnknownMethod, Message: "there is no such method"})
	}
	timeout := h.o.CallTimeout
	if r.Timeout > 0 {
		timeout = min(timeout, time.Duration(min(r.Timeout, 1<<30))*time.Millisecond)
	}
	within, cancel := brief.WithTimeout(ctx, timeout)
	defer cancel()
	data, err := m.run(within, r.Data)
	if err != nil {
		return h.callFailed(within, r, err)
	}
	return encode(hubwire.Result{Type: "result", ID: r.ID, Data: data})
}

// run turns a panic into an error, so that it ends the call and nothing else.
func (m method) run(ctx context.Context, data []byte) (_ jsontext.Value, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return m(ctx, data)
}

func (h *Hub) callFailed(ctx context.Context, r hubwire.Request, err error) *message {
	e := web.Explain(ctx, err)
	answer := hubwire.Error{Type: "error", ID: r.ID, Code: e.Code, Message: e.Message}
	if len(e.Problems) > 0 {
		answer.Data = map[string]any{"errors": e.Problems}
	}
	switch {
	case errors.Is(err, ErrForbidden):
		answer.Code, answer.Message = hubwire.CodeForbidden, "you may not call this"
	case e.Code == hubwire.CodeTimeout:
	case e.Status >= http.StatusInternalServerError:
		if e.Code == "" {
			answer.Code = hubwire.CodeFailed
		}
		if !errors.Is(ctx.Err(), context.Canceled) { // the client is still there
			h.logger.ErrorContext(ctx, "hub: call failed", "method", r.Method, "error", err)
		}
	case e.Code == "malformed" || e.Code == "" && (e.Status == http.StatusBadRequest || e.Status == http.StatusUnprocessableEntity):
		answer.Code = hubwire.CodeInvalid
	case e.Code != "":
	case e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden:
		answer.Code = hubwire.CodeForbidden
	default:
		answer.Code = strings.ReplaceAll(strings.ToLower(http.StatusText(e.Status)), " ", "_")
	}
	return encode(answer)
}
