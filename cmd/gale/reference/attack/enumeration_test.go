package attack_test

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// seen is all that a stranger sees of an answer, but for what differs each time
// and what the stranger has sent.
func seen(a answer, sent ...string) string {
	h := a.header.Clone()
	for _, name := range []string{"Date", "X-Request-Id", "Ratelimit", "Set-Cookie", "Content-Length"} {
		h.Del(name)
	}
	names := ""
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		names += c.Name + fmt.Sprint(c.MaxAge) + " "
	}
	body := a.body
	for _, s := range sent {
		body = strings.ReplaceAll(body, s, "SENT")
	}
	return fmt.Sprintln(a.status, h, names, body)
}

// difference returns the first lines in which two answers differ.
func difference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return x[i] + "\n" + y[i]
		}
	}
	return "the end differs"
}

// Nobody learns from answers, or from how many mails go out, who has an account.
func TestEnumeration(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		vic, gone, protected := s.person("known"), s.person("disabled"), s.person("protected")
		s.setRole(gone, "")
		protected.enroll()
		if in := (&person{s.visitor(), gone.name, gone.email}); in.signIn(password).status == http.StatusSeeOther || in.isIn() {
			t.Error("a disabled account lets its owner in")
		}
		eve := s.person("eve")
		emails := []string{named("nobody") + "@example.com", vic.email, gone.email, protected.email}
		for what, ask := range map[string]func(email string) answer{
			"sign-up": func(email string) answer {
				name := named("eve")
				a := s.visitor().post("/sign-up", "name", name, "email", email)
				a.body = strings.ReplaceAll(a.body, name, "NAME")
				return a
			},
			"reset": func(email string) answer { return s.visitor().post("/reset", "email", email) },
			"sign-in": func(email string) answer {
				return s.visitor().post("/sign-in", "email", email, "password", "not the right one")
			},
			"new address": func(email string) answer {
				a := eve.post("/profile/email", "email", email, "password", password).is(http.StatusSeeOther)
				a.body += seen(eve.get("/profile/account"))
				return a
			},
		} {
			first := ""
			for _, email := range emails {
				got := seen(ask(email), email)
				if first == "" {
					first = got
				} else if got != first {
					t.Errorf("%s: for %s and for nobody it answers\n%s", what, email, difference(got, first))
				}
			}
		}
		// A passkey is asked for in the same way of everybody: nothing is typed.
		first := s.visitor().do(http.MethodPost, "/passkeys/sign-in/begin", "application/json", "{}")
		if strings.Contains(first.body, "allowCredentials") && !strings.Contains(first.body, `"allowCredentials":[]`) {
			t.Errorf("passkeys are told to strangers: %s", first.body)
		}
		s.settled()
		// Mails tell the owners of addresses, each of their own.
		got := map[string][]string{}
		for _, l := range s.letters() {
			if slices.Contains(emails, l.to) {
				got[l.to] = append(got[l.to], l.subject)
			}
		}
		for _, subject := range got[emails[0]] {
			if subject != confirmSubject && subject != "Confirm your new mail address" {
				t.Errorf("nobody is mailed %q", subject)
			}
		}
		if slices.Contains(got[gone.email], resetSubject) {
			t.Error("a disabled account gets a new password")
		}
		if !slices.Contains(got[vic.email], resetSubject) || !slices.Contains(got[vic.email], "You already have an account") {
			t.Errorf("the owner is mailed %q", got[vic.email])
		}
	})
}

// metric reads one at the ops listener, which asks nobody who he is and is for
// operators; the attacker has a stop-watch instead.
func (s *site) metric(name string) float64 {
	s.t.Helper()
	res, err := http.Get("http://" + s.ops + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindSubmatch(text)
	if m == nil {
		s.t.Fatalf("there is no metric %s", name)
	}
	v, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

// The time of an answer is that of its hash, which takes 19 MiB of memory, and
// these can be counted: one for every wrong password, whoever is asked for. The
// times themselves are measured by bench/accounts -enumeration, in gale's
// repository.
func TestEnumerationByWork(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		vic, gone, protected := s.person("known"), s.person("disabled"), s.person("protected")
		s.setRole(gone, "")
		protected.enroll()
		hashes := func(do func()) int {
			before := s.metric("go_memstats_alloc_bytes_total")
			do()
			return int((s.metric("go_memstats_alloc_bytes_total") - before) / (19 << 20))
		}
		for who, email := range map[string]string{"nobody": named("nobody") + "@example.com", "known": vic.email, "disabled": gone.email, "protected": protected.email, "no address": "x"} {
			n := hashes(func() {
				for range 3 {
					s.visitor().post("/sign-in", "email", email, "password", "not the right one").is(http.StatusUnprocessableEntity)
				}
			})
			if n != 3 {
				t.Errorf("three sign-ins of %s make %d hashes", who, n)
			}
			for path, pairs := range map[string][]string{"/reset": {"email", email}, "/sign-up": {"email", email, "name", named("x"), "password", password}} {
				if n := hashes(func() { s.visitor().post(path, pairs...) }); n != 0 {
					t.Errorf("%s for %s makes %d hashes", path, who, n)
				}
			}
		}
		// What is done after the answer is the same too: the next request waits for it.
		// Others query besides, but not as much as several resets differ.
		database, _, _ := strings.Cut(s.name, "-")
		queries := func() int { return int(s.metric(`gale_db_queries_total{db="` + database + `",outcome="ok"}`)) }
		var others []*person
		var known, nobody []string
		for range 6 {
			others = append(others, s.person("other"))
			known, nobody = append(known, others[len(others)-1].email), append(nobody, named("nobody")+"@example.com")
		}
		work := func(emails []string) int {
			s.settled()
			before := queries()
			for _, email := range emails {
				s.visitor().post("/reset", "email", email).is(http.StatusOK)
			}
			s.settled()
			return queries() - before
		}
		want := work(known)
		for _, other := range others {
			s.setRole(other, "")
		}
		for who, emails := range map[string][]string{"nobody": nobody, "disabled accounts": known} {
			if got := work(emails); got < want-len(emails) || got > want+len(emails) {
				t.Errorf("resets for %s make %d queries, for accounts %d", who, got, want)
			}
		}
		// Beyond the limit, none: a flood is not to cost.
		for range 5 {
			s.visitor().post("/sign-in", "email", vic.email, "password", "not the right one")
		}
		if n := hashes(func() {
			s.visitor().post("/sign-in", "email", vic.email, "password", password).is(http.StatusTooManyRequests)
		}); n != 0 {
			t.Errorf("a guess beyond the limit makes %d hashes", n)
		}
	})
}
