package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/web"
)

// elsewhere are what attackers put into ?next=, for a browser to read as
// another site or as a script.
var elsewhere = []string{
	"", "//evil.example", "///evil.example", `/\evil.example`, `\\evil.example`, `\/evil.example`, `/\/evil.example`,
	"https:evil.example", "https://evil.example", "HTTP://evil.example", "javascript:alert(1)", "data:text/html,x",
	"evil.example", "@evil.example", ".evil.example", "?x", "#x",
	"/\t/evil.example", "/\n/evil.example", "\t//evil.example", " //evil.example", "/ok\r\nSet-Cookie: a=b", "/\x00/evil.example",
	"/.//evil.example", "/..//evil.example", "/a/..//evil.example", "/%zz", "/\xff", "/a\u0085b", "/ ", "/" + strings.Repeat("a", 2048),
}

func TestLocalPath(t *testing.T) {
	t.Parallel()
	for _, next := range elsewhere {
		if got := web.LocalPath(next, "/home"); got != "/home" {
			t.Errorf("%q: got %q", next, got)
		}
	}
	for _, next := range []string{"/", "/a/b", "/a?next=https://x.example//y", "/a#//b", "/å", "/a%2f%2fb", "/a:b@c"} {
		assert.Equal(t, web.LocalPath(next, "/home"), next)
	}
}

// asBrowser parses ref as https://url.spec.whatwg.org does for what matters
// here: surrounding controls and spaces and all tabs and line breaks go, a
// backslash before the query is a slash, and one slash more than two changes
// nothing.
func asBrowser(base *url.URL, ref string) (*url.URL, error) {
	ref = strings.Trim(ref, "\x00\x01\x02\x03\x04\x05\x06\x07\x08\t\n\v\f\r\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f ")
	ref = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(ref)
	end := len(ref)
	if i := strings.IndexAny(ref, "?#"); i >= 0 {
		end = i
	}
	ref = strings.ReplaceAll(ref[:end], `\`, "/") + ref[end:]
	if strings.HasPrefix(ref, "//") {
		ref = "//" + strings.TrimLeft(ref, "/")
	}
	return base.Parse(ref)
}

func FuzzLocalPath(f *testing.F) {
	for _, next := range elsewhere {
		f.Add(next)
	}
	f.Add("/a?b#c")
	base := &url.URL{Scheme: "https", Host: "site.example", Path: "/in/login"}
	f.Fuzz(func(t *testing.T, next string) {
		got := web.LocalPath(next, "/")
		rec := httptest.NewRecorder()
		if err := web.Redirect(rec, httptest.NewRequest("GET", "/", nil), got, 303); err != nil {
			t.Fatalf("%q: Redirect refuses what LocalPath returns: %v", got, err)
		}
		for _, target := range []string{got, rec.Header().Get("Location")} {
			u, err := asBrowser(base, target)
			if err != nil || u.Scheme != "https" || u.Host != "site.example" || strings.HasPrefix(u.Path, "//") {
				t.Fatalf("%q became %q, which leads to %v (%v)", next, target, u, err)
			}
		}
	})
}

func TestRedirect(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("GET", "/a/b", nil)
	for target, want := range map[string]string{
		"/x": "/x", "y?z=1": "y?z=1", "https://other.example/ü b": "https://other.example/%C3%BC%20b",
	} {
		rec := httptest.NewRecorder()
		assert.NoError(t, web.Redirect(rec, r, target, http.StatusSeeOther))
		assert.Equal(t, rec.Code, http.StatusSeeOther)
		assert.Equal(t, rec.Header().Get("Location"), want)
	}
	for _, target := range []string{"", "//evil.example", `/\evil.example`, "/a\r\nSet-Cookie: b=c", "/\t/evil.example", " /x"} {
		rec := httptest.NewRecorder()
		err := web.Redirect(rec, r, target, http.StatusSeeOther)
		assert.Contains(t, err.Error(), "400")
		assert.Equal(t, len(rec.Header()), 0)
	}
	assert.Contains(t, web.Redirect(httptest.NewRecorder(), r, "/x", 200).Error(), "status 200")
}
