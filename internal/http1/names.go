package http1

// maxStackName is the length up to which a name is put into canonical form
// without an allocation, when it is a common one.
const maxStackName = 40

// canonical returns a field name as net/http writes it, and whether it is a
// token. Common names become constants, others parts of name where they are in
// that form.
func canonical(name string) (string, bool) {
	if key := common(name); key != "" {
		return key, true
	}
	upper, asIs := true, true
	for i := range len(name) {
		c := name[i]
		if !isTokenByte(c) {
			return "", false
		}
		if upper && c-'a' < 26 || !upper && c-'A' < 26 {
			asIs = false
		}
		upper = c == '-'
	}
	if asIs {
		return name, name != ""
	}
	if len(name) > maxStackName {
		return string(appendCanonical(nil, name)), true
	}
	var room [maxStackName]byte
	b := appendCanonical(room[:0], name)
	if key := commonBytes(b); key != "" {
		return key, true
	}
	return string(b), true
}

func appendCanonical(dst []byte, name string) []byte {
	upper := true
	for i := range len(name) {
		c := name[i]
		if upper && c-'a' < 26 || !upper && c-'A' < 26 {
			c ^= 0x20
		}
		dst = append(dst, c)
		upper = c == '-'
	}
	return dst
}

func commonBytes(name []byte) string {
	return common(string(name))
}

// common returns name when it is one of the names that browsers, their like and
// proxies send, else "".
func common(name string) string {
	switch name {
	case "Accept":
		return "Accept"
	case "Accept-Charset":
		return "Accept-Charset"
	case "Accept-Encoding":
		return "Accept-Encoding"
	case "Accept-Language":
		return "Accept-Language"
	case "Authorization":
		return "Authorization"
	case "Cache-Control":
		return "Cache-Control"
	case "Connection":
		return "Connection"
	case "Content-Encoding":
		return "Content-Encoding"
	case "Content-Length":
		return "Content-Length"
	case "Content-Type":
		return "Content-Type"
	case "Cookie":
		return "Cookie"
	case "Dnt":
		return "Dnt"
	case "Expect":
		return "Expect"
	case "Forwarded":
		return "Forwarded"
	case "Host":
		return "Host"
	case "If-Match":
		return "If-Match"
	case "If-Modified-Since":
		return "If-Modified-Since"
	case "If-None-Match":
		return "If-None-Match"
	case "Origin":
		return "Origin"
	case "Pragma":
		return "Pragma"
	case "Priority":
		return "Priority"
	case "Range":
		return "Range"
	case "Referer":
		return "Referer"
	case "Sec-Ch-Ua":
		return "Sec-Ch-Ua"
	case "Sec-Ch-Ua-Mobile":
		return "Sec-Ch-Ua-Mobile"
	case "Sec-Ch-Ua-Platform":
		return "Sec-Ch-Ua-Platform"
	case "Sec-Fetch-Dest":
		return "Sec-Fetch-Dest"
	case "Sec-Fetch-Mode":
		return "Sec-Fetch-Mode"
	case "Sec-Fetch-Site":
		return "Sec-Fetch-Site"
	case "Sec-Fetch-User":
		return "Sec-Fetch-User"
	case "Sec-Websocket-Extensions":
		return "Sec-Websocket-Extensions"
	case "Sec-Websocket-Key":
		return "Sec-Websocket-Key"
	case "Sec-Websocket-Protocol":
		return "Sec-Websocket-Protocol"
	case "Sec-Websocket-Version":
		return "Sec-Websocket-Version"
	case "Te":
		return "Te"
	case "Traceparent":
		return "Traceparent"
	case "Tracestate":
		return "Tracestate"
	case "Trailer":
		return "Trailer"
	case "Transfer-Encoding":
		return "Transfer-Encoding"
	case "Upgrade":
		return "Upgrade"
	case "Upgrade-Insecure-Requests":
		return "Upgrade-Insecure-Requests"
	case "User-Agent":
		return "User-Agent"
	case "Via":
		return "Via"
	case "X-Csrf-Token":
		return "X-Csrf-Token"
	case "X-Forwarded-For":
		return "X-Forwarded-For"
	case "X-Forwarded-Host":
		return "X-Forwarded-Host"
	case "X-Forwarded-Proto":
		return "X-Forwarded-Proto"
	case "X-Real-Ip":
		return "X-Real-Ip"
	case "X-Request-Id":
		return "X-Request-Id"
	case "X-Requested-With":
		return "X-Requested-With"
	}
	return ""
}
