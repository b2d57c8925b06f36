package http1

import (
	"net/netip"
	"strings"
)

// hostLow and hostHigh have a bit for each byte of a registered name (RFC 3986
// section 3.2.2) but the percent sign: names in HTTP are never encoded, and what
// one reader decodes and another does not is a way around a check.
const (
	hostLow = 1<<'!' | 1<<'$' | 1<<'&' | 1<<'\'' | 1<<'(' | 1<<')' | 1<<'*' | 1<<'+' | 1<<',' |
		1<<'-' | 1<<'.' | (1<<10-1)<<'0' | 1<<';' | 1<<'='
	hostHigh = (1<<26-1)<<('A'-64) | (1<<26-1)<<('a'-64) | 1<<('_'-64) | 1<<('~'-64)
)

// host judges the Host field and settles p.r.Host.
func (p *parser) host() *Error {
	r := &p.r
	if !p.seen.has(nameHost) {
		if r.Minor > 0 {
			return bad("missing_host", "HTTP/1.1 needs a Host field")
		}
	} else if host, port, ok := splitHost(p.hostField); !ok || host == "" && port != "" {
		return bad("bad_host", "the Host field is no host")
	}
	r.Host = r.URL.Host
	if r.Host == "" {
		r.Host = p.hostField
	}
	return nil
}

// splitHost splits uri-host [":" port] and says whether both are well formed.
// Both may be empty.
func splitHost(s string) (host, port string, ok bool) {
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return "", "", false
		}
		// The error keeps what it is given; without the copy the compiler would
		// have every request escape to the heap for its sake.
		addr, err := netip.ParseAddr(strings.Clone(s[1:end]))
		if err != nil || !addr.Is6() || addr.Zone() != "" {
			return "", "", false
		}
		host, s = s[:end+1], s[end+1:]
		if s == "" {
			return host, "", true
		}
		return host, s[1:], s[0] == ':' && isPort(s[1:])
	}
	i := 0
	for i < len(s) && in(s[i], hostLow, hostHigh) {
		i++
	}
	if i == len(s) {
		return s, "", true
	}
	return s[:i], s[i+1:], s[i] == ':' && isPort(s[i+1:])
}

// isPort reports whether s is empty, as RFC 3986 allows, or a port number.
func isPort(s string) bool {
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
		if n = 10*n + int(s[i]-'0'); n > 1<<16-1 {
			return false
		}
	}
	return true
}
