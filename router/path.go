package router

import (
	"net"
	"net/url"
	"path"
	"strings"
)

// requestPath is the path of a request, cut into segments at its slashes. As
// escaped it is what the client sent, where %2F is no slash; otherwise it is
// decoded already, which is the same for most requests, and quicker.
type requestPath struct {
	s       string
	escaped bool
}

func pathOf(u *url.URL) requestPath {
	if u.RawPath != "" && u.EscapedPath() == u.RawPath {
		return requestPath{u.RawPath, true}
	}
	return requestPath{u.Path, false}
}

// encoded returns p as it stands in a URL.
func (p requestPath) encoded() string {
	if p.escaped {
		return p.s
	}
	return (&url.URL{Path: p.s}).EscapedPath()
}

func (p requestPath) clean() requestPath { return requestPath{cleanPath(p.s), p.escaped} }

// cleanPath returns p rooted, without empty and dot segments. A trailing slash
// stays.
func cleanPath(p string) string {
	if p == "" {
		return "/"
	}
	if p[0] == '/' && !strings.Contains(p, "//") && !strings.Contains(p, "/.") {
		return p
	}
	clean := path.Clean("/" + p)
	if p[len(p)-1] == '/' && clean != "/" {
		clean += "/"
	}
	return clean
}

// cutSegment returns the first segment of path, decoded, and what follows. The
// path must start with a slash; when it is nothing else, that is the segment.
func cutSegment(path string, escaped bool) (segment, tail string) {
	if path == slash {
		return slash, ""
	}
	segment = path[1:]
	if i := strings.IndexByte(segment, '/'); i >= 0 {
		segment, tail = segment[:i], segment[i:]
	}
	return decode(segment, escaped), tail
}

func decode(s string, escaped bool) string {
	if !escaped || !strings.Contains(s, "%") {
		return s
	}
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}

// hostOnly returns host without a port.
func hostOnly(host string) string {
	if !strings.Contains(host, ":") {
		return host
	}
	h, _, err := net.SplitHostPort(host)
	if err != nil {
		return host
	}
	return h
}
