package attack_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6238
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"time"
)

const (
	password    = "correct horse battery"
	newPassword = "quiet otter sells maps"

	confirmSubject = "Confirm your mail address"
	resetSubject   = "Set a new password"
)

// person has an account, and is signed in.
type person struct {
	*visitor
	name, email string
}

var setupInLog = regexp.MustCompile(`/sign-up\?setup=([\w-]+)`)

// first makes the very first account, in production with the token that only the
// log has.
func (s *site) first() {
	pairs := []string{"name", "ada", "email", "ada@example.com", "password", password}
	if s.production() {
		s.visitor().post("/sign-up", pairs...).is(http.StatusUnprocessableEntity)
		found := setupInLog.FindStringSubmatch(s.log.from(0))
		if found == nil {
			s.t.Fatal("the log has no setup token")
		}
		pairs = append(pairs, "setup", found[1])
	}
	c := s.visitor()
	c.post("/sign-up", pairs...).is(http.StatusSeeOther)
	s.ada, s.proved = c.cookies, time.Now()
}

// named returns a name that nobody has.
func named(name string) string { return name + "-" + strings.ToLower(rand.Text()[:8]) }

// person signs up as people do, by a link in a mail.
func (s *site) person(name string) *person {
	s.t.Helper()
	name = named(name)
	p := &person{s.visitor(), name, name + "@example.com"}
	p.post("/sign-up", "name", name, "email", p.email).is(http.StatusOK)
	token := s.token(p.email, confirmSubject)
	p.get("/sign-up/confirm?token=" + token).is(http.StatusOK)
	p.post("/sign-up/confirm", "token", token, "name", name, "password", password).is(http.StatusSeeOther)
	return p
}

// operator signs up and is made one.
func (s *site) operator(name string) *person {
	s.t.Helper()
	p := s.person(name)
	s.setRole(p, "operator")
	return p
}

// admin is ada, in the browser that she has used last. What she does asks for a
// proof of the last 15 minutes; a sign-in costs a hash.
func (s *site) admin() *person {
	s.t.Helper()
	p := &person{s.visitor(), "ada", "ada@example.com"}
	if time.Since(s.proved) > 5*time.Minute {
		p.signIn(password).is(http.StatusSeeOther)
		s.ada, s.proved = p.cookies, time.Now()
	}
	p.cookies = s.ada
	return p
}

// setRole has ada give somebody a role; "" disables the account.
func (s *site) setRole(p *person, role string) {
	s.t.Helper()
	ada := s.admin()
	pairs := []string{"role", role}
	if role == "" {
		pairs = []string{"role", "viewer", "disabled", "true"}
	}
	id := p.id(ada)
	seen := ada.get("/admin/users?after=" + url.QueryEscape(p.before())).is(http.StatusOK).find(`(?s)/admin/users/` + id + `".*?name="seen" value="([^"]+)"`)
	ada.post("/admin/users/"+id, append(pairs, "seen", seen)...).is(http.StatusSeeOther)
}

// before sorts just before the name.
func (p *person) before() string { return p.name[:len(p.name)-1] + "!" }

// id returns the id of an account, as the admin's list shows it.
func (p *person) id(admin *person) string {
	p.s.t.Helper()
	return admin.get("/admin/users?after=" + url.QueryEscape(p.before())).is(http.StatusOK).
		find(`(?s)<td>` + p.name + `</td>.*?action="/admin/users/([^"/]+)"`)
}

// signIn tries a password in this browser.
func (p *person) signIn(password string) answer {
	p.s.t.Helper()
	return p.post("/sign-in", "email", p.email, "password", password)
}

// elsewhere signs in in another browser.
func (p *person) elsewhere() *person {
	p.s.t.Helper()
	other := &person{p.s.visitor(), p.name, p.email}
	other.signIn(password).is(http.StatusSeeOther)
	return other
}

// isIn reports whether the session of the visitor is somebody's.
func (c *visitor) isIn() bool {
	c.s.t.Helper()
	return c.get("/profile").is(http.StatusOK, http.StatusSeeOther).status == http.StatusOK
}

// letter is a mail that was sent.
type letter struct{ to, subject, text string }

var (
	articles = regexp.MustCompile(`(?s)<h2>([^<]*)</h2>\s*<p class="muted">To ([^<]*)</p>\s*<p>(.*?)</p>`)
	tokens   = regexp.MustCompile(`(https?://[^\s/]+)/\S*\?token=([\w-]{43})`)
)

// letters returns the mails that were sent, the newest first.
func (s *site) letters() []letter {
	s.t.Helper()
	return s.lettersBy(s.visitor(), "")
}

// lettersBy has somebody look at the outbox for the mails to an address, or all.
func (s *site) lettersBy(c *visitor, to string) (all []letter) {
	s.t.Helper()
	if s.mails != nil {
		all = s.mails.letters()
		s.wellAddressed(all)
		return all
	}
	page := c.get("/dev/outbox").is(http.StatusOK).body
	for part := range strings.SplitSeq(page, "<article") { // which spares most of the page the pattern
		if !strings.Contains(part, html.EscapeString(to)) {
			continue
		}
		m := articles.FindStringSubmatch(part)
		if m == nil {
			continue
		}
		all = append(all, letter{html.UnescapeString(m[2]), html.UnescapeString(m[1]), html.UnescapeString(tags.ReplaceAllString(m[3], " "))})
	}
	for _, l := range all {
		for _, m := range tokens.FindAllStringSubmatch(l.text, -1) {
			s.secret(m[2])
		}
	}
	s.wellAddressed(all)
	return all
}

// address is where relay's own links lead.
func (s *site) address() string {
	if s.production() {
		return "https://" + productionHost
	}
	return "http://127.0.0.1:8080"
}

var anyLink = regexp.MustCompile(`[a-zA-Z]+://[^\s/]*`)

// wellAddressed fails the test when a mail has a link that leads elsewhere, whoever
// has asked for it, and with what headers.
func (s *site) wellAddressed(all []letter) {
	s.t.Helper()
	for _, l := range all {
		for _, link := range anyLink.FindAllString(l.text, -1) {
			if link != s.address() {
				s.t.Errorf("the mail %q to %s has the link %s", l.subject, l.to, link)
			}
		}
		if s.mails != nil {
			for _, m := range tokens.FindAllStringSubmatch(l.text, -1) {
				s.secret(m[2])
			}
		}
	}
}

// letter waits for a mail and returns it.
func (s *site) letter(to, subject string) (found letter) {
	s.t.Helper()
	c := s.visitor()
	until(s.t, "the mail "+subject+" to "+to, func() bool {
		for _, l := range s.lettersBy(c, to) {
			if l.to == to && l.subject == subject {
				found = l
				return true
			}
		}
		return false
	})
	return found
}

// token returns that of the link in a mail.
func (s *site) token(to, subject string) string {
	s.t.Helper()
	l := s.letter(to, subject)
	m := tokens.FindStringSubmatch(l.text)
	if m == nil {
		s.t.Fatalf("no link in %q", l.text)
	}
	return s.secret(m[2])
}

// settled returns once all mails asked for before are sent: four workers take
// one after another from a queue, so when as many later ones have come, it is.
func (s *site) settled() {
	s.t.Helper()
	for range 5 {
		name := named("later")
		s.visitor().post("/sign-up", "name", name, "email", name+"@example.com").is(http.StatusOK)
		s.letter(name+"@example.com", confirmSubject)
	}
}

// app is an authenticator app and the recovery codes that came with it.
type app struct {
	secret []byte
	codes  []string
	step   int64 // of the newest code that was used
}

// enroll sets an app up.
func (p *person) enroll() *app {
	p.s.t.Helper()
	page := p.post("/profile/apps", "name", "phone").is(http.StatusOK)
	text := strings.ReplaceAll(page.find(`<code>([A-Z2-7 ]{39})</code>`), " ", "")
	secret, err := base32.StdEncoding.DecodeString(p.s.secret(text))
	if err != nil {
		p.s.t.Fatal(err)
	}
	a := &app{secret: secret, step: time.Now().Unix()/30 - 1}
	shown := p.post(page.find(`(/profile/apps/[^/"]+/confirm)`), "code", a.next()).is(http.StatusOK)
	for _, m := range regexp.MustCompile(`<code>([0-9A-Z]{5}-[0-9A-Z]{5})</code>`).FindAllStringSubmatch(shown.body, -1) {
		a.codes = append(a.codes, p.s.secret(m[1]))
	}
	if len(a.codes) != 10 {
		p.s.t.Fatalf("%d recovery codes", len(a.codes))
	}
	return a
}

// next returns a code that works and was not used, RFC 6238. Of three that work
// at a time, the one of now comes first, then that of the next 30 seconds.
func (a *app) next() string {
	a.step = max(a.step+1, time.Now().Unix()/30)
	return a.code(a.step)
}

func (a *app) code(step int64) string {
	mac := hmac.New(sha1.New, a.secret)
	_ = binary.Write(mac, binary.BigEndian, uint64(step))
	sum := mac.Sum(nil)
	n := binary.BigEndian.Uint32(sum[sum[19]&15:]) & 0x7fffffff
	return fmt.Sprintf("%06d", n%1_000_000)
}

// half returns a browser in which the password was right and a code is asked for.
func (p *person) half() *person {
	p.s.t.Helper()
	other := &person{p.s.visitor(), p.name, p.email}
	if to := other.signIn(password).is(http.StatusSeeOther).header.Get("Location"); to != "/sign-in/second?next=%2F" {
		p.s.t.Fatalf("signing in leads to %s", to)
	}
	return other
}

// at counts what several visitors do at once by the status that they get.
func at(visitors []*visitor, do func(c *visitor) (answer, error)) map[int]int {
	counts, done, begin := map[int]int{}, make(chan int), make(chan struct{})
	var failed atomic.Value
	for _, c := range visitors {
		go func() {
			<-begin
			a, err := do(c)
			if err != nil {
				failed.Store(err)
			}
			done <- a.status
		}()
	}
	close(begin)
	for range visitors {
		counts[<-done]++
	}
	if err := failed.Load(); err != nil {
		visitors[0].s.t.Error(err)
	}
	return counts
}
