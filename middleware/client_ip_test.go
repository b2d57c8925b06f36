package middleware_test

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/middleware"
)

func prefixes(ss ...string) (out []netip.Prefix) {
	for _, s := range ss {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// clientOf returns what a handler sees of a request from peer.
func clientOf(o middleware.ClientIPOptions, peer string, pairs ...string) (addr string, https bool) {
	r := get("/", pairs...)
	r.RemoteAddr = peer
	do(middleware.ClientIP(o)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if a := middleware.ClientAddr(r.Context()); a.IsValid() {
			addr = a.String()
		}
		https = middleware.IsHTTPS(r)
	})), r)
	return addr, https
}

func TestClientIPBelievesNobodyByDefault(t *testing.T) {
	t.Parallel()
	addr, https := clientOf(middleware.ClientIPOptions{}, "198.51.100.9:4711",
		"X-Forwarded-For", "10.0.0.1", "X-Real-Ip", "10.0.0.1", "Forwarded", "for=10.0.0.1", "X-Forwarded-Proto", "https")
	assert.Equal(t, addr, "198.51.100.9")
	assert.Equal(t, https, false)
}

func TestClientIPWalk(t *testing.T) {
	t.Parallel()
	o := middleware.ClientIPOptions{Trusted: prefixes("10.0.0.0/8", "2001:db8:1::/48", "::ffff:172.16.0.0/108")}
	const proxy = "10.0.0.1:80"
	for _, c := range []struct {
		name, peer, want string
		lines            []string
	}{
		{"honest", proxy, "203.0.113.7", []string{"203.0.113.7"}},
		{"two proxies", proxy, "203.0.113.7", []string{"203.0.113.7, 10.0.0.2"}},
		{"port", proxy, "203.0.113.7", []string{"203.0.113.7:9999"}},
		{"IPv6", proxy, "2001:db8::7", []string{"2001:db8::7"}},
		{"IPv6 in brackets", proxy, "2001:db8::7", []string{"[2001:db8::7]"}},
		{"IPv6 with port", proxy, "2001:db8::7", []string{"[2001:db8::7]:443"}},
		{"mapped", proxy, "203.0.113.7", []string{"::ffff:203.0.113.7"}},
		{"mapped peer", "[::ffff:10.0.0.1]:80", "203.0.113.7", []string{"203.0.113.7"}},
		{"mapped prefix", "172.16.3.3:80", "203.0.113.7", []string{"203.0.113.7"}},
		{"IPv6 proxy", "[2001:db8:1::1]:80", "203.0.113.7", []string{"203.0.113.7"}},
		{"several lines", proxy, "203.0.113.7", []string{"6.6.6.6", "203.0.113.7", "10.0.0.3,10.0.0.2"}},
		{"tabs", proxy, "203.0.113.7", []string{"203.0.113.7\t,\t10.0.0.2 "}},
		{"only proxies", proxy, "10.0.0.3", []string{"10.0.0.3, 10.0.0.2"}},
		{"no header", proxy, "10.0.0.1", nil},

		{"attack: from outside", "198.51.100.9:1", "198.51.100.9", []string{"10.0.0.1"}},
		{"attack: spoofed left", proxy, "203.0.113.7", []string{"127.0.0.1, 203.0.113.7"}},
		{"attack: spoofed proxy on the left", proxy, "203.0.113.7", []string{"127.0.0.1, 10.0.0.9, 203.0.113.7"}},
		{"attack: spoofed line", proxy, "203.0.113.7", []string{"127.0.0.1", "203.0.113.7"}},
		{"attack: garbage then spoof", proxy, "10.0.0.2", []string{"127.0.0.1, garbage, 10.0.0.2"}},
		{"attack: garbage", proxy, "10.0.0.1", []string{"127.0.0.1, <script>"}},
		{"attack: empty entry", proxy, "10.0.0.1", []string{"127.0.0.1,,"}},
		{"attack: empty line", proxy, "10.0.0.1", []string{"127.0.0.1", ""}},
		{"attack: zone", proxy, "10.0.0.1", []string{"fe80::1%eth0"}},
		{"attack: zone in brackets", proxy, "10.0.0.1", []string{"[fe80::1%25eth0]:80"}},
		{"attack: octal", proxy, "10.0.0.1", []string{"0177.0.0.1"}},
		{"attack: short form", proxy, "10.0.0.1", []string{"127.1"}},
		{"attack: number", proxy, "10.0.0.1", []string{"2130706433"}},
		{"attack: bracketed IPv4", proxy, "10.0.0.1", []string{"[127.0.0.1]"}},
		{"attack: half a bracket", proxy, "10.0.0.1", []string{"[2001:db8::7"}},
		{"attack: quotes", proxy, "10.0.0.1", []string{`"127.0.0.1"`}},
		{"attack: name", proxy, "10.0.0.1", []string{"localhost"}},
		{"attack: line end", proxy, "10.0.0.1", []string{"127.0.0.1\r"}},
		{"attack: prefix", proxy, "10.0.0.1", []string{"127.0.0.1/8"}},
		{"Unix socket", "@", "", []string{"127.0.0.1"}},
	} {
		var pairs []string
		for _, l := range c.lines {
			pairs = append(pairs, "X-Forwarded-For", l)
		}
		if addr, _ := clientOf(o, c.peer, pairs...); addr != c.want {
			t.Errorf("%s: client is %q, want %q", c.name, addr, c.want)
		}
	}
}

func TestClientIPHeader(t *testing.T) {
	t.Parallel()
	o := middleware.ClientIPOptions{Trusted: prefixes("10.0.0.0/8"), Header: "cf-connecting-ip"}
	addr, _ := clientOf(o, "10.0.0.1:80", "CF-Connecting-IP", "203.0.113.7", "X-Forwarded-For", "127.0.0.1")
	assert.Equal(t, addr, "203.0.113.7")
}

func TestIsHTTPS(t *testing.T) {
	t.Parallel()
	o := middleware.ClientIPOptions{Trusted: prefixes("10.0.0.0/8")}
	const proxy, stranger = "10.0.0.1:80", "198.51.100.9:80"
	for _, c := range []struct {
		peer, proto string
		want        bool
	}{
		{proxy, "https", true},
		{proxy, "HTTPS", true},
		{proxy, "http", false},
		{proxy, "https, http", false},
		{proxy, "http, https", true},
		{proxy, "https\n", false},
		{proxy, "wss", false},
		{proxy, "", false},
		{stranger, "https", false},
	} {
		if _, got := clientOf(o, c.peer, "X-Forwarded-Proto", c.proto); got != c.want {
			t.Errorf("%s says %q: HTTPS %v, want %v", c.peer, c.proto, got, c.want)
		}
	}
	r := get("/")
	assert.Equal(t, middleware.IsHTTPS(r), false)
	r.TLS = new(tls.ConnectionState)
	assert.Equal(t, middleware.IsHTTPS(r), true)
	assert.Equal(t, middleware.ClientAddr(t.Context()), netip.Addr{})
}

func TestClientIPWiring(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]middleware.ClientIPOptions{
		"trusts everyone": {Trusted: prefixes("0.0.0.0/0")},
		"::/0":            {Trusted: prefixes("::/0")},
		"0.0.0.0/0":       {Trusted: prefixes("::ffff:0:0/96")},
		"not a valid":     {Trusted: []netip.Prefix{{}}},
		"Forwarded":       {Header: "forwarded"},
	} {
		assert.Contains(t, assert.Panics(t, func() { middleware.ClientIP(o) }).(string), want)
	}
}

func FuzzClientIP(f *testing.F) {
	for _, s := range []string{"203.0.113.7", "6.6.6.6, 10.0.0.1", "[::1]:80", "[::1%25e]", ",", "\x00", "::ffff:1.2.3.4"} {
		f.Add(s)
	}
	o := middleware.ClientIPOptions{Trusted: prefixes("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, spoof string) {
		// Whatever stands left of what the proxy has appended changes nothing.
		if addr, _ := clientOf(o, "10.0.0.1:80", "X-Forwarded-For", spoof+",203.0.113.7"); addr != "203.0.113.7" {
			t.Errorf("%q makes the client %q", spoof, addr)
		}
		addr, _ := clientOf(o, "10.0.0.1:80", "X-Forwarded-For", spoof)
		if a, err := netip.ParseAddr(addr); err != nil || a.Zone() != "" || a.Is4In6() {
			t.Errorf("%q gives the client %q", spoof, addr)
		}
	})
}
