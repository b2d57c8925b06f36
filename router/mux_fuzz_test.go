package router_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/galeweb/gale/router"
)

// outcome is what a router did with a request.
type outcome struct {
	Panic    bool
	Served   bool
	Pattern  string
	Values   map[string]string
	Status   int
	Location string
	Allow    string
}

// tries are the patterns that a test registers in both routers, skipping those
// that panic.
type tries struct {
	mux    *http.ServeMux
	router *router.Router
	names  []string
	hit    *outcome
}

func newTries() *tries {
	return &tries{mux: http.NewServeMux(), router: router.New()}
}

// add registers pattern in both, and reports a difference.
func (s *tries) add(t *testing.T, pattern string) {
	t.Helper()
	_, rest, _ := strings.Cut(pattern, "/")
	if strings.Contains("/"+rest, "//") {
		// ServeMux takes the empty segment for a wildcard, and may panic later.
		if !panics(func() { s.router.Handle(pattern, s.handler()) }) {
			t.Fatalf("pattern %q was registered, despite its empty segment", pattern)
		}
		return
	}
	theirs := panics(func() { s.mux.Handle(pattern, s.handler()) })
	ours := panics(func() { s.router.Handle(pattern, s.handler()) })
	if ours != theirs {
		t.Fatalf("pattern %q: router panics is %v, ServeMux panics is %v", pattern, ours, theirs)
	}
	for segment := range strings.SplitSeq(rest, "/") {
		if strings.HasPrefix(segment, "{") {
			s.names = append(s.names, strings.TrimSuffix(strings.Trim(segment, "{}"), "..."))
		}
	}
}

func (s *tries) handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.hit.Served = true
		s.hit.Values = map[string]string{}
		for _, name := range s.names {
			s.hit.Values[name] = r.PathValue(name)
		}
	})
}

func (s *tries) run(h http.Handler, r *http.Request) (o outcome) {
	s.hit = &o
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	o.Pattern = normal(r.Pattern)
	o.Status = w.Code
	o.Location = w.Header().Get("Location")
	o.Allow = w.Header().Get("Allow")
	return o
}

// compare serves the request by both, and reports a difference that the
// package doc does not list.
func (s *tries) compare(t *testing.T, method, host string, u *url.URL) {
	t.Helper()
	request := func() *http.Request {
		c := *u
		return &http.Request{Method: method, Host: host, URL: &c, Header: http.Header{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	}
	ours := s.run(s.router, request())
	served := ""
	if ours.Served {
		served = ours.Pattern
	}
	if got := normal(s.router.Pattern(request())); got != served {
		t.Errorf("%s %s (host %q): Pattern returns %q, and %q serves", method, u, host, got, served)
	}
	if p := u.EscapedPath(); method == http.MethodConnect && (strings.Contains(p, "//") || p != "" && p[0] != '/') {
		return // ServeMux panics in PathValue, or takes the first byte for a slash
	}
	theirs := s.run(s.mux, request())
	switch {
	case theirs.Location != "":
		checkRedirect(t, u, ours.Location)
		// Theirs has the wrong escapes, and the path for a CONNECT's pattern.
		theirs.Location = withEscapes(t, theirs.Location, u)
		if method == http.MethodConnect {
			theirs.Pattern = ours.Pattern
		}
	case theirs.Allow != "":
		methods := strings.Split(theirs.Allow, ", ")
		if !slices.Contains(methods, http.MethodOptions) {
			methods = append(methods, http.MethodOptions)
		}
		theirs.Allow = strings.Join(slices.Sorted(slices.Values(methods)), ", ")
		if method == http.MethodOptions {
			theirs.Status = http.StatusNoContent
		}
	}
	if d := cmp.Diff(theirs, ours); d != "" {
		t.Errorf("%s %s (host %q): ServeMux - router +\n%s", method, u, host, d)
	}
}

// withEscapes returns the target that ServeMux would redirect to from u if it
// kept the escapes, having checked that it does for a path without.
func withEscapes(t *testing.T, location string, u *url.URL) string {
	t.Helper()
	theirs, _, _ := strings.Cut(location, "?")
	escaped := u.EscapedPath()
	want := path.Clean("/" + escaped)
	if want != "/" && (strings.HasSuffix(escaped, "/") || strings.HasSuffix(theirs, "/")) {
		want += "/"
	}
	plain := (&url.URL{Path: escaped}).EscapedPath() == escaped && !strings.Contains(escaped, "%")
	if plain && want != theirs {
		t.Errorf("redirect from %s is expected to be %q, and ServeMux's is %q", u, want, theirs)
	}
	if u.RawQuery != "" {
		want += "?" + ascii(u.RawQuery)
	}
	return want
}

// ascii is what http.Redirect does to a query, since a header is ASCII.
func ascii(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if s[i] < 0x80 {
			b.WriteByte(s[i])
		} else {
			fmt.Fprintf(&b, "%%%02x", s[i])
		}
	}
	return b.String()
}

// checkRedirect holds a target against what makes it safe.
func checkRedirect(t *testing.T, from *url.URL, location string) {
	t.Helper()
	to, err := url.Parse(location)
	if err != nil || to.Host != "" || to.Scheme != "" {
		t.Errorf("redirect from %s leaves the host: %q (%v)", from, location, err)
	}
	if !strings.HasPrefix(location, "/") || strings.HasPrefix(location, "//") || strings.ContainsAny(to.EscapedPath(), "\\\t\r\n") {
		t.Errorf("redirect from %s to %q is not safe", from, location)
	}
	if to != nil && to.RawQuery != ascii(from.RawQuery) {
		t.Errorf("redirect from %s to %q loses the query", from, location)
	}
}

// normal has one space after the method, whatever was written.
func normal(pattern string) string {
	if i := strings.IndexAny(pattern, " \t"); i >= 0 {
		return strings.TrimLeft(pattern[:i]+" "+strings.TrimLeft(pattern[i:], " \t"), " ")
	}
	return pattern
}

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}

// The words from which patterns and requests are drawn: few, so that they meet,
// and among them what has gone wrong in routers.
var (
	fuzzMethods  = []string{"", "GET", "HEAD", "POST", "OPTIONS", "CONNECT", "get"}
	fuzzHosts    = []string{"", "", "a.com", "b.com", "A.com", "a.com:80"}
	fuzzSegments = []string{
		"a", "b", "c", "{x}", "{y}", "{z}", "%61", "a%2Fb", "%2F", "%2e%2e", "..", ".", "",
		"é", "%C3%A9", "a b", "%25", "%zz", "{", "a{x}", "{x}b", "{_}", "{1}", "\\", "a:b", "*", ";", "?",
	}
	fuzzEnds = []string{"", "", "/", "/{$}", "/{x...}", "/{r...}", "{$}", "//", "/..", "/{...}"}
)

// drawer takes words as bytes say.
type drawer struct{ data []byte }

func (d *drawer) next() int {
	if len(d.data) == 0 {
		return 0
	}
	b := d.data[0]
	d.data = d.data[1:]
	return int(b)
}

func (d *drawer) of(words []string) string { return words[d.next()%len(words)] }

func (d *drawer) path() string {
	var b strings.Builder
	for range d.next() % 4 {
		b.WriteString("/" + d.of(fuzzSegments))
	}
	return b.String()
}

func (d *drawer) pattern() string {
	p := d.of(fuzzHosts) + d.path() + d.of(fuzzEnds)
	if m := d.of(fuzzMethods); m != "" {
		p = m + []string{" ", "  ", "\t"}[d.next()%3] + p
	}
	return p
}

func FuzzMatchesServeMux(f *testing.F) {
	for _, seed := range [][]byte{
		nil,
		{4, 0, 1, 0, 0, 1, 0, 0, 1, 3, 0, 0, 0, 1, 0, 2, 1, 0, 0, 1, 0, 3, 3, 0, 1, 0, 1, 0, 2},
		{2, 2, 0, 2, 0, 0, 1, 2, 2, 1, 0, 2, 0, 1, 0, 1, 7, 3, 1},
		{3, 0, 2, 3, 0, 0, 1, 0, 0, 2, 0, 3, 0, 1, 0, 0, 1, 8, 3, 0, 1, 0, 2, 8, 7, 0},
		{1, 0, 3, 12, 9, 10, 2, 5, 0, 5, 2, 3, 12, 9, 10, 2},
		[]byte("the quick brown fox jumps over the lazy dog"),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := &drawer{data}
		s := newTries()
		for range d.next()%8 + 1 {
			s.add(t, d.pattern())
		}
		for range 4 {
			method, host := d.of(fuzzMethods), d.of(fuzzHosts)
			target := d.path() + d.of(fuzzEnds)
			raw := d.next()
			u, err := url.ParseRequestURI("/" + strings.TrimPrefix(target, "/"))
			if err != nil {
				continue
			}
			switch raw % 4 {
			case 1:
				u.RawQuery = "q=//evil.com/\\&x=%2F"
			case 2:
				u.Host = d.of(fuzzHosts)
			case 3:
				u.Path, u.RawPath = target, "" // as a middleware may leave it
			}
			s.compare(t, method, host, u)
		}
	})
}

// FuzzPattern compares what is a pattern, and what it matches, on free strings.
func FuzzPattern(f *testing.F) {
	for _, p := range append(documented, malformed...) {
		f.Add(p, "/a/b")
	}
	f.Fuzz(func(t *testing.T, pattern, target string) {
		s := newTries()
		s.add(t, pattern)
		u, err := url.ParseRequestURI(target)
		if err != nil || u.Path == "" || u.Path[0] != '/' {
			return
		}
		for _, method := range []string{"GET", "OPTIONS", "CONNECT"} {
			s.compare(t, method, "example.com", u)
		}
	})
}

// documented are the patterns of ServeMux's own documentation.
var documented = []string{
	"/index.html", "GET /static/", "example.com/", "example.com/{$}", "/b/{bucket}/o/{objectname...}",
	"/images/", "/images/thumbnails/", "GET /", "/a%2fb/", "/a/b/", "/{$}", "/", "/{x}", "/%61", "/{x...}",
}

var malformed = []string{
	"", " ", "a", "GET", "GET ", "G@T /", "/{", "/{x", "/a{x}", "/{x}b", "/{}", "/{...}", "/{$}/", "/{x...}/a",
	"/{x}/{x}", "/{1}", "/{a-b}", "GET //a", "GET /a/../b", "{x}/a", "GET {host}/a", "/{x...}/", "/{$}a", " /a", "/a b", "//",
}

func TestMatchesServeMuxOnDocumentedPatterns(t *testing.T) {
	t.Parallel()
	s := newTries()
	for _, p := range append(documented, malformed...) {
		s.add(t, p)
	}
	targets := map[string]bool{}
	for _, a := range []string{
		"", "/", "/a", "/index.html", "/static", "/static/app.js", "/b/x/o", "/b/x/o/", "/b/x/o/y/z", "/images",
		"/images/thumbnails", "/images/thumbnails/1", "/a%2Fb", "/a%2fb/c", "/a/b", "/%2F", "/%2e%2e", "/a%20b/%25", "/é",
	} {
		for _, b := range []string{"", "/", "//", "/.", "/..", "/../", "/x", "/%2F", "//evil.com/..", "/%2e%2e/"} {
			targets[a+b] = true
			targets["/"+a+b] = true
		}
	}
	for _, target := range slices.Sorted(maps.Keys(targets)) {
		u, err := url.ParseRequestURI("http://h" + target)
		if err != nil {
			t.Fatal(err)
		}
		u.Scheme, u.Host = "", ""
		for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS", "CONNECT"} {
			for _, host := range []string{"", "example.com", "example.com:8080", "other.example", "[::1]:80"} {
				if method == "CONNECT" && u.Path == "" {
					continue // "CONNECT host:port" has no path; see TestConnect
				}
				s.compare(t, method, host, u)
			}
		}
	}
}
