package session

import (
	"net/http"
	"strings"
	"testing"
)

// FuzzOnlyCookie compares with net/http: where that finds one cookie whose value
// can be a token, so must onlyCookie; where it finds more, there is none. What
// net/http drops as malformed may still count here: it is one more that somebody
// planted. Values in quotes, which this package never sends, are not taken.
func FuzzOnlyCookie(f *testing.F) {
	const name = "__Host-session"
	token := newToken()
	for _, line := range []string{
		name + "=" + token,
		"a=b; " + name + "=" + token + "; c=d",
		name + "=" + token + ";" + name + "=" + token,
		"=" + name + "=" + token,
		name + " = " + token + " ",
		name + `="` + token + `"`,
		name, ";", "=", name + "==", "\x00; " + name + "=" + token,
	} {
		f.Add(line, "")
		f.Add("theme=dark", line)
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		lines := []string{one, two}
		value, ok := onlyCookie(lines, name)
		var h Hash
		if ok {
			h, ok = hashToken(value)
		}
		cookies := (&http.Request{Header: http.Header{"Cookie": lines}}).CookiesNamed(name)
		switch {
		case len(cookies) != 1 && ok:
			t.Fatalf("%q: %d cookies, and the token %q was taken", lines, len(cookies), value)
		case ok:
			if want, _ := hashToken(cookies[0].Value); h != want {
				t.Fatalf("%q: %q, want %q", lines, value, cookies[0].Value)
			}
		case len(cookies) == 1 && !cookies[0].Quoted && strings.Count(one+two, name) == 1:
			if _, is := hashToken(cookies[0].Value); is {
				t.Fatalf("%q: the token %q was not taken", lines, cookies[0].Value)
			}
		}
	})
}
