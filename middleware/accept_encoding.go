package middleware

import "strings"

// The content codings that Compress knows, best first: zstd makes smaller
// bodies than gzip in half the time.
const (
	codingZstd = "zstd"
	codingGzip = "gzip"
)

// negotiate returns the coding for a request with these Accept-Encoding lines,
// or "" for none. The highest quality wins; among equals zstd, gzip, none.
// Identity counts less than any accepted coding unless it is named, and is what
// remains when all is refused: a body is better than a 406 (RFC 9110, 12.5.3).
func negotiate(lines []string) string {
	const unnamed = -1
	zstd, gzip, identity, star := unnamed, unnamed, unnamed, unnamed
	for _, line := range lines {
		for element := range strings.SplitSeq(line, ",") {
			name, params, _ := strings.Cut(element, ";")
			q := quality(params)
			switch strings.ToLower(strings.Trim(name, " \t")) {
			case codingZstd:
				zstd = max(zstd, q)
			case codingGzip, "x-gzip":
				gzip = max(gzip, q)
			case "identity":
				identity = max(identity, q)
			case "*":
				star = max(star, q)
			}
		}
	}
	if zstd == unnamed {
		zstd = max(star, 0)
	}
	if gzip == unnamed {
		gzip = max(star, 0)
	}
	switch best := max(zstd, gzip, identity); {
	case best <= 0:
		return ""
	case zstd == best:
		return codingZstd
	case gzip == best:
		return codingGzip
	}
	return ""
}

// quality returns the weight in an element's parameters in thousandths: 1000
// when there is none, and 0, a refusal, when it is malformed.
func quality(params string) int {
	params = strings.Trim(params, " \t")
	if params == "" {
		return 1000
	}
	name, v, ok := strings.Cut(params, "=")
	// qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )
	if !ok || !strings.EqualFold(name, "q") || v == "" || len(v) > len("0.000") {
		return 0
	}
	q := 0
	switch v[0] {
	case '0':
	case '1':
		q = 1000
	default:
		return 0
	}
	if len(v) > 1 && v[1] != '.' {
		return 0
	}
	for i, weight := 2, 100; i < len(v); i, weight = i+1, weight/10 {
		if v[i] < '0' || v[i] > '9' {
			return 0
		}
		q += int(v[i]-'0') * weight
	}
	if q > 1000 {
		return 0
	}
	return q
}
