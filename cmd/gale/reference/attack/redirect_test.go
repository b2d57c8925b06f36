package attack_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// elsewhere are addresses of another site that look like paths, or that browsers
// read in their own way.
var elsewhere = [...]string{
	"https://evil.example/", "//evil.example", "///evil.example", "////evil.example", `\\evil.example`, `/\evil.example`, `\/evil.example`, `/\/evil.example`,
	"/%2f%2fevil.example", "%2f%2fevil.example", "/%5cevil.example", "/.//evil.example", "/..//evil.example", "/a/..//evil.example", "/\t/evil.example", "/\n/evil.example",
	"\t//evil.example", " //evil.example", "/\r\n/evil.example", "\x00//evil.example", "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\nscript:alert(1)", "\x01javascript:alert(1)",
	"data:text/html,<script>alert(1)</script>", "vbscript:x", "http:evil.example", "http:/evil.example", "https:\\\\evil.example", "evil.example", "@evil.example", "//127.0.0.1@evil.example/",
	"http://127.0.0.1@evil.example", "//evil.example:80", "//evil.example#", "//evil.example?/", "／／evil.example", "/\u2028/evil.example", "//evil。example", "//[::1]/", "?next=//evil.example", "#//evil.example",
	"/" + strings.Repeat("a", 5000), "/\xff/evil.example", "/profile\r\nLocation: https://evil.example", "/profile\r\nSet-Cookie: a=b",
}

// stays reports whether a browser at this site stays there, by the rules of
// https://url.spec.whatwg.org: tabs and line ends are dropped, a backslash is a
// slash.
func stays(location string) bool {
	read := strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(strings.Trim(location, "\x00\x01 "))
	u, err := url.Parse(read)
	return err == nil && u.Scheme == "" && u.Host == "" && u.User == nil && strings.HasPrefix(read, "/") && !strings.HasPrefix(read, "//")
}

// leading is markup that takes a browser to another site.
var leading = regexp.MustCompile(`(?i)(href|action|src|content)="[^"]*[/\\]{2}[^"/\\]*evil\.example[^"]*"`)

// Whatever next says, who signs in stays here.
func TestOpenRedirects(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		p, protected := s.person("victim"), s.person("protected")
		app := protected.enroll()
		for i, next := range elsewhere {
			if i%25 == 24 { // right passwords of one account are bounded too
				p = s.person(fmt.Sprint("victim", i))
			}
			query := "?next=" + url.QueryEscape(next)
			for _, path := range []string{"/sign-in", "/confirm"} {
				if shown := p.get(path + query).is(http.StatusOK).find(`name="next" value="([^"]*)"`); !stays(shown) {
					t.Errorf("%s%s has the form go to %q", path, query, shown)
				}
			}
			after := []answer{p.post("/confirm", "password", password, "next", next)}
			if i%4 == 0 { // a sign-in costs a hash; what looks at next is the same
				after = append(after, p.elsewhereBy(next))
			}
			if i < len(app.codes) {
				half := protected.half()
				half.get("/sign-in/second" + query).is(http.StatusOK)
				after = append(after, half.post("/sign-in/second", "code", app.codes[i], "next", next))
			}
			for _, a := range after {
				if to := a.header.Get("Location"); a.status == http.StatusSeeOther && !stays(to) || len(a.header["Location"]) > 1 {
					t.Errorf("%s with next=%q leads to %q", a.what, next, a.header["Location"])
				}
				if a.status != http.StatusSeeOther && a.status != http.StatusUnprocessableEntity && a.status != http.StatusBadRequest {
					t.Errorf("%s with next=%q: %d", a.what, next, a.status)
				}
			}
		}
		// The same of every route there is, in the address and in the form.
		for _, pattern := range table.patterns {
			method, path := request(pattern)
			for i, next := range elsewhere[:7] {
				if strings.HasSuffix(pattern, "sign-out") || ofPrograms[pattern] || method == http.MethodPost && i%6 != 0 {
					continue
				}
				// The kit looks where the answer leads.
				for _, c := range []*visitor{p.visitor, s.visitor()} {
					a := c.do(method, path+"?next="+url.QueryEscape(next), "application/x-www-form-urlencoded", url.Values{"next": {next}}.Encode())
					if leads := leading.FindString(a.body); leads != "" {
						t.Errorf("%s with next=%q shows %s", pattern, next, leads)
					}
				}
			}
		}
		device := s.person("holder").passkey()
		for _, next := range elsewhere[:12] { // a passkey signs in 16 times in 5 minutes
			c := s.visitor()
			a := c.finish("sign-in?next="+url.QueryEscape(next), device.Get(c.begin("sign-in"))).is(http.StatusOK)
			var to struct{ Next string }
			if err := json.Unmarshal([]byte(a.body), &to); err != nil || !stays(to.Next) {
				t.Errorf("a passkey with next=%q leads to %s, %v", next, a.body, err)
			}
		}
		// And one that is right is followed.
		if to := p.elsewhereBy("/profile/security?a=b#c").header.Get("Location"); to != "/profile/security?a=b#c" {
			t.Errorf("a path of this site leads to %q", to)
		}
		// A page that asks to sign in comes back to itself.
		for _, path := range []string{"//evil.example/profile", "/profile?next=//evil.example", "/profile/%2e%2e//evil.example", `/\evil.example`, "/profile//evil.example", "/./profile", "/../profile"} {
			a := s.raw(t, "GET "+path+" HTTP/1.1\r\nHost: "+s.addr+"\r\nAccept: text/html\r\nConnection: close\r\n\r\n")
			head, _, _ := strings.Cut(a, "\r\n\r\n")
			if _, location, ok := strings.Cut(head, "\r\nLocation: "); ok {
				location, _, _ = strings.Cut(location, "\r\n")
				if !stays(location) {
					t.Errorf("%s leads to %s", path, location)
				}
			}
		}
	})
}

// elsewhereBy signs in in another browser, to go on to next.
func (p *person) elsewhereBy(next string) answer {
	p.s.t.Helper()
	return p.s.visitor().post("/sign-in", "email", p.email, "password", password, "next", next)
}

// poisoned are headers that claim another host.
var poisoned = [...]map[string]string{
	{"Host": "poison.example"},
	{"Host": "poison.example:80"},
	{"X-Forwarded-Host": "poison.example", "X-Forwarded-Proto": "gopher", "X-Forwarded-Port": "66", "X-Forwarded-Server": "poison.example", "X-Forwarded-Prefix": "//poison.example"},
	{"Forwarded": "host=poison.example;proto=gopher", "X-Original-Host": "poison.example", "X-Host": "poison.example", "X-Original-Url": "https://poison.example/", "X-Rewrite-Url": "/poison.example"},
	{"Referer": "https://poison.example/", "X-Http-Host-Override": "poison.example"},
}

// Links in mails lead where the configuration says, whatever the request claims.
func TestPoisonedHost(t *testing.T) {
	attack := func(public string) func(t *testing.T, s *site) {
		return func(t *testing.T, s *site) {
			for _, headers := range poisoned {
				vic := s.person("victim")
				name := named("new")
				evil := s.visitor()
				for h, value := range headers {
					evil = evil.with(h, value)
				}
				eve, ada := *s.person("eve"), *s.admin()
				for h, value := range headers {
					eve.visitor, ada.visitor = eve.with(h, value), ada.with(h, value)
				}
				// The kit looks at the links of these two as of all mails.
				eve.post("/profile/email", "email", named("other")+"@example.com", "password", password).is(http.StatusSeeOther)
				if public == "http://127.0.0.1:8080" { // ada has no second factor
					ada.post("/admin/users/invitations", "email", named("guest")+"@example.com", "role", "viewer").is(http.StatusSeeOther)
				}
				evil.post("/reset", "email", vic.email).is(http.StatusOK)
				evil.post("/sign-up", "name", name, "email", name+"@example.com").is(http.StatusOK)
				for to, subject := range map[string]string{vic.email: resetSubject, name + "@example.com": confirmSubject} {
					l := s.letter(to, subject)
					if strings.Contains(l.text, "poison.example") || strings.Contains(l.text, "gopher") || !strings.Contains(l.text, public+"/") {
						t.Errorf("with %v the mail says %s", headers, l.text)
					}
				}
				for _, path := range []string{"/profile", "/sign-in", "/", "/nowhere"} {
					a := evil.get(path)
					if to := a.header.Get("Location"); strings.Contains(to, "poison") {
						t.Errorf("with %v %s leads to %s", headers, path, to)
					}
					if strings.Contains(a.body, "poison.example") {
						t.Errorf("with %v %s shows\n%s", headers, path, text(a.body))
					}
				}
			}
		}
	}
	t.Run("development", func(t *testing.T) { onBoth(t, attack("http://127.0.0.1:8080")) })
	t.Run("production", func(t *testing.T) { onProduction(t, attack("https://"+productionHost)) })
}

// Requests that name two hosts, or one that is none, or the whole address.
func TestTwoHosts(t *testing.T) {
	onServers(t, func(t *testing.T, s *site) {
		vic := s.person("victim")
		body := "email=" + url.QueryEscape(vic.email)
		send := func(line, hosts string) string {
			return s.raw(t, "POST "+line+" HTTP/1.1\r\n"+hosts+"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\nConnection: close\r\n\r\n"+body)
		}
		for _, hosts := range []string{"Host: 127.0.0.1\r\nHost: poison.example\r\n", "", "Host: poison.example, 127.0.0.1\r\n", "Host: poison.example/\r\n", "Host: a b\r\n"} {
			if a := send("/reset", hosts); !strings.HasPrefix(a, "HTTP/1.1 400 ") {
				t.Errorf("with the hosts %q: %.100s", hosts, a)
			}
		}
		send("http://poison.example/reset", "Host: 127.0.0.1\r\n")
		send("http://127.0.0.1@poison.example/reset", "Host: 127.0.0.1\r\n")
		s.settled()
		s.visitor().post("/reset", "email", vic.email).is(http.StatusOK)
		s.letter(vic.email, resetSubject)
		for _, l := range s.letters() {
			if l.to == vic.email && strings.Contains(l.text, "poison") {
				t.Errorf("the mail is %s", l.text)
			}
		}
	})
}

// A line end makes no header, wherever it stands.
func TestHeaderInjection(t *testing.T) {
	onServers(t, func(t *testing.T, s *site) {
		p := s.operator("victim")
		line := "\r\n" + header + ": yes\r\nSet-Cookie: " + cookieName + "=planted"
		names := map[string]bool{"next": true, "token": true, "after": true, "before": true, "cursor": true, "kind": true, "limit": true, "since": true, "sender": true, "actor": true}
		for _, path := range []string{"/", "/sign-in", "/confirm", "/sign-in/second", "/profile", "/reset/confirm", "/email/new", "/channels/none", "/api/v1/channels", "/static/none.css", "/profile/export"} {
			for name := range names {
				for _, encoded := range []string{url.QueryEscape(line), "%0d%0a" + header + ":%20yes", "%0a" + header + ":1", "%E5%98%8D%E5%98%8A" + header + ":1", "%c0%8d%c0%8a" + header + ":1"} {
					p.get(path + "?" + name + "=x" + encoded)
					p.get(path + "?x" + encoded + "=" + name)
				}
			}
			p.get(path + url.PathEscape(line))
			p.get(path + "/%0d%0a" + header + ":%20yes")
		}
		if p.cookies[cookieName] == "planted" {
			t.Error("a cookie was planted")
		}
		if !p.isIn() {
			t.Error("the victim is out")
		}
	})
}

// Nothing that is sent makes a line of the log, colours a terminal or turns text
// around: the kit looks at all of the log after each test.
func TestLogInjection(t *testing.T) {
	attack := func(t *testing.T, s *site) {
		fake := "\n12:00:00.000 INF forged user=admin\n{\"time\":\"2026-01-01T00:00:00Z\",\"level\":\"INFO\",\"msg\":\"forged\"}\n"
		for _, evil := range []string{fake, "\r\n" + fake, "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\u202eabc", "\u2028" + fake, "\x00", "\xff\xfe", "\t", "\u0085" + fake, "\x9b31m", "%0a%1b[31m", `" level=ERROR msg="x`, "\\n", `\x1b[31mred`, "\x1b[31m and `\\x1b[31m`"} {
			c := s.visitor()
			for path, form := range map[string]url.Values{
				"/sign-in":                 {"email": {evil}, "password": {evil}},
				"/sign-up":                 {"name": {evil}, "email": {"a" + evil + "@example.com"}},
				"/reset":                   {"email": {"a" + evil + "@example.com"}},
				"/reset/confirm":           {"token": {evil}, "password": {evil}},
				"/" + url.PathEscape(evil): {evil: {evil}},
			} {
				c.form(path, form)
			}
			c.get("/channels/" + url.PathEscape(evil))
			c.get("/?after=" + url.QueryEscape(evil))
			s.raw(t, "GET /"+strings.NewReplacer("\n", "%0a", "\r", "%0d", " ", "%20").Replace(evil)+" HTTP/1.1\r\nHost: x\r\n\r\n")
			one := strings.NewReplacer("\n", "", "\r", "").Replace(evil)
			for _, name := range []string{"User-Agent", "Referer", "Cookie", "X-Request-Id", "X-Forwarded-For", "Authorization", "Content-Type", "Host", "Traceparent", "Tracestate", "Accept", "Origin"} {
				s.raw(t, "POST /sign-in HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"+name+": "+one+"\r\nContent-Length: 0\r\n\r\n")
				s.raw(t, "GET /profile HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"+name+": Bearer "+one+"\r\n\r\n")
			}
			s.raw(t, "GE"+one+"T / HTTP/1.1\r\nHost: x\r\n\r\n")
			s.raw(t, one+"\r\n\r\n")
		}
		s.visitor().get("/").is(http.StatusOK)
	}
	t.Run("development", func(t *testing.T) { onBoth(t, attack) })
	t.Run("production", func(t *testing.T) { onProduction(t, attack) })
}
