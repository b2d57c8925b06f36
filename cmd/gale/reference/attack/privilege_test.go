package attack_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// grabs are fields that no form has and that an object behind one may.
var grabs = [...]string{
	"role=admin", "Role=admin", "roles=admin", "role[]=admin", "user[role]=admin", "user.role=admin", "admin=true", "is_admin=1", "permissions=*", "scopes=*", "disabled=false", "Disabled=false",
	"id=1", "ID=1", "user_id=1", "owner=1", "email_verified=true", "password_hash=x", "epoch=0", "created_at=2000-01-01", "__proto__[role]=admin", "constructor.prototype.role=admin",
}

// A form takes what it shows, and nothing besides.
func TestMassAssignment(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		p := s.operator("mallory")
		check := func(after string) {
			t.Helper()
			p.get("/profile").is(http.StatusOK).shows(p.email + " · operator ·").shows("<h1>" + p.name + "</h1>")
			p.get("/admin/users").is(http.StatusForbidden)
		}
		// Also what other forms take: each of relay's own names is a field of an object.
		names := map[string]bool{}
		for _, form := range readSource(t).forms {
			maps.Copy(names, form)
		}
		own := slices.Sorted(maps.Keys(names))
		for route, f := range p.crawl().forms {
			if f.method != http.MethodPost || strings.HasSuffix(route, "/sign-out") {
				continue
			}
			filled := f.filled(p)
			all := slices.Clone(grabs[:])
			for _, name := range own {
				all = append(all, name+"=true")
			}
			for i, grab := range all {
				if f.has("password") && i > 3 { // each of these costs a hash, or a guess
					break
				}
				name, value, _ := strings.Cut(grab, "=")
				if f.has(name) {
					continue
				}
				values := url.Values{name: {value}}
				for n, v := range filled {
					values[n] = v
				}
				a := p.form(f.action, values)
				if len(f.fields) > 0 && a.status != http.StatusUnprocessableEntity && a.status != http.StatusBadRequest && a.status != http.StatusTooManyRequests {
					t.Errorf("%s with %s: %d", route, grab, a.status)
				}
				if i < len(grabs) {
					check(route)
				}
			}
			check(route)
		}
		for _, extra := range []string{`"role":"admin"`, `"id":"x"`, `"owner":"x"`, `"created_at":"2000-01-01T00:00:00Z"`, `"Name":"other"`, `"__proto__":{"role":"admin"}`} {
			p.do(http.MethodPost, "/api/v1/channels", "application/json", `{"name":"`+named("c")+`","title":"x","public":true,`+extra+`}`).is(http.StatusUnprocessableEntity, http.StatusBadRequest)
			p.do(http.MethodPost, "/api/v1/channels/none/packets", "application/json", `{"kind":"k","payload":{},`+extra+`}`).is(http.StatusUnprocessableEntity, http.StatusBadRequest, http.StatusNotFound)
		}
		// Who signs up is what the others are.
		name := named("mallory")
		s.visitor().post("/sign-up", "name", name, "email", name+"@example.com", "role", "admin").is(http.StatusUnprocessableEntity, http.StatusBadRequest)
		s.visitor().post("/sign-up", "name", name, "email", name+"@example.com").is(http.StatusOK)
		token := s.token(name+"@example.com", confirmSubject)
		for _, extra := range [][2]string{{"role", "admin"}, {"id", "1"}, {"disabled", "false"}} {
			s.visitor().post("/sign-up/confirm", "token", token, "name", name, "password", password, extra[0], extra[1]).is(http.StatusUnprocessableEntity, http.StatusBadRequest)
		}
		eve := s.visitor()
		eve.post("/sign-up/confirm", "token", token, "name", name, "email", "ada@example.com", "password", password).is(http.StatusSeeOther)
		eve.get("/profile").is(http.StatusOK).shows(name + "@example.com · viewer ·")
	})
}

func setOf(patterns ...string) map[string]bool {
	all := map[string]bool{}
	for _, p := range patterns {
		all[p] = true
	}
	return all
}

// Who may ask for what. A route that is in no list is for admins alone.
var (
	everybody = setOf("GET /{$}", "GET /api", "GET /channels/{channel}", "GET /sign-up", "POST /sign-up", "GET /sign-up/confirm", "POST /sign-up/confirm", "GET /reset", "POST /reset", "GET /reset/confirm", "POST /reset/confirm",
		"GET /email/{end}", "POST /email/{end}", "GET /invitation", "POST /invitation", "GET /proof", "POST /proof", "GET /dev/outbox", "GET /sign-in", "POST /sign-in", "POST /sign-out", "GET /sign-in/second", "POST /sign-in/second",
		"POST /passkeys/sign-in/begin", "POST /passkeys/sign-in/finish", "GET /passkey.js", "GET /hub.js", "GET /live", "POST /live", "/static/", "GET /sign-in/again", "GET /consent/continue", "/oauth/authorize", "/oauth/authorize/resume",
		"/oauth/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/oauth", "GET /api/v1/channels", "GET /api/v1/channels/{channel}/packets", "GET /api/v1/channels/{channel}/packets.ndjson", "GET /api/v1/channels/{channel}/rate")
	ofKeys = setOf("GET /passkey.js", "GET /hub.js", "GET /live", "POST /live", "/static/", "/oauth/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/oauth",
		"GET /api/v1/channels", "POST /api/v1/channels/{channel}/packets", "GET /api/v1/channels/{channel}/packets", "GET /api/v1/channels/{channel}/packets.ndjson", "GET /api/v1/channels/{channel}/rate")
	members = setOf("POST /passkeys/confirm/begin", "POST /passkeys/confirm/finish", "GET /second-factor", "GET /confirm", "POST /confirm", "GET /profile", "POST /profile/name", "GET /profile/security", "POST /profile/password", "POST /profile/password/remove",
		"POST /profile/sessions/{id}/revoke", "POST /profile/sessions/revoke", "GET /profile/account", "POST /profile/email", "POST /profile/email/proof", "POST /profile/delete", "GET /profile/export", "GET /profile/apps/new", "POST /profile/apps",
		"POST /profile/apps/{id}/confirm", "POST /profile/apps/{id}/remove", "GET /profile/passkeys/new", "POST /passkeys/register/begin", "POST /passkeys/register/finish", "POST /profile/passkeys/{id}/rename", "POST /profile/passkeys/{id}/remove",
		"GET /profile/recovery", "POST /profile/recovery", "POST /profile/browsers/forget", "GET /consent", "POST /consent", "GET /profile/access", "POST /profile/access/{id}/revoke")
	operators = setOf("POST /profile/keys", "POST /profile/keys/{id}/rotate", "POST /profile/keys/{id}/revoke", "POST /channels", "POST /api/v1/channels", "POST /api/v1/channels/{channel}/packets")
)

// What the pages offer to admins is refused to others, and what they offer to
// who is signed in is refused to visitors; with a key no page is for anybody.
func TestEscalation(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		ada, operator, viewer := s.admin(), s.operator("operator"), s.person("viewer")
		ada.post("/channels", "name", named("closed"), "title", "Closed").is(http.StatusSeeOther)
		key := s.visitor().with("Authorization", "Bearer "+operator.key("probe", "packets.read", "packets.send"))
		all, less, least, none := ada.crawl(), operator.crawl(), viewer.crawl(), s.visitor().crawl()
		if len(all.forms) <= len(less.forms) || len(less.forms) <= len(least.forms) || len(least.forms) <= len(none.forms) {
			t.Errorf("%d, %d, %d, %d forms: roles make no difference", len(all.forms), len(less.forms), len(least.forms), len(none.forms))
		}
		send := func(c *visitor, f form) answer {
			if f.method == "JSON" {
				return c.do(http.MethodPost, f.action, "application/json", "{}")
			}
			return c.form(f.action, f.filled(ada))
		}
		for _, who := range []struct {
			name    string
			c       *visitor
			offered found
		}{{"operator", operator.visitor, less}, {"viewer", viewer.visitor, least}, {"visitor", s.visitor(), none}, {"key", key, found{}}} {
			for route, f := range all.forms {
				if _, offered := who.offered.forms[route]; offered || f.method == http.MethodGet || strings.HasSuffix(route, "/sign-out") {
					continue
				}
				a := send(who.c, f)
				// Nobody has lost factors or other sessions, and some forms show only then.
				if own := strings.HasPrefix(route, "POST /profile/"); own && who.name != "visitor" && who.name != "key" {
					continue
				}
				if a.status != http.StatusForbidden && a.status != http.StatusUnauthorized {
					t.Errorf("%s as %s: %d to %v", route, who.name, a.status, a.header["Location"])
				}
			}
			for path := range all.pages {
				if _, offered := who.offered.pages[path]; offered || strings.Contains(path, "/channels/") && who.name != "visitor" && who.name != "key" || strings.HasPrefix(path, "/?") {
					continue
				}
				a := who.c.get(path)
				if who.name == "key" && a.status == http.StatusOK && strings.HasPrefix(path, "/api/") {
					continue
				}
				signIn := a.status == http.StatusSeeOther && strings.HasPrefix(a.header.Get("Location"), "/sign-in")
				if !signIn && a.status != http.StatusForbidden && a.status != http.StatusUnauthorized && a.status != http.StatusNotFound {
					t.Errorf("%s as %s: %d", path, who.name, a.status)
				}
			}
		}
		// And every route of the table, whether a page leads there or not: what is in
		// neither list is refused.
		for _, pattern := range table.patterns {
			method, path := request(pattern)
			for _, who := range []struct {
				name string
				c    *visitor
				may  map[string]bool
			}{{"visitor", s.visitor(), everybody}, {"key", key, ofKeys}, {"viewer", viewer.visitor, members}, {"operator", operator.visitor, operators}} {
				if everybody[pattern] && who.name != "key" || who.may[pattern] || (who.name == "operator" && members[pattern]) || ofPrograms[pattern] {
					continue
				}
				kind, body := "application/x-www-form-urlencoded", ""
				if strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/passkeys/") {
					kind, body = "application/json", "{}"
				}
				a := who.c.do(method, path, kind, body)
				signIn := a.status == http.StatusSeeOther && strings.HasPrefix(a.header.Get("Location"), "/sign-in")
				if !signIn && a.status != http.StatusForbidden && a.status != http.StatusUnauthorized {
					t.Errorf("%s as %s: %d, and it is in no list", pattern, who.name, a.status)
				}
			}
		}
		// Spelt otherwise, an address is another address.
		for _, path := range []string{"/admin/users/", "/Admin/users", "/ADMIN/USERS", "/admin//users", "/admin/./users", "/x/../admin/users", "/admin/users%2f", "/admin%2fusers", "/%61dmin/users", "/admin/users;a=b", "/admin/users%00", "/admin/users.json", "//admin/users", "/admin/users%20", "/admin/users?role=admin"} {
			if a := viewer.get(path); a.status == http.StatusOK {
				t.Errorf("%s as viewer: %d\n%s", path, a.status, text(a.body))
			}
		}
		for name, value := range map[string]string{"X-Original-Url": "/admin/users", "X-Rewrite-Url": "/admin/users", "X-User": "ada", "Remote-User": "ada", "X-Forwarded-User": "ada", "X-Role": "admin", "X-Forwarded-For": "127.0.0.1", "X-Real-Ip": "127.0.0.1"} {
			viewer.with(name, value).get("/admin/users").is(http.StatusForbidden)
			if a := viewer.with(name, value).get("/"); strings.Contains(a.body, "/admin/users") {
				t.Errorf("%s: %s makes an admin", name, value)
			}
		}
	})
}

// key makes an API key.
func (p *person) key(name string, scopes ...string) string {
	p.s.t.Helper()
	pairs := []string{"name", named(name), "life", "never"}
	for _, scope := range scopes {
		pairs = append(pairs, "scopes", scope)
	}
	return p.s.secret(p.post("/profile/keys", pairs...).is(http.StatusCreated).find(`(pkt_[A-Za-z0-9_]{40,})`))
}

// What belongs to one is nothing to another, who knows its address.
func TestResourcesOfOthers(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		vic, eve := s.operator("victim"), s.operator("eve")
		channel := named("mine")
		vic.post("/channels", "name", channel, "title", "Victim's").is(http.StatusSeeOther)
		plain := vic.key("sensor", "packets.read", "packets.send")
		page := vic.post("/profile/apps", "name", "phone").is(http.StatusOK)
		pending := page.find(`(/profile/apps/[^/"]+)/confirm`)
		app := vic.enroll()
		passkey := vic.passkey()
		grant := s.client()
		s.visitor().exchange(grant, vic.code(grant)).given()
		other := vic.half()
		other.post("/sign-in/second", "code", app.next()).is(http.StatusSeeOther)
		eve.enroll()
		var of []form
		for _, f := range vic.crawl().forms {
			if f.method == http.MethodPost && ids.MatchString(f.action) {
				of = append(of, f)
			}
		}
		if len(of) < 7 { // a key, twice; a session; an app; a passkey, twice; what an app was allowed
			t.Errorf("the pages have only %d forms with an id: %v", len(of), of)
		}
		of = append(of, form{action: pending + "/confirm", fields: []field{{name: "code", value: "123456"}}}, form{action: pending + "/remove"})
		attacked := map[string]bool{}
		for _, f := range of {
			attacked[routeOf(http.MethodPost, f.action)] = true
			if a := eve.form(f.action, f.filled(eve)); a.status != http.StatusNotFound {
				t.Errorf("%s of another: %d", f.action, a.status)
			}
			if a := s.visitor().form(f.action, f.filled(eve)); a.status != http.StatusUnauthorized {
				t.Errorf("%s as a visitor: %d", f.action, a.status)
			}
		}
		for name, c := range map[string]*visitor{"session": vic.visitor, "other session": other.visitor} {
			if !c.isIn() {
				t.Errorf("the %s has ended", name)
			}
		}
		s.visitor().with("Authorization", "Bearer "+plain).get("/api/v1/channels/" + channel + "/packets").is(http.StatusOK)
		if to := vic.half(); to.isIn() {
			t.Error("the app of the victim is gone")
		}
		if _, a := s.by(passkey); a.status != http.StatusOK {
			t.Errorf("the passkey of the victim: %d", a.status)
		}
		vic.get("/profile/access").is(http.StatusOK).shows("Dashboard")
		// Every address that names a thing of somebody. Those of admins and of links in
		// mails are others' attacks; channels are for who may watch.
		missed(t, attacked, func(pattern string) bool {
			_, path := request(pattern)
			return wildcard.MatchString(strings.Replace(pattern, "{$}", "", 1)) && !strings.HasPrefix(path, "/admin/") && path != "/email/new" && !strings.Contains(path, "/channels/none")
		})
		// What eve is given of herself has nothing of the victim.
		for _, path := range []string{"/profile", "/profile/security", "/profile/account", "/profile/export"} {
			if body := eve.get(path).is(http.StatusOK).body; strings.Contains(body, vic.name) || strings.Contains(body, vic.email) {
				t.Errorf("%s has something of another", path)
			}
		}
		// Private channels, by every address that names them.
		for _, path := range []string{"/channels/" + channel, "/api/v1/channels/" + channel + "/packets", "/api/v1/channels/" + channel + "/packets.ndjson", "/api/v1/channels/" + channel + "/rate"} {
			s.visitor().get(path).is(http.StatusNotFound)
		}
		if strings.Contains(s.visitor().get("/").body+s.visitor().get("/api/v1/channels").body, channel) {
			t.Error("a private channel is listed to strangers")
		}
		// The address of another is not had by asking for it.
		eve.post("/profile/email", "email", vic.email, "password", password).is(http.StatusSeeOther)
		s.letter(vic.email, "This mail address has an account")
		eve.get("/profile").is(http.StatusOK).shows(eve.email)
	})
}

// A key does what its scopes say, until it is revoked; what is nearly a key is
// none.
func TestKeys(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		p := s.operator("owner")
		channel := named("open")
		p.post("/channels", "name", channel, "title", "Open", "public", "true").is(http.StatusSeeOther)
		plain := p.key("reader", "packets.read")
		bearer := func(key string) *visitor {
			return s.visitor().with("Authorization", "Bearer "+key).with("Accept", "application/json")
		}
		packets := "/api/v1/channels/" + channel + "/packets"
		send := func(c *visitor) answer {
			return c.with("Sec-Fetch-Site", "").do(http.MethodPost, packets, "application/json", `{"kind":"k","payload":{}}`)
		}
		bearer(plain).get(packets).is(http.StatusOK)
		send(bearer(plain)).is(http.StatusForbidden)
		bearer(plain).do(http.MethodPost, "/api/v1/channels", "application/json", `{"name":"x","title":"x"}`).is(http.StatusForbidden)
		p.post("/profile/keys", "name", named("x"), "life", "never", "scopes", "users.manage").is(http.StatusUnprocessableEntity)
		p.post("/profile/keys", "name", named("x"), "life", "never", "scopes", "*").is(http.StatusUnprocessableEntity)
		flip := func(i int) string { b := []byte(plain); b[i] ^= 1; return string(b) }
		for _, bad := range []string{flip(len(plain) - 1), flip(len(plain) / 2), flip(6), plain[:len(plain)-1], plain + "A", strings.ToUpper(plain), "pkt_", "pkt__", "x", "' OR 1=1 --", "null", strings.Repeat("A", 10_000), plain + "\t" + plain, "pkt_" + strings.Repeat("A", 60)} {
			bearer(bad).get(packets).is(http.StatusUnauthorized, http.StatusBadRequest)
		}
		for _, header := range []string{"Basic " + plain, plain, "Token " + plain, "Bearer", "Bearer  " + plain + " x"} {
			if a := s.visitor().with("Authorization", header).get("/profile"); a.status == http.StatusOK {
				t.Errorf("%.20q is taken", header)
			}
		}
		for _, path := range []string{packets + "?key=" + plain, packets + "?access_token=" + plain, packets + "?api_key=" + plain} { // addresses are logged
			a := s.visitor().with("Sec-Fetch-Site", "").do(http.MethodPost, path, "application/json", `{"kind":"k","payload":{}}`)
			a.is(http.StatusUnauthorized)
		}
		id := p.get("/profile").find(`/profile/keys/([^/"]+)/revoke`)
		p.post("/profile/keys/" + id + "/revoke").is(http.StatusSeeOther)
		bearer(plain).get(packets).is(http.StatusUnauthorized)
		var problem struct{ Status int }
		if err := json.Unmarshal([]byte(bearer(plain).get(packets).body), &problem); err != nil || problem.Status != http.StatusUnauthorized {
			t.Errorf("the problem is %+v, %v", problem, err)
		}
	})
}
