package galetest

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/ws"
)

// messageTimeout is how long a Socket waits for what must come.
const messageTimeout = 10 * time.Second

// Socket is a WebSocket to the server under test that fails its test when what
// must come does not. It is closed when the test ends.
type Socket struct {
	// Conn is the connection itself.
	Conn *ws.Conn

	tb       testing.TB
	path     string
	messages chan ws.Message
	closed   chan struct{}
	cause    error // set before closed is
}

// WebSocket connects to a path with the client's cookies and headers and, as a
// browser does, the Origin of the server's own pages.
func (c *Client) WebSocket(path string) *Socket {
	c.tb.Helper()
	s, err := c.dialWebSocket(path)
	if err != nil {
		c.tb.Fatalf("galetest: %s: %v", path, err)
	}
	return s
}

// RefusedWebSocket checks that the server does not upgrade and returns the
// status that it answers instead.
func (c *Client) RefusedWebSocket(path string) (status int) {
	c.tb.Helper()
	_, err := c.dialWebSocket(path)
	refused, ok := errors.AsType[*ws.HandshakeError](err)
	if !ok {
		c.tb.Fatalf("galetest: %s: the handshake ended with %v, want a refusal", path, err)
	}
	return refused.StatusCode
}

func (c *Client) dialWebSocket(path string) (*Socket, error) {
	c.tb.Helper()
	header := c.NewRequest(http.MethodGet, path, nil).Header
	if header.Get("Origin") == "" {
		header.Set("Origin", c.URL(""))
	}
	if name := c.header.Get("Host"); name != "" {
		header.Set("Host", name)
	}
	u, err := url.Parse(c.URL(path))
	if err != nil {
		return nil, err
	}
	for _, cookie := range c.http.Jar.Cookies(u) {
		header.Add("Cookie", cookie.String())
	}
	s := &Socket{tb: c.tb, path: path, messages: make(chan ws.Message), closed: make(chan struct{})}
	// What nobody receives must not keep the connection from ending.
	quit := make(chan struct{})
	s.Conn, err = ws.Dial(c.tb.Context(), u.String(), ws.DialOptions{
		Header: header, DialContext: c.server.dialOwn, TLS: c.server.roots,
		Handler: &ws.Handler{
			ReadLimit: maxBody,
			Message: func(_ *ws.Conn, m ws.Message) error {
				select {
				case s.messages <- m:
				case <-quit:
				}
				return nil
			},
			Close: func(_ *ws.Conn, cause error) {
				s.cause = cause
				close(s.closed)
			},
		},
	})
	if err != nil {
		return nil, err
	}
	cleanup(c.tb, sync.OnceFunc(func() {
		close(quit)
		s.Conn.Close(1000, "")
		<-s.Conn.Done()
	}))
	return s, nil
}

// SendText sends a text message.
func (s *Socket) SendText(text string) {
	s.tb.Helper()
	if err := s.Conn.SendText(text); err != nil {
		s.tb.Fatalf("galetest: %s: send: %v", s.path, err)
	}
}

// SendJSON sends v as a text message.
func (s *Socket) SendJSON(v any) {
	s.tb.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		s.tb.Fatalf("galetest: %s: encode the message: %v", s.path, err)
	}
	s.SendText(string(b))
}

// Receive returns the next message, for which it waits 10 s at most.
func (s *Socket) Receive() ws.Message {
	s.tb.Helper()
	timer := time.NewTimer(messageTimeout)
	defer timer.Stop()
	select {
	case m := <-s.messages:
		return m
	case <-s.closed:
		s.tb.Fatalf("galetest: %s: the connection ended before a message came: %v", s.path, s.cause)
	case <-timer.C:
		s.tb.Fatalf("galetest: %s: no message in %v", s.path, messageTimeout)
	}
	return ws.Message{}
}

// Text returns the next message, which must be text.
func (s *Socket) Text() string {
	s.tb.Helper()
	m := s.Receive()
	if m.Binary {
		s.tb.Fatalf("galetest: %s: the message is binary, want text: %q", s.path, m.Data)
	}
	return string(m.Data)
}

// JSON decodes the next message into v, which is a pointer.
func (s *Socket) JSON(v any) {
	s.tb.Helper()
	text := s.Text()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		s.tb.Fatalf("galetest: %s: decode the message: %v\n%s", s.path, err, text)
	}
}

// Closed waits, 10 s at most, until the server has closed the connection,
// checks the code, and drops messages that come before.
func (s *Socket) Closed(code int) {
	s.tb.Helper()
	timer := time.NewTimer(messageTimeout)
	defer timer.Stop()
	for {
		select {
		case <-s.messages:
			continue
		case <-s.closed:
			if got, ok := errors.AsType[*ws.CloseError](s.cause); !ok || got.Code != code {
				s.tb.Fatalf("galetest: %s: the connection ended with %v, want code %d", s.path, s.cause, code)
			}
		case <-timer.C:
			s.tb.Fatalf("galetest: %s: the connection is still open after %v", s.path, messageTimeout)
		}
		return
	}
}
