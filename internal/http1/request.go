package http1

import (
	"net/http"
	"net/url"
)

// Request is what a head says. No field refers to a buffer: strings are parts
// of the head that was given to [Parse], or constants.
type Request struct {
	// Method, Target and Proto are the parts of the request line as they came;
	// Target is [http.Request].RequestURI.
	Method, Target, Proto string
	// Minor is the minor version of HTTP/1: 0 or 1.
	Minor int
	// Host is that of an absolute-form or authority-form target, else that of
	// the Host field, as [http.Request].Host.
	Host string
	// URL is the target, parsed as [http.ReadRequest] does for every form.
	URL url.URL
	// Header is as [http.Request].Header: names in canonical form, without Host
	// and Transfer-Encoding, and without Trailer when the body is chunked. It
	// is never nil, and the caller may keep and change it.
	Header http.Header
	// ContentLength is the length of the body in bytes; 0 for none, -1 for a
	// chunked body.
	ContentLength int64
	// Chunked says that the body is chunked: decode it with [Chunked].
	Chunked bool
	// Close says that the connection ends after the response: HTTP/1.0 without
	// keep-alive, or Connection: close.
	Close bool
	// Expect says that the client waits for "100 Continue" before it sends the
	// body. It is false in HTTP/1.0 and for a request without a body.
	Expect bool
	// Trailer has the announced names of trailer fields with nil values; nil
	// for none.
	Trailer http.Header
}
