// Package origin tells whether a page of another site has a browser send a
// request.
package origin

import (
	"net/http"
	"net/url"
	"strings"
)

// Same compares the host of the Origin header, which browsers send from pages
// of other sites, with the request's Host; a request without one is no page's.
// The scheme is not compared: behind a proxy that ends TLS it is not known here.
// "null" (sandboxed frames, data: pages), several values and anything that is
// more than scheme://host are refused.
func Same(r *http.Request) bool {
	values := r.Header.Values("Origin")
	if len(values) == 0 {
		return true
	}
	u, err := url.Parse(values[0])
	return err == nil && len(values) == 1 && u.Host != "" && u.Scheme+"://"+u.Host == values[0] &&
		strings.EqualFold(u.Host, r.Host)
}
