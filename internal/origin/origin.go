// Package origin compares where a request comes from with where it goes, for the
// transports that CORS does not hold back.
package origin

import (
	"net/http"
	"net/url"
	"strings"
)

// Same compares the host of the Origin header with the request's Host.
// The scheme is not compared: behind a proxy that ends TLS it is not known
// here. "null" (sandboxed frames, data: pages), several values and anything
// that is more than scheme://host are refused.
func Same(r *http.Request) bool {
	values := r.Header.Values("Origin")
	switch len(values) {
	case 0:
		return true
	case 1:
	default:
		return false
	}
	u, err := url.Parse(values[0])
	if err != nil || u.Scheme == "" || u.Host == "" || u.User != nil || u.Path != "" ||
		u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return false
	}
	return strings.EqualFold(u.Host, r.Host)
}
