package galetest

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"testing"
)

const maxBody = 32 << 20

// shownBody is how much of a body a failure shows.
const shownBody = 2 << 10

// Response is a response that was read to its end. Its checks stop the test
// and return the Response, so that they can be chained.
type Response struct {
	// Raw has the rest; its Body was read and closed.
	Raw *http.Response

	tb   testing.TB
	body []byte
}

// Status checks the status code.
func (r *Response) Status(want int) *Response {
	r.tb.Helper()
	if r.Raw.StatusCode != want {
		r.fail("status %d, want %d", r.Raw.StatusCode, want)
	}
	return r
}

// Contains checks that the body holds sub.
func (r *Response) Contains(sub string) *Response {
	r.tb.Helper()
	if !strings.Contains(string(r.body), sub) {
		r.fail("the body does not contain %q", sub)
	}
	return r
}

// HasHeader checks the first value of a header; want "" checks that there is
// none.
func (r *Response) HasHeader(name, want string) *Response {
	r.tb.Helper()
	if got := r.Header(name); got != want {
		r.fail("header %s is %q, want %q", name, got, want)
	}
	return r
}

// JSON decodes the body into v, which is a pointer. The response must say that
// it is JSON.
func (r *Response) JSON(v any) *Response {
	r.tb.Helper()
	r.decode(v, "application/json")
	return r
}

// Problem checks that the body is an RFC 9457 problem with that code; "" is any.
func (r *Response) Problem(code string) *Response {
	r.tb.Helper()
	var problem struct {
		Code string `json:"code"`
	}
	r.decode(&problem, "application/problem+json")
	if code != "" && problem.Code != code {
		r.fail("problem code %q, want %q", problem.Code, code)
	}
	return r
}

func (r *Response) decode(v any, want string) {
	r.tb.Helper()
	got, _, _ := mime.ParseMediaType(r.Header("Content-Type"))
	// Any +json type will do for plain JSON, such as a problem's.
	if got != want && (want != "application/json" || !strings.HasSuffix(got, "+json")) {
		r.fail("content type %q, want %q", got, want)
	}
	if err := json.Unmarshal(r.body, v); err != nil {
		r.fail("decode the body: %v", err)
	}
}

// Header returns the first value of a header, or "".
func (r *Response) Header(name string) string { return r.Raw.Header.Get(name) }

// Text returns the body.
func (r *Response) Text() string { return string(r.body) }

func (r *Response) fail(format string, args ...any) {
	r.tb.Helper()
	shown := string(r.body)
	if len(shown) > shownBody {
		shown = fmt.Sprintf("%s… (%d bytes)", shown[:shownBody], len(r.body))
	}
	req := r.Raw.Request
	r.tb.Fatalf("%s %s: %s\n%s", req.Method, req.URL.Path, fmt.Sprintf(format, args...), shown)
}
