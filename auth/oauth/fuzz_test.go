package oauth_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/galeweb/gale/auth/oauth"
	"github.com/galeweb/gale/config"
	"github.com/galeweb/gale/web"
)

// plain is an AEAD that lets the fuzzer write cookies as it likes.
type plain struct{}

func (plain) Seal(b, _ []byte) ([]byte, error) { return b, nil }
func (plain) Open(b, _ []byte) ([]byte, error) { return b, nil }

// FuzzCallback: whatever comes, the answer is an error with a status, and the
// provider is asked for nothing but a code that belongs to the state.
func FuzzCallback(f *testing.F) {
	f.Add("state=s&code=c", "eyJzIjoicyIsInYiOiJ2IiwibiI6Im4iLCJwIjoiZ2l0aHViIiwiZiI6InNpZ24taW4iLCJ0IjoxfQ")
	f.Add("state=s2&code=c", "eyJzIjoiczIiLCJ2IjoidiIsIm4iOiJuIiwicCI6ImdpdGh1YiIsImYiOiJsaW5rIiwidSI6InUxIiwidCI6MX0") // a link, where User is nil
	f.Add("state=s&error=access_denied", "e30")
	f.Add("state=&code=c", "eyJzIjoiIn0")
	f.Add("state=%zz;", "bnVsbA")
	down := &downProvider{}
	c := oauth.New(oauth.Options{
		BaseURL: base, AEAD: plain{}, Transport: down,
		Providers: []oauth.Provider{oauth.GitHub(clientID, config.NewSecret(secret))},
		Done:      func(http.ResponseWriter, *http.Request, oauth.Result) error { return nil },
		Clock:     func() time.Time { return time.UnixMilli(2) },
	})
	h := c.Callback("github")
	f.Fuzz(func(t *testing.T, query, cookie string) {
		r := httptest.NewRequest(http.MethodGet, "/login/github/callback", nil)
		r.URL.RawQuery = query
		r.Header.Set("Cookie", "__Host-oauth="+cookie)
		err := h(httptest.NewRecorder(), r)
		if e, ok := errors.AsType[*web.Error](err); !ok || e.Status < 400 {
			t.Errorf("%q, %q: %v", query, cookie, err)
		}
	})
}

type downProvider struct{}

func (*downProvider) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("down")
}

func FuzzText(f *testing.F) {
	f.Add(" Ann\x00\u202e ")
	f.Add("\xff\xfe")
	f.Fuzz(func(t *testing.T, s string) {
		got := oauth.CleanText(s)
		if len(got) > 320 || !utf8.ValidString(got) || oauth.CleanText(got) != got {
			t.Errorf("%q became %q", s, got)
		}
		for _, r := range got {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Errorf("%q became %q", s, got)
			}
		}
	})
}
