// Package accept reads the Accept headers of a request (RFC 9110, section
// 12.5).
package accept

import "strings"

// Encoding returns the offered content coding that the lines of an
// Accept-Encoding header like best, the earlier of equals, or "" for none.
// Identity counts less than any accepted coding unless it is named, and is what
// remains when all is refused: a body is better than a 406. Without a header it
// is "": who says nothing may be unable to decode.
func Encoding(lines []string, offers ...string) string {
	best, bestQ := "", max(named(lines, "identity"), 0)
	for _, offer := range offers {
		q := named(lines, offer)
		if q == unnamed {
			q = max(named(lines, "*"), 0)
		}
		if q > bestQ || q == bestQ && q > 0 && best == "" {
			best, bestQ = offer, q
		}
	}
	return best
}

const unnamed = -1

// named returns the weight that lines give a coding by name, or unnamed.
func named(lines []string, coding string) int {
	q := unnamed
	for _, line := range lines {
		for element := range strings.SplitSeq(line, ",") {
			name, params, _ := strings.Cut(element, ";")
			name = strings.Trim(name, " \t")
			// RFC 9110, 8.4.1.3: x-gzip is gzip.
			if strings.EqualFold(name, coding) || coding == "gzip" && strings.EqualFold(name, "x-gzip") {
				q = max(q, Quality(params))
			}
		}
	}
	return q
}

// Quality returns the weight in the parameters of an element, those after its
// first semicolon, in thousandths: 1000 when there is no weight, and 0, a
// refusal, for one that is malformed. Other parameters are passed over.
func Quality(params string) int {
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.Trim(param, " \t"), "=")
		if strings.EqualFold(name, "q") {
			return weight(value)
		}
	}
	return 1000
}

// weight reads qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] ).
func weight(v string) int {
	if v == "" || len(v) > len("0.000") || v[0] != '0' && v[0] != '1' || len(v) > 1 && v[1] != '.' {
		return 0
	}
	q := int(v[0]-'0') * 1000
	for i, digit := 2, 100; i < len(v); i, digit = i+1, digit/10 {
		if v[i] < '0' || v[i] > '9' {
			return 0
		}
		q += int(v[i]-'0') * digit
	}
	if q > 1000 {
		return 0
	}
	return q
}
