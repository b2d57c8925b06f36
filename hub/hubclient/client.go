package hubclient

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/ws"
)

// Client keeps a connection to a hub. Make one by [Dial].
type Client struct {
	url    string
	o      Options
	ws     *ws.Handler
	ctx    context.Context // ends with the client
	cancel context.CancelCauseFunc
	done   chan struct{}
	called chan struct{} // holds a token when a call was made; see inbox.hold

	failures int // connections in a row that did not last; of run

	mu       sync.Mutex
	state    State
	conn     *ws.Conn // once it was accepted
	out      []frame  // what waits for the connection, or for room in its queue
	subs     map[string]*inbox
	leaving  map[string]int // by topic, answers to unsubscribe that are to come
	calls    map[uint64]*call
	lastCall uint64
}

// frame is a message on its way to the server.
type frame struct {
	data []byte
	call *call // nil for those that belong to one connection
}

// Dial connects to a hub's endpoint, a URL with ws, wss, http or https. It
// fails when the first attempt does, with an error that is [ErrRefused] if
// trying again would not help; from then on the client keeps itself connected
// until [Client.Close]. ctx bounds the attempt only, and its values are those
// of the log's records.
func Dial(ctx context.Context, url string, o Options) (*Client, error) {
	c := &Client{
		url:     url,
		o:       o.withDefaults(),
		done:    make(chan struct{}),
		called:  make(chan struct{}, 1),
		subs:    make(map[string]*inbox),
		leaving: make(map[string]int),
		calls:   make(map[uint64]*call),
	}
	c.ws = &ws.Handler{
		Subprotocols: []string{hub.Subprotocol},
		ReadLimit:    c.o.ReadLimit,
		Writable:     func(*ws.Conn) { c.flush() },
	}
	c.ctx, c.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	conn, err := c.open(ctx)
	if err != nil {
		c.cancel(ErrClosed)
		return nil, fmt.Errorf("hubclient: dial: %w", refused(err))
	}
	go c.run(conn)
	return c, nil
}

// Close ends the client and its subscriptions, and waits for its goroutines.
// It may be called more than once.
func (c *Client) Close() {
	c.cancel(ErrClosed)
	<-c.done
}

// Done is closed when the client has ended.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err returns why the client has ended: [ErrClosed], or an [ErrRefused]; nil
// before.
func (c *Client) Err() error { return context.Cause(c.ctx) }

// State returns what the client does now.
func (c *Client) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

func (c *Client) become(s State) {
	c.mu.Lock()
	changed := c.state != s
	c.state = s
	c.mu.Unlock()
	if changed && c.o.OnState != nil {
		c.o.OnState(s)
	}
}

// run keeps the client connected, beginning with conn, until it ends.
func (c *Client) run(conn *ws.Conn) {
	defer close(c.done)
	for conn != nil {
		began := time.Now()
		wait, err := c.serve(conn)
		if time.Since(began) >= 10*c.o.MinWait {
			c.failures = 0 // it has lasted
		}
		conn = c.reconnect(wait, err)
	}
	c.end(context.Cause(c.ctx))
}

// reconnect returns the next connection, or nil when the client has ended. A
// server that said how long to wait has drawn lots already.
func (c *Client) reconnect(wait time.Duration, err error) *ws.Conn {
	for {
		if err = refused(err); errors.Is(err, ErrRefused) {
			c.cancel(err)
		}
		if c.ctx.Err() != nil {
			return nil
		}
		if wait == 0 {
			wait = c.pause(c.failures)
			c.failures++
			c.o.Logger.WarnContext(c.ctx, "hubclient: not connected", "url", c.url, "error", err, "wait", wait)
		}
		c.become(Waiting)
		sleep(c.ctx, wait)
		c.become(Connecting)
		var conn *ws.Conn
		if conn, err = c.open(c.ctx); err == nil {
			return conn
		}
		wait = 0
	}
}

// pause is random as a whole: a restart of the server must not bring everyone
// back at the same instant.
func (c *Client) pause(failures int) time.Duration {
	limit := c.o.MaxWait
	if shift := min(failures, 30); c.o.MinWait < limit>>shift {
		limit = c.o.MinWait << shift
	}
	return 1 + rand.N(limit)
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// open makes a connection that the server has accepted.
func (c *Client) open(ctx context.Context) (*ws.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.o.DialTimeout)
	defer cancel()
	token := ""
	if c.o.Token != nil {
		var err error
		if token, err = c.o.Token(ctx); err != nil {
			return nil, fmt.Errorf("token: %w", err)
		}
	}
	conn, err := ws.Dial(ctx, c.url, ws.DialOptions{
		Handler: c.ws, Header: c.o.Header, DialContext: c.o.DialContext, TLS: c.o.TLS,
	})
	if err != nil || c.o.Token == nil {
		return conn, err
	}
	if err := authenticate(ctx, conn, token); err != nil {
		conn.Close(ws.CodeNormal, "")
		<-conn.Done()
		return nil, err
	}
	return conn, nil
}

// authenticate sends the token and waits for the answer.
func authenticate(ctx context.Context, conn *ws.Conn, token string) error {
	stop := context.AfterFunc(ctx, func() { conn.Close(ws.CodeNormal, "") })
	defer stop()
	if err := conn.Send(ws.Message{Data: outgoing{Type: "auth", Token: token}.encode()}); err != nil {
		return err
	}
	for m, err := range conn.Messages() {
		if err != nil {
			return err
		}
		in, err := decode(m)
		switch {
		case err != nil:
			return err
		case in.Type == "welcome":
			return nil
		case in.Code == "unauthenticated":
			return fmt.Errorf("%w: %w", ErrRefused, in.err())
		case in.Type == "error":
			return in.err()
		}
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return errors.New("hubclient: the server closed the connection before accepting it")
}
