package http1

// common is the number of a name that browsers, their like and proxies send:
// one comparison tells such fields apart, and one bit that they came.
type common uint8

// The names that say something to the parser. Those of no special meaning are
// numbered after them, in the table of [lookup]; none is 0.
const (
	unknown common = iota
	nameHost
	nameContentLength
	nameTransferEncoding
	nameConnection
	nameExpect
	nameTrailer
	namePragma
	nameOthers
)

// seen is a set of common names.
type seen uint64

func (s seen) has(c common) bool { return s>>c&1 != 0 }

func (s *seen) add(c common) { *s |= 1 << c }

// maxCommon is the length of the longest common name.
const maxCommon = len("Upgrade-Insecure-Requests")

// canonical returns a field name as net/http writes it, its number, and whether
// it is a token. Common names become constants without an allocation, others
// parts of name where they are in that form.
func canonical(name string) (key string, c common, ok bool) {
	if key, c = lookup(name); c != unknown {
		return key, c, true
	}
	upper, asIs := true, true
	for i := range len(name) {
		ch := name[i]
		if !isTokenByte(ch) {
			return "", unknown, false
		}
		asIs = asIs && !wrongCase(ch, upper)
		upper = ch == '-'
	}
	if asIs {
		return name, unknown, name != ""
	}
	var room [maxCommon]byte
	b := appendCanonical(room[:0], name)
	if len(b) <= maxCommon {
		if key, c = lookup(string(b)); c != unknown {
			return key, c, true
		}
	}
	return string(b), unknown, true
}

// wrongCase reports whether c is a letter of the other case than the canonical
// form has: upper at the start of a word, lower within.
func wrongCase(c byte, upper bool) bool {
	return upper && c-'a' < 26 || !upper && c-'A' < 26
}

func appendCanonical(dst []byte, name string) []byte {
	upper := true
	for i := range len(name) {
		c := name[i]
		if wrongCase(c, upper) {
			c ^= 0x20
		}
		dst = append(dst, c)
		upper = c == '-'
	}
	return dst
}

// lookup returns name as a constant, and its number, when it is a common one in
// canonical form.
func lookup(name string) (string, common) {
	switch name {
	case "Host":
		return "Host", nameHost
	case "Content-Length":
		return "Content-Length", nameContentLength
	case "Transfer-Encoding":
		return "Transfer-Encoding", nameTransferEncoding
	case "Connection":
		return "Connection", nameConnection
	case "Expect":
		return "Expect", nameExpect
	case "Trailer":
		return "Trailer", nameTrailer
	case "Pragma":
		return "Pragma", namePragma
	case "Accept":
		return "Accept", nameOthers
	case "Accept-Charset":
		return "Accept-Charset", nameOthers + 1
	case "Accept-Encoding":
		return "Accept-Encoding", nameOthers + 2
	case "Accept-Language":
		return "Accept-Language", nameOthers + 3
	case "Authorization":
		return "Authorization", nameOthers + 4
	case "Cache-Control":
		return "Cache-Control", nameOthers + 5
	case "Content-Encoding":
		return "Content-Encoding", nameOthers + 6
	case "Content-Type":
		return "Content-Type", nameOthers + 7
	case "Cookie":
		return "Cookie", nameOthers + 8
	case "Dnt":
		return "Dnt", nameOthers + 9
	case "Forwarded":
		return "Forwarded", nameOthers + 10
	case "If-Match":
		return "If-Match", nameOthers + 11
	case "If-Modified-Since":
		return "If-Modified-Since", nameOthers + 12
	case "If-None-Match":
		return "If-None-Match", nameOthers + 13
	case "Origin":
		return "Origin", nameOthers + 14
	case "Priority":
		return "Priority", nameOthers + 15
	case "Range":
		return "Range", nameOthers + 16
	case "Referer":
		return "Referer", nameOthers + 17
	case "Sec-Ch-Ua":
		return "Sec-Ch-Ua", nameOthers + 18
	case "Sec-Ch-Ua-Mobile":
		return "Sec-Ch-Ua-Mobile", nameOthers + 19
	case "Sec-Ch-Ua-Platform":
		return "Sec-Ch-Ua-Platform", nameOthers + 20
	case "Sec-Fetch-Dest":
		return "Sec-Fetch-Dest", nameOthers + 21
	case "Sec-Fetch-Mode":
		return "Sec-Fetch-Mode", nameOthers + 22
	case "Sec-Fetch-Site":
		return "Sec-Fetch-Site", nameOthers + 23
	case "Sec-Fetch-User":
		return "Sec-Fetch-User", nameOthers + 24
	case "Sec-Websocket-Extensions":
		return "Sec-Websocket-Extensions", nameOthers + 25
	case "Sec-Websocket-Key":
		return "Sec-Websocket-Key", nameOthers + 26
	case "Sec-Websocket-Protocol":
		return "Sec-Websocket-Protocol", nameOthers + 27
	case "Sec-Websocket-Version":
		return "Sec-Websocket-Version", nameOthers + 28
	case "Te":
		return "Te", nameOthers + 29
	case "Traceparent":
		return "Traceparent", nameOthers + 30
	case "Tracestate":
		return "Tracestate", nameOthers + 31
	case "Upgrade":
		return "Upgrade", nameOthers + 32
	case "Upgrade-Insecure-Requests":
		return "Upgrade-Insecure-Requests", nameOthers + 33
	case "User-Agent":
		return "User-Agent", nameOthers + 34
	case "Via":
		return "Via", nameOthers + 35
	case "X-Csrf-Token":
		return "X-Csrf-Token", nameOthers + 36
	case "X-Forwarded-For":
		return "X-Forwarded-For", nameOthers + 37
	case "X-Forwarded-Host":
		return "X-Forwarded-Host", nameOthers + 38
	case "X-Forwarded-Proto":
		return "X-Forwarded-Proto", nameOthers + 39
	case "X-Real-Ip":
		return "X-Real-Ip", nameOthers + 40
	case "X-Request-Id":
		return "X-Request-Id", nameOthers + 41
	case "X-Requested-With":
		return "X-Requested-With", nameOthers + 42
	}
	return "", unknown
}
