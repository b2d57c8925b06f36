package galetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const requestTimeout = 30 * time.Second

// Client makes requests to one server and fails its test when a request
// cannot be made. It keeps cookies and follows no redirect. Methods that
// return a Client return a changed copy with the same cookies, save [Client.As]
// and [Client.Stranger].
type Client struct {
	tb     testing.TB
	server *Server
	http   *http.Client
	header http.Header
	// browser sends what browsers add to requests from the site's own pages.
	browser bool
}

// Client returns a new client without cookies.
func (s *Server) Client() *Client {
	s.tb.Helper()
	transport := &http.Transport{
		DialContext:       s.dialOwn,
		ForceAttemptHTTP2: true,
	}
	if s.roots != nil {
		transport.TLSClientConfig = s.roots.Clone()
	}
	cleanup(s.tb, transport.CloseIdleConnections)
	return &Client{
		tb: s.tb, server: s, header: make(http.Header),
		http: &http.Client{
			Transport: transport, Jar: newJar(),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// dialOwn refuses to leave the server under test, so that no test follows a
// redirect into the internet.
func (s *Server) dialOwn(ctx context.Context, _, addr string) (net.Conn, error) {
	name, _, _ := net.SplitHostPort(addr)
	if name != host && !strings.HasSuffix(name, "."+host) && addr != s.addr.String() {
		return nil, errors.New("galetest: " + name + " is not the server under test")
	}
	return s.dial(ctx)
}

// Server returns the server that c talks to.
func (c *Client) Server() *Server { return c.server }

// HTTP returns the client below, for what this one does not do. It shares the
// cookies.
func (c *Client) HTTP() *http.Client { return c.http }

// URL returns the absolute URL of a path, such as "http://gale.test/path".
func (c *Client) URL(path string) string { return c.server.scheme() + "://" + host + path }

// ExpectLog allows error records that match the regular expression pattern,
// and fails the test at its end when there was none.
func (c *Client) ExpectLog(pattern string) {
	c.tb.Helper()
	c.server.log.Expect(pattern)
}

// As returns a client with cookies of its own that Options.SignIn signed in as
// the user called name.
func (c *Client) As(name string) *Client {
	c.tb.Helper()
	if c.server.o.SignIn == nil {
		c.tb.Fatalf("galetest: As(%q) without Options.SignIn; set it", name)
	}
	other := c.Stranger()
	c.server.o.SignIn(other, name)
	return other
}

// Stranger returns a client with no cookies and no headers.
func (c *Client) Stranger() *Client { return c.server.Client() }

// With returns a client that sends the header with each request. "Host" names
// the virtual host.
func (c *Client) With(name, value string) *Client {
	d := *c
	d.header = maps.Clone(c.header)
	d.header.Set(name, value)
	return &d
}

// Bearer returns a client that sends the token in the Authorization header.
func (c *Client) Bearer(token string) *Client { return c.With("Authorization", "Bearer "+token) }

// Browser returns a client that sends what a browser adds to requests made by
// the site's own pages: Accept for pages, Sec-Fetch headers and, with unsafe
// methods, Origin.
func (c *Client) Browser() *Client {
	d := c.With("Accept", "text/html,application/xhtml+xml,*/*;q=0.8").
		With("Sec-Fetch-Site", "same-origin").With("Sec-Fetch-Mode", "navigate").With("Sec-Fetch-Dest", "document")
	d.browser = true
	return d
}

// Follow returns a client that follows up to ten redirects within the server.
func (c *Client) Follow() *Client {
	d := *c
	h := *c.http
	h.CheckRedirect = nil
	d.http = &h
	return &d
}

// Get requests a path.
func (c *Client) Get(path string) *Response {
	c.tb.Helper()
	return c.Do(c.NewRequest(http.MethodGet, path, nil))
}

// Delete requests that a path be deleted.
func (c *Client) Delete(path string) *Response {
	c.tb.Helper()
	return c.Do(c.NewRequest(http.MethodDelete, path, nil))
}

// Post sends body to a path; see [Client.NewRequest].
func (c *Client) Post(path string, body any) *Response {
	c.tb.Helper()
	return c.Do(c.NewRequest(http.MethodPost, path, body))
}

// Put sends body to a path; see [Client.NewRequest].
func (c *Client) Put(path string, body any) *Response {
	c.tb.Helper()
	return c.Do(c.NewRequest(http.MethodPut, path, body))
}

// Patch sends body to a path; see [Client.NewRequest].
func (c *Client) Patch(path string, body any) *Response {
	c.tb.Helper()
	return c.Do(c.NewRequest(http.MethodPatch, path, body))
}

// NewRequest returns a request with the client's headers, for [Client.Do]. A
// body of nil is none, [url.Values] a form; string, []byte and [io.Reader] are
// sent as they are, as JSON when a string or []byte begins with { or [; all
// else is encoded as JSON.
func (c *Client) NewRequest(method, path string, body any) *http.Request {
	c.tb.Helper()
	contentType, reader, err := encode(body)
	if err != nil {
		c.tb.Fatalf("galetest: %s %s: encode the body: %v", method, path, err)
	}
	r, err := http.NewRequestWithContext(c.tb.Context(), method, c.URL(path), reader)
	if err != nil {
		c.tb.Fatalf("galetest: %s %s: %v", method, path, err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if c.browser && method != http.MethodGet && method != http.MethodHead {
		r.Header.Set("Origin", c.URL(""))
	}
	maps.Copy(r.Header, c.header)
	if name := r.Header.Get("Host"); name != "" {
		r.Host = name
		r.Header.Del("Host")
	}
	return r
}

func encode(body any) (contentType string, r io.Reader, err error) {
	switch body := body.(type) {
	case nil:
		return "", nil, nil
	case url.Values:
		return "application/x-www-form-urlencoded", strings.NewReader(body.Encode()), nil
	case string:
		return sniff(body), strings.NewReader(body), nil
	case []byte:
		return sniff(string(body)), bytes.NewReader(body), nil
	case io.Reader:
		return "application/octet-stream", body, nil
	default:
		b, err := json.Marshal(body)
		return "application/json", bytes.NewReader(b), err
	}
}

func sniff(body string) string {
	if strings.HasPrefix(body, "{") || strings.HasPrefix(body, "[") {
		return "application/json"
	}
	return "text/plain; charset=utf-8"
}

// Do sends r and reads the whole response.
func (c *Client) Do(r *http.Request) *Response {
	c.tb.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	resp, err := c.http.Do(r.WithContext(ctx))
	if err != nil {
		c.tb.Fatalf("galetest: %v", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		c.tb.Fatalf("galetest: %s %s: read the response: %v", r.Method, r.URL.Path, err)
	}
	if len(body) > maxBody {
		c.tb.Fatalf("galetest: %s %s: the response is longer than %d bytes", r.Method, r.URL.Path, maxBody)
	}
	return &Response{Raw: resp, tb: c.tb, body: body}
}

// Stream sends r and returns the response with its body still to be read, for
// server-sent events and their like. It is closed when the test ends.
func (c *Client) Stream(r *http.Request) *http.Response {
	c.tb.Helper()
	resp, err := c.http.Do(r)
	if err != nil {
		c.tb.Fatalf("galetest: %v", err)
	}
	cleanup(c.tb, func() { _ = resp.Body.Close() })
	return resp
}

// Cookie returns the value of the cookie that would be sent to "/", or "".
func (c *Client) Cookie(name string) string {
	u := &url.URL{Scheme: "https", Host: host, Path: "/"}
	for _, cookie := range c.http.Jar.Cookies(u) {
		if cookie.Name == name {
			return cookie.Value
		}
	}
	return ""
}

// SetCookie stores a cookie for the whole site, as an attacker who can set one
// would.
func (c *Client) SetCookie(name, value string) {
	u := &url.URL{Scheme: "https", Host: host, Path: "/"}
	c.http.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/", Secure: true}})
}
