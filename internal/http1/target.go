package http1

import (
	"net/url"
	"strings"
)

// form is one of the four forms of a target (RFC 9112 section 3.2).
type form uint8

const (
	originForm form = iota
	absoluteForm
	authorityForm
	asteriskForm
)

// plainLow and plainHigh have a bit for each byte of a path that net/url leaves
// as it is, both ways: a path of such bytes needs no RawPath.
const (
	plainLow = 1<<'$' | 1<<'&' | 1<<'+' | 1<<',' | 1<<'-' | 1<<'.' | 1<<'/' | (1<<10-1)<<'0' |
		1<<':' | 1<<';' | 1<<'='
	plainHigh = 1<<('@'-64) | (1<<26-1)<<('A'-64) | (1<<26-1)<<('a'-64) | 1<<('_'-64) | 1<<('~'-64)
)

func errTarget(reason string) *Error { return bad("bad_target", reason) }

// target parses the request target into p.r.URL.
func (p *parser) target() *Error {
	t, u := p.r.Target, &p.r.URL
	if t == "" {
		return errTarget("the request target is empty")
	}
	if t[0] == '/' {
		if plainTarget(t, u) {
			return nil
		}
		if !isVisible(t) {
			return errTarget("the request target has bytes that are not visible ASCII")
		}
		return p.parseURL(t)
	}
	if !isVisible(t) {
		return errTarget("the request target has bytes that are not visible ASCII")
	}
	switch {
	case t == "*":
		if p.r.Method != "OPTIONS" {
			return errTarget("the target * is for OPTIONS only")
		}
		p.form = asteriskForm
		u.Path = "*"
		return nil
	case p.r.Method == "CONNECT":
		return p.authority(t)
	}
	return p.absolute(t)
}

// plainTarget is the quick way for a path and query that need no decoding.
func plainTarget(t string, u *url.URL) bool {
	i := 0
	for i < len(t) && in(t[i], plainLow, plainHigh) {
		i++
	}
	if i == len(t) {
		u.Path = t
		return true
	}
	if t[i] != '?' || !isVisible(t[i:]) {
		return false
	}
	u.Path, u.RawQuery = t[:i], t[i+1:]
	u.ForceQuery = u.RawQuery == ""
	return true
}

// isVisible reports whether s has only visible ASCII.
func isVisible(s string) bool {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		w := word(s, i)
		del := w ^ 0x7f*ones
		if (w-0x21*ones|w|(del-ones)&^del)&highs != 0 {
			return false
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

func (p *parser) parseURL(t string) *Error {
	u, err := url.ParseRequestURI(t)
	if err != nil {
		return errTarget("the request target is no URL")
	}
	p.r.URL = *u
	return nil
}

// authority parses the target of CONNECT: a host and a port and nothing else.
func (p *parser) authority(t string) *Error {
	host, port, ok := splitHost(t)
	if !ok || host == "" || port == "" {
		return errTarget("the target of CONNECT is not host:port")
	}
	if err := p.parseURL("http://" + t); err != nil {
		return err
	}
	p.form = authorityForm
	p.r.URL.Scheme = ""
	return nil
}

// absolute parses http://host/path. net/url would also take other schemes,
// rootless paths and user information, which no origin server is asked for.
func (p *parser) absolute(t string) *Error {
	scheme, rest, ok := strings.Cut(t, "://")
	if !ok || !foldEqual(scheme, "http") && !foldEqual(scheme, "https") {
		return errTarget("the request target is neither a path nor an http URL")
	}
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		rest = rest[:i]
	}
	if host, _, ok := splitHost(rest); !ok || host == "" {
		return errTarget("the request target has a bad host")
	}
	p.form = absoluteForm
	return p.parseURL(t)
}
