package middleware

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

const noncePlace = "{nonce}"

// defaultCSP lists the directives in the order they are sent.
//
// connect-src 'self' covers WebSockets to the same host and port: CSP 3 has
// 'self' match https, wss and, from an http page, ws too (section 6.7.2.8,
// w3c/webappsec-csp#7), as Firefox, Chromium since 71 and Safari since 16 do.
var defaultCSP = [...][2]string{
	{"default-src", "'self'"},
	{"script-src", "'self' {nonce}"},
	{"style-src", "'self' {nonce}"},
	{"img-src", "'self' data:"},
	{"connect-src", "'self'"},
	{"object-src", "'none'"},
	{"base-uri", "'none'"},
	{"frame-ancestors", "'none'"},
	{"form-action", "'self'"},
}

// policy is a Content-Security-Policy that is ready to send.
type policy struct {
	without string   // the whole value, without a nonce; "-" to send none
	nonced  bool     // whether a nonce has a place in it
	parts   []string // the value, cut at each nonce's place
}

// newPolicy puts over over the defaults.
func newPolicy(over map[string]string) policy {
	if len(over) == 1 && over["default-src"] == "-" {
		return policy{without: "-"}
	}
	var directives []string
	add := func(name, value string) {
		if strings.ContainsAny(name+value, ";,") || strings.ContainsAny(name, " '") || name == "" {
			panic("middleware: SecurityHeaders CSP directive " + strconv.Quote(name+" "+value) +
				" holds a separator; give each directive its own key")
		}
		if value != "-" {
			directives = append(directives, strings.TrimSpace(name+" "+value))
		}
	}
	rest := maps.Clone(over)
	for _, d := range defaultCSP {
		if v, ok := rest[d[0]]; ok {
			d[1] = v
			delete(rest, d[0])
		}
		add(d[0], d[1])
	}
	for _, name := range slices.Sorted(maps.Keys(rest)) {
		add(name, rest[name])
	}
	whole := strings.Join(directives, "; ")
	parts := strings.Split(whole, noncePlace)
	return policy{
		without: strings.ReplaceAll(whole, " "+noncePlace, ""),
		nonced:  len(parts) > 1,
		parts:   parts,
	}
}

// with returns the policy's value with nonce in its places.
func (p policy) with(nonce string) string {
	return strings.Join(p.parts, "'nonce-"+nonce+"'")
}
