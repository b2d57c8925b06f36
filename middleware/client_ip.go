package middleware

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// ClientIPOptions configures [ClientIP].
type ClientIPOptions struct {
	// Trusted are the networks of your own proxies, such as 10.0.0.0/8.
	// Defaults to none: only the connection's own address counts.
	Trusted []netip.Prefix
	// Header names the client: a comma-separated list to which each proxy
	// appends its peer, or one address. Defaults to X-Forwarded-For. The
	// proxies must set or append to it whatever a client sent: with X-Real-Ip
	// or CF-Connecting-IP, a proxy that passes it on unseen lets anyone choose
	// his address. RFC 7239's Forwarded has another form and is refused.
	Header string
}

// ClientIP finds out who is at the far end of the connection, for [ClientAddr],
// [IsHTTPS], the access log and rate limits. The request's RemoteAddr is left
// as it is.
//
// Without Trusted it is the peer's address. This is safe everywhere; behind a
// proxy it is the proxy's.
//
// With Trusted, and only when the peer is in it, the header is read from the
// right, where your own proxies wrote, over the addresses that are themselves
// trusted, up to the first that is not: the client. What stands left of that
// was sent by the client and is never looked at. This is safe when every
// address in Trusted is a proxy that appends to the header, and nobody else
// can connect from there: a network that also holds clients or other tenants
// lets those choose an address.
//
// It fails closed. At an entry that is no plain address the walk ends with the
// last good hop, which is a proxy of yours, and never with something an
// attacker wrote. Ports and IPv6 brackets are understood, IPv4-mapped IPv6
// addresses become IPv4, and IPv6 zones are refused, since only the machine
// that wrote one knows what it means.
//
// X-Forwarded-Proto is believed from the same peers; its last value counts.
// X-Forwarded-Host is not read: let the proxy pass on Host.
//
// ClientIP panics when a prefix is not valid or holds every address.
func ClientIP(o ClientIPOptions) func(http.Handler) http.Handler {
	trusted := normalize(o.Trusted)
	header := http.CanonicalHeaderKey(o.Header)
	switch header {
	case "":
		header = "X-Forwarded-For"
	case "Forwarded":
		panic("middleware: ClientIP cannot read Forwarded; let the proxy send X-Forwarded-For")
	}
	isTrusted := func(a netip.Addr) bool {
		for _, p := range trusted {
			if p.Contains(a) {
				return true
			}
		}
		return false
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			st, r := stateOf(r)
			addr := parseHop(r.RemoteAddr)
			https, proxied := false, false
			if addr.IsValid() && isTrusted(addr) {
				https, proxied = forwardedProto(r.Header)
				addr = walk(addr, r.Header[header], isTrusted)
			}
			st.mu.Lock()
			st.client, st.https, st.proxied = addr, https, proxied
			st.mu.Unlock()
			next.ServeHTTP(w, r)
		})
	}
}

// walk returns the first address from the right of lines that is not trusted.
// hop, the peer, is the last good one so far.
func walk(hop netip.Addr, lines []string, isTrusted func(netip.Addr) bool) netip.Addr {
	// Several lines are one list, in their order (RFC 9110, section 5.3).
	for i := len(lines) - 1; i >= 0; i-- {
		for rest, more := lines[i], true; more; {
			var entry string
			if j := strings.LastIndexByte(rest, ','); j >= 0 {
				rest, entry = rest[:j], rest[j+1:]
			} else {
				entry, more = rest, false
			}
			addr := parseHop(strings.Trim(entry, " \t"))
			if !addr.IsValid() {
				return hop
			}
			hop = addr
			if !isTrusted(addr) {
				return hop
			}
		}
	}
	return hop
}

// parseHop returns the address in s, which may have a port, or the zero Addr.
func parseHop(s string) netip.Addr {
	addr, err := netip.ParseAddr(s)
	if err != nil {
		ap, err := netip.ParseAddrPort(s)
		if err == nil {
			addr = ap.Addr()
		} else if inner, ok := strings.CutPrefix(s, "["); ok {
			inner, ok = strings.CutSuffix(inner, "]")
			if addr, err = netip.ParseAddr(inner); err != nil || !ok || !addr.Is6() {
				return netip.Addr{}
			}
		}
	}
	if addr.Zone() != "" {
		return netip.Addr{}
	}
	return addr.Unmap()
}

// forwardedProto returns what the nearest proxy, which wrote the last value,
// says of the scheme; ok is false when it says nothing that is understood.
func forwardedProto(h http.Header) (https, ok bool) {
	lines := h["X-Forwarded-Proto"]
	if len(lines) == 0 {
		return false, false
	}
	v := lines[len(lines)-1]
	v = strings.Trim(v[strings.LastIndexByte(v, ',')+1:], " \t")
	https = strings.EqualFold(v, "https")
	return https, https || strings.EqualFold(v, "http")
}

// normalize checks the prefixes and turns IPv4-mapped ones into IPv4, which is
// what [parseHop] yields.
func normalize(prefixes []netip.Prefix) []netip.Prefix {
	out := make([]netip.Prefix, len(prefixes))
	for i, p := range prefixes {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		if !p.IsValid() {
			panic(fmt.Sprintf("middleware: ClientIP Trusted[%d] is not a valid prefix; use netip.MustParsePrefix", i))
		}
		if p.Bits() == 0 {
			panic("middleware: ClientIP Trusted " + p.String() + " trusts everyone; name the proxies' networks")
		}
		out[i] = p
	}
	return out
}

// ClientAddr returns the client's address that [ClientIP] found. It is not
// valid when ClientIP did not run, or when the connection has no IP address,
// as over a Unix socket.
func ClientAddr(ctx context.Context) netip.Addr {
	st := stateFrom(ctx)
	if st == nil {
		return netip.Addr{}
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.client
}

// IsHTTPS reports whether the client speaks HTTPS: to this server, or to a
// trusted proxy of [ClientIP] that says so.
func IsHTTPS(r *http.Request) bool {
	if st := stateFrom(r.Context()); st != nil {
		st.mu.Lock()
		defer st.mu.Unlock()
		if st.proxied {
			return st.https
		}
	}
	return r.TLS != nil
}
