// Package accept chooses a content coding or media type by a request's Accept
// headers (RFC 9110, section 12.5).
package accept

import (
	"strconv"
	"strings"
)

// Encoding returns the offer that an Accept-Encoding header likes best, the
// earlier of equals, or "" for identity. An empty header accepts only identity:
// a client that says nothing may be one that cannot decode.
func Encoding(header string, offers ...string) string {
	best, bestQ := "", 0.0
	for _, offer := range offers {
		if q := quality(header, offer); q > bestQ {
			best, bestQ = offer, q
		}
	}
	return best
}

// quality returns the weight that header gives coding: its own entry's, else
// that of *, else 0. An entry that does not parse counts as absent.
func quality(header, coding string) float64 {
	any := 0.0
	for entry := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(entry, ";")
		name = strings.TrimSpace(name)
		if name != "*" && !strings.EqualFold(name, coding) {
			continue
		}
		q, ok := weight(params)
		switch {
		case !ok:
		case name == "*":
			any = q
		default:
			return q
		}
	}
	return any
}

func weight(params string) (float64, bool) {
	params = strings.TrimSpace(params)
	if params == "" {
		return 1, true
	}
	name, value, ok := strings.Cut(params, "=")
	if !ok || !strings.EqualFold(strings.TrimSpace(name), "q") {
		return 0, false
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	return q, err == nil && q >= 0 && q <= 1
}
