package attack_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// visitor is a browser or a program, with an address of its own. Cookies are
// kept by hand: those of relay are for HTTPS, which a browser has at 127.0.0.1
// in its mind only, and which an attacker does not care about.
type visitor struct {
	s       *site
	http    *http.Client
	base    string // scheme and host
	cookies map[string]string
	header  http.Header // sent with every request
}

// visitor returns one whom relay has never seen.
func (s *site) visitor() *visitor {
	c := &visitor{s: s, base: "http://" + s.addr, cookies: map[string]string{}, header: http.Header{}}
	transport := &http.Transport{DialContext: dialer().DialContext, DisableCompression: true}
	if s.front != nil {
		c.base, transport = "https://"+productionHost, s.front.transport()
	}
	c.http = &http.Client{Transport: transport, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	s.t.Cleanup(transport.CloseIdleConnections)
	return c
}

// dialer connects from an address that nobody has had before.
func dialer() *net.Dialer {
	addresses.Lock()
	defer addresses.Unlock()
	addresses.last++
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: address(addresses.last)}}
}

// address returns one of this machine; the last byte is never 0 or 255, and none
// is 127.0.0.1.
func address(n uint32) net.IP {
	ip := binary.BigEndian.AppendUint32(nil, 127<<24|(n/254+1)<<8|(n%254+1))
	return ip
}

// like returns another visitor with the same cookies: a thief.
func (c *visitor) like() *visitor {
	thief := c.s.visitor()
	maps.Copy(thief.cookies, c.cookies)
	return thief
}

// moved returns the same browser at another address: one has limits.
func (c *visitor) moved() *visitor {
	other := *c.s.visitor()
	other.cookies, other.header = c.cookies, c.header
	return &other
}

// with returns the same visitor who sends a header besides, "" for none.
func (c *visitor) with(name, value string) *visitor {
	other := *c
	other.header = c.header.Clone()
	other.header.Set(name, value)
	if value == "" {
		other.header[http.CanonicalHeaderKey(name)] = nil // also none of the defaults
	}
	return &other
}

// answer is what came back.
type answer struct {
	c      *visitor
	what   string // method and address
	status int
	header http.Header
	body   string
}

func (c *visitor) get(path string) answer {
	c.s.t.Helper()
	return c.do(http.MethodGet, path, "", "")
}

// post sends a form as a page of relay does.
func (c *visitor) post(path string, pairs ...string) answer {
	c.s.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
		if strings.Contains(pairs[i], "password") || pairs[i] == "old" || pairs[i] == "token" {
			c.s.secret(pairs[i+1])
		}
	}
	return c.form(path, form)
}

func (c *visitor) form(path string, form url.Values) answer {
	c.s.t.Helper()
	return c.do(http.MethodPost, path, "application/x-www-form-urlencoded", form.Encode())
}

func (c *visitor) do(method, path, contentType, body string) answer {
	c.s.t.Helper()
	a, err := c.try(method, path, contentType, body)
	if err != nil {
		c.s.t.Fatal(err)
	}
	return a
}

// try is do for what may fail, and for other goroutines than the test's.
func (c *visitor) try(method, path, contentType, body string) (answer, error) {
	c.s.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, c.base+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64)")
	r.Header.Set("Accept", "text/html")
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if method != http.MethodGet && method != http.MethodHead {
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for name, value := range c.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	maps.Copy(r.Header, c.header)
	if host := c.header.Get("Host"); host != "" {
		r.Host = host
	}
	c.s.sends(method, path, contentType, body)
	res, err := c.http.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	content, err := io.ReadAll(res.Body)
	a := answer{c, method + " " + path, res.StatusCode, res.Header, string(content)}
	a.check()
	for _, cookie := range res.Cookies() {
		c.s.keep(cookie, c.cookies)
	}
	a.note()
	return a, err
}

// handedOut are the secrets that relay gives away, each with a word that is beside
// it: what is shown once, what forms carry, and what an app gets.
var handedOut = []struct {
	beside  string
	pattern *regexp.Regexp
}{
	{"pkt_", regexp.MustCompile(`(pkt_[A-Za-z0-9_]{40,})`)},
	{`class="secret"`, regexp.MustCompile(`class="secret">([^<]+)<`)},
	{"<code>", regexp.MustCompile(`<code>([0-9A-Z]{5}-[0-9A-Z]{5}|[A-Z2-7 ]{39})</code>`)},
	{`name="token"`, regexp.MustCompile(`name="token" value="([\w-]{43})"`)},
	{`_token"`, regexp.MustCompile(`_token":"([^"]+)"`)},
	{`"state"`, regexp.MustCompile(`"state":"([^"]+)"`)},
}

// note notes the secrets of an answer, whoever has asked for what.
func (a answer) note() {
	for _, h := range handedOut {
		if !strings.Contains(a.body, h.beside) {
			continue
		}
		for _, m := range h.pattern.FindAllStringSubmatch(a.body, -1) {
			a.c.s.secret(m[1])
			a.c.s.secret(strings.ReplaceAll(m[1], " ", ""))
		}
	}
	if u, err := url.Parse(a.header.Get("Location")); err == nil {
		for _, name := range []string{"code", "token"} {
			a.c.s.secret(u.Query().Get(name))
		}
	}
}

// keep puts a cookie into a jar, and says when it is not protected.
func (s *site) keep(cookie *http.Cookie, jar map[string]string) {
	if !strings.HasPrefix(cookie.Name, "__Host-") || !cookie.Secure || !cookie.HttpOnly || cookie.SameSite < http.SameSiteLaxMode || cookie.SameSite == http.SameSiteNoneMode || cookie.Path != "/" || cookie.Domain != "" {
		s.t.Errorf("the cookie %s is not protected: %s", cookie.Name, cookie.Raw[len(cookie.Name)+1+len(cookie.Value):])
	}
	if cookie.MaxAge < 0 || cookie.Value == "" {
		delete(jar, cookie.Name)
		return
	}
	jar[cookie.Name] = s.secret(cookie.Value)
}

// marks are in what attackers send: the first begins an element when nobody
// escapes it, the second ends an attribute.
const (
	mark      = "zq9x"
	markup    = "<" + mark + ">"
	attribute = `"` + mark + "="
	header    = "X-" + mark // to be injected
)

// policy are the directives without which an injected script may run.
var policy = [...]string{"default-src 'self'", "script-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"}

// check is what must hold for every answer, whatever was asked.
func (a answer) check() {
	t := a.c.s.t
	t.Helper()
	if a.status >= 500 {
		t.Errorf("%.200s: %d\n%.500s", a.what, a.status, a.body)
	}
	kind := a.header.Get("Content-Type")
	csp, missing := a.header.Get("Content-Security-Policy"), []string{}
	for _, directive := range policy {
		if !strings.Contains(csp, directive) {
			missing = append(missing, directive)
		}
	}
	for _, name := range []string{"X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy"} {
		if a.header.Get(name) == "" {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 && !bare(a) {
		t.Errorf("%.200s: %d without %v", a.what, a.status, missing)
	}
	if strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") {
		t.Errorf("%.200s: the policy is %q", a.what, csp)
	}
	if strings.HasPrefix(kind, "text/html") && (strings.Contains(a.body, markup) || strings.Contains(a.body, attribute)) {
		t.Errorf("%.200s: what was sent stands in the page as it is\n%.300s", a.what, a.body[max(0, strings.Index(a.body, mark)-150):])
	}
	if strings.HasPrefix(kind, "text/") && !strings.Contains(strings.ToLower(kind), "charset=utf-8") {
		t.Errorf("%.200s: %d is %s, without a charset", a.what, a.status, kind)
	}
	if kind == "" && a.body != "" {
		t.Errorf("%.200s: %d with a body without a type", a.what, a.status)
	}
	for name, values := range a.header {
		if strings.HasPrefix(http.CanonicalHeaderKey(name), http.CanonicalHeaderKey(header)) {
			t.Errorf("%.200s: the header %s was injected", a.what, name)
		}
		for _, value := range values {
			if strings.Contains(value, "127.0.0.66") {
				t.Errorf("%.200s: the header %s is %q", a.what, name, value)
			}
		}
	}
	for _, to := range a.header["Location"] {
		if strings.Contains(to, "evil.example") && !stays(to) {
			t.Errorf("%.200s: leads to %q", a.what, to)
		}
	}
	method, path, _ := strings.Cut(a.what, " ")
	route := routeOf(method, path)
	own := !everybody[route] && !ofPrograms[route] && strings.Contains(route, " ") // of somebody, down to the disk of the browser
	if signedIn(a.body) && !private(a.header) || own && a.status == http.StatusOK && a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%.200s: a page of somebody who is signed in may be kept by caches: %v", a.what, a.header["Cache-Control"])
	}
}

// bare reports whether the answer was made below the handler, by the server that
// could not read the request: a few words that no browser takes for a page.
func bare(a answer) bool {
	return a.status >= 400 && a.header.Get("X-Request-Id") == "" && strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") && len(a.body) < 200
}

func signedIn(page string) bool { return strings.Contains(page, `action="/sign-out"`) }

// private reports whether shared caches must not keep an answer.
func private(h http.Header) bool {
	cache := h.Get("Cache-Control")
	return strings.Contains(cache, "no-store") || strings.Contains(cache, "private")
}

// is fails the test unless the status is one of these.
func (a answer) is(statuses ...int) answer {
	a.c.s.t.Helper()
	if !slices.Contains(statuses, a.status) {
		a.c.s.t.Fatalf("%.300s: %d, want %d; %v\n%s", a.what, a.status, statuses, a.header["Location"], text(a.body))
	}
	return a
}

// shows fails the test unless the page contains words.
func (a answer) shows(words string) answer {
	a.c.s.t.Helper()
	if !strings.Contains(a.body, words) {
		a.c.s.t.Fatalf("%.300s: %d does not show %q\n%s", a.what, a.status, words, text(a.body))
	}
	return a
}

// find returns the first group of a pattern that must be in the page.
func (a answer) find(pattern string) string {
	a.c.s.t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(a.body)
	if m == nil {
		a.c.s.t.Fatalf("%.300s: %d has no %s\n%s", a.what, a.status, pattern, a.body)
	}
	return m[len(m)-1]
}

var tags = regexp.MustCompile(`(?s)<[^>]*>|\s+`)

// text is what a page says, for messages.
func text(page string) string { return fmt.Sprintf("%.600s", tags.ReplaceAllString(page, " ")) }

// raw sends bytes on a connection of its own and returns what comes until the
// server closes it or patience ends.
func (s *site) raw(t *testing.T, request string) string {
	t.Helper()
	conn, err := dialer().DialContext(t.Context(), "tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		return "" // it was closed before all was sent, which is an answer
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return ""
	}
	got, err := io.ReadAll(conn)
	if err != nil && !errors.Is(err, net.ErrClosed) && len(got) == 0 {
		return ""
	}
	return string(got)
}
