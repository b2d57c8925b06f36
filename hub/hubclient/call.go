package hubclient

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// call is one that waits for its answer. Its fields are under the client's
// lock until done is closed.
type call struct {
	id   uint64
	sent bool
	over bool
	done chan struct{}
	data jsontext.Value
	err  error
}

// Call calls a method of the server, as hub.Handle serves it, and decodes what
// it returns. in is encoded as JSON. It waits for a connection if there is none.
// ctx bounds the call, by [Options].CallTimeout if it has no deadline, and the
// server is told how long.
//
// What the server answers when it fails is an [*Error]; a connection that was
// lost meanwhile is [ErrDisconnected]. Leaving by ctx does not stop the server.
func Call[Out any](ctx context.Context, c *Client, method string, in any) (Out, error) {
	var out Out
	data, err := c.call(ctx, method, in)
	if err == nil && len(data) > 0 {
		err = json.Unmarshal(data, &out)
	}
	if err != nil {
		return out, fmt.Errorf("hubclient: call %q: %w", method, err)
	}
	return out, nil
}

func (c *Client) call(ctx context.Context, method string, in any) (jsontext.Value, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.o.CallTimeout)
		defer cancel()
		deadline, _ = ctx.Deadline()
	}
	data, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	w, err := c.register()
	if err != nil {
		return nil, err
	}
	timeout := max(time.Until(deadline).Milliseconds(), 1)
	c.send(frame{outgoing{Type: "call", ID: w.id, Method: method, Data: data, Timeout: timeout}.encode(), w})
	select {
	case c.called <- struct{}{}:
	default:
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		c.mu.Lock()
		c.settle(w, nil, context.Cause(ctx))
		c.mu.Unlock()
	}
	return w.data, w.err
}

func (c *Client) register() (*call, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.subs == nil {
		return nil, context.Cause(c.ctx)
	}
	c.lastCall++
	w := &call{id: c.lastCall, done: make(chan struct{})}
	c.calls[w.id] = w
	return w, nil
}

// settle is called under the lock. Only the first counts.
func (c *Client) settle(w *call, data jsontext.Value, err error) {
	if w.over {
		return
	}
	w.over, w.data, w.err = true, data, err
	delete(c.calls, w.id)
	close(w.done)
}

// answer settles the call that in answers; one that is over is for nobody.
func (c *Client) answer(in *incoming) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.calls[in.ID]
	switch {
	case w == nil:
	case in.Type == "error":
		c.settle(w, nil, in.err())
	default:
		c.settle(w, in.Data, nil)
	}
}

func (c *Client) calling() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.calls) > 0
}
