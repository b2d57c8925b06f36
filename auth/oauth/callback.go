package oauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/galeweb/gale/web"
)

// Callback returns the handler to which the provider sends browsers back. Route
// it for GET at [Client.CallbackPath]. Its errors are [*web.Error]s with a
// sentence for people, which [errors.Is] tells apart: [ErrState], [ErrDenied],
// [ErrProvider], [ErrUser]; wrap the handler to answer them otherwise, as by the
// login page. It panics for a name that no provider has.
func (c *Client) Callback(name string) web.HandlerFunc {
	p := c.named(name)
	return func(w http.ResponseWriter, r *http.Request) error {
		// The address has a code in it.
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		if r.Method != http.MethodGet {
			return notAllowed("GET") // HEAD too: a preview must not use the state up
		}
		q, err := answerOf(r)
		if err != nil {
			return noTrip(err.Error()) // nobody has looked at the cookie
		}
		t, err := c.takeTrip(w, r, p, q.state)
		if err != nil {
			return err
		}
		if t.Purpose != SignIn && !c.stillSignedIn(r, t) {
			return wrongUser("You were signed out meanwhile, or in as somebody else. Please start again.")
		}
		id, err := c.identity(r.Context(), p, t, q)
		if err != nil {
			return err
		}
		return c.o.Done(w, r, Result{Identity: id, Purpose: t.Purpose, User: t.User, Next: cmp.Or(t.Next, "/")})
	}
}

// stillSignedIn reports whether the user who began the trip is who finishes it.
// User may be nil where another instance, configured otherwise, sealed the trip.
func (c *Client) stillSignedIn(r *http.Request, t trip) bool {
	if c.o.User == nil {
		return false
	}
	id, _ := c.o.User(r.Context())
	return id != "" && id == t.User
}

// answer is what the provider has the browser bring, RFC 6749 section 4.1.2 and
// RFC 9207.
type answer struct{ state, code, iss, err string }

// maxParam is longer than any code or state; those of Microsoft have some 1,500
// bytes.
const maxParam = 8192

func answerOf(r *http.Request) (a answer, err error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return a, errors.New("the query cannot be read")
	}
	for name, dst := range map[string]*string{"state": &a.state, "code": &a.code, "iss": &a.iss, "error": &a.err} {
		values := q[name]
		// RFC 6749, section 3.1: not more than once.
		if len(values) > 1 || len(values) == 1 && len(values[0]) > maxParam {
			return a, errors.New("the parameter " + name + " is there twice, or is too long")
		}
		if len(values) == 1 {
			*dst = values[0]
		}
	}
	return a, nil
}

// identity asks the provider who came back with the answer.
func (c *Client) identity(ctx context.Context, p *provider, t trip, a answer) (Identity, error) {
	m, err := c.metadata(ctx, p)
	if err != nil {
		return Identity{}, p.failed(err)
	}
	// Before anything else, errors included, RFC 9207 section 2.4.
	if err := m.checkIss(p, a.iss); err != nil {
		return Identity{}, p.untrusted(err)
	}
	switch {
	case a.err == "access_denied", a.err == "login_required", a.err == "consent_required", a.err == "interaction_required":
		return Identity{}, p.denied(a.err)
	case a.err != "":
		return Identity{}, p.failed(fmt.Errorf("oauth: %s sent the error %.64q", p.Name, a.err))
	case a.code == "":
		return Identity{}, badState("neither a code nor an error")
	}
	ctx = oidc.ClientContext(ctx, c.http)
	tok, err := m.config(p).Exchange(ctx, a.code, oauth2.VerifierOption(t.Verifier))
	if err != nil {
		return Identity{}, p.failed(fmt.Errorf("oauth: exchange a code: %w", shortError(err)))
	}
	if !strings.EqualFold(tok.Type(), "Bearer") {
		return Identity{}, p.untrusted(errors.New("oauth: a token that is no bearer token"))
	}
	if p.kind == kindGitHub {
		return c.githubIdentity(ctx, p, tok)
	}
	return c.oidcIdentity(ctx, p, m, t, tok)
}

// shortError keeps the body of a token endpoint's answer, which may hold what
// we sent, out of logs.
func shortError(err error) error {
	if re, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		status := 0
		if re.Response != nil {
			status = re.Response.StatusCode
		}
		return fmt.Errorf("status %d, error %.64q", status, re.ErrorCode)
	}
	return err
}

// fresh reports whether somebody has proved at the provider who they are since
// the trip began.
func (t trip) fresh(authTime int64) bool {
	return authTime > 0 && !time.Unix(authTime, 0).Before(time.UnixMilli(t.Started).Add(-stepUpSkew))
}
