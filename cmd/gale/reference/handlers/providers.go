package handlers

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/auth/audit"
	"github.com/galeweb/gale/auth/oauth"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/web"
)

// Provider is somewhere people have accounts with which they may sign in.
type Provider struct {
	Name, Label string
	// SignIn, Link and Confirm are the addresses that lead there. Confirm is ""
	// where the provider cannot tell that it has asked again who it is.
	SignIn, Link, Confirm string
}

// ProviderPages is .App.Providers in every template: the providers, none where
// the configuration names none, and the addresses of the pages about them,
// which are routed only where there are some.
type ProviderPages struct {
	All                   []Provider
	Join, NewLink, Unlink string
}

// Providers are the pages for who signs in with an account elsewhere, and links
// such accounts (linked.go).
type Providers struct {
	Site
	Accounts *Accounts
	Service  *services.Providers
	Pages    ProviderPages
	// Newcomers encrypts who waits in a session for an account: whoever reads
	// the database learns no mail address from it.
	Newcomers oauth.AEAD
	// Due reports whether one more of what is refused to who sends a request is
	// to be written down.
	Due func(*http.Request) bool
	Now func() time.Time
}

// Who is oauth.Options.User.
func (h *Providers) Who(ctx context.Context) (id string, since time.Time) {
	c, ok := h.Auth.User(ctx)
	if !ok || h.Auth.Credential(ctx) != "session" {
		return "", time.Time{}
	}
	return c.ID, h.Auth.AuthenticatedAt(ctx)
}

// Done is oauth.Options.Done.
func (h *Providers) Done(w http.ResponseWriter, r *http.Request, res oauth.Result) error {
	switch res.Purpose {
	case oauth.Link:
		return h.linked(w, r, res)
	case oauth.StepUp:
		return h.confirmed(w, r, res)
	}
	u, err := h.Service.SignIn(r.Context(), res)
	switch {
	case err == nil:
		return h.Accounts.enter(w, r, u, auth.MethodOAuth, false, res.Next)
	case errors.Is(err, oauth.ErrUnknown):
		return h.unknown(w, r, res)
	case errors.Is(err, services.ErrDisabled):
		if err := h.refused(r, res.Identity.Provider, err); err != nil {
			return err
		}
	}
	return h.again(w, r, "accounts/sign-in", NewForm("next", res.Next), err)
}

// Trip answers what oauth.Client refuses at either end of a trip: visitors on
// the page to sign in.
func (h *Providers) Trip(next web.HandlerFunc) web.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := next(w, r)
		e, ok := errors.AsType[*web.Error](err)
		if !ok || !errors.Is(err, oauth.ErrState) && !errors.Is(err, oauth.ErrDenied) && !errors.Is(err, oauth.ErrProvider) && !errors.Is(err, oauth.ErrUser) {
			return err
		}
		// Who changed their mind, a provider that is down, and who was never on the
		// way attack nothing.
		if e.Code != "oauth_denied" && e.Code != "oauth_provider" && !errors.Is(err, oauth.ErrNoTrip) {
			if err := h.refused(r, r.PathValue("provider"), err); err != nil {
				return err
			}
		}
		if _, in := h.Auth.User(r.Context()); in {
			return err
		}
		obs.Logger(r.Context()).WarnContext(r.Context(), "signing in with a provider failed", "err", err)
		form := NewForm("next", "/")
		form.Problem = e.Message
		return h.Views.Render(w, r, e.Status, "accounts/sign-in", formPage{Form: form})
	}
}

// refused writes down what came from a provider and was refused. Who sent it is
// not proved to be anybody here; the target is whose account it was about, if
// anybody's.
func (h *Providers) refused(r *http.Request, provider string, cause error) error {
	if !h.Due(r) {
		return nil
	}
	_, err := h.Audit.Append(r.Context(), audit.Record{
		Action: "oauth.refused", Target: services.RefusedUser(cause), Outcome: audit.Refused,
		Detail: map[string]string{"provider": provider, "cause": cause.Error()},
	})
	return err
}

// newcomer is who has come from a provider and has no account yet. It stays in
// the session, which nobody but its browser has.
type newcomer struct {
	Identity oauth.Identity
	Next     string
	At       int64  // Unix seconds
	User     string // who was signed in meanwhile, or ""
}

const (
	newcomerKey = "newcomer"
	// newcomerAge is how long it may take to choose a name.
	newcomerAge = 15 * time.Minute
)

// unknown goes on to the page for a new account.
func (h *Providers) unknown(w http.ResponseWriter, r *http.Request, res oauth.Result) error {
	s := session.From(r.Context())
	n := newcomer{Identity: res.Identity, Next: res.Next, At: h.Now().Unix(), User: s.User()}
	if len(n.Next) > 500 { // a session holds 4 KiB
		n.Next = "/"
	}
	plain, err := json.Marshal(n)
	if err != nil {
		return err
	}
	sealed, err := h.Newcomers.Seal(plain, []byte(newcomerKey))
	if err != nil {
		return err
	}
	if err := s.Put(newcomerKey, sealed); err != nil {
		return err
	}
	if err := s.Renew(r.Context()); err != nil {
		return err
	}
	return h.Redirect(w, r, "join")
}

// invitation returns the token of the invitation on whose page n began the trip, or
// "". It came by the trip's encrypted cookie, and waits in the session, encrypted.
func (h *Providers) invitation(n newcomer) (string, error) {
	page, err := h.URL("invitation")
	if err != nil {
		return "", err
	}
	at, err := url.Parse(n.Next)
	if err != nil || at.Path != page {
		return "", nil //nolint:nilerr // an address that is none is not that of the page
	}
	return at.Query().Get("token"), nil
}

func (h *Providers) newcomer(r *http.Request) (newcomer, bool) {
	s := session.From(r.Context())
	sealed, ok := session.Get[[]byte](s, newcomerKey)
	if !ok {
		return newcomer{}, false
	}
	plain, err := h.Newcomers.Open(sealed, []byte(newcomerKey))
	var n newcomer
	if err == nil {
		err = json.Unmarshal(plain, &n)
	}
	return n, err == nil && n.User == s.User() && h.Now().Sub(time.Unix(n.At, 0)) < newcomerAge
}

// joinPage asks for the name of a new account, or says why there can be none.
type joinPage struct {
	Form            *Form
	Provider, Email string
	Role            models.Role // of who is invited, or ""
	Why             string      // "", "unproved", "account", "closed" or "setup"
}

// JoinPage is where who comes from a provider and is nobody here gets an account.
func (h *Providers) JoinPage(w http.ResponseWriter, r *http.Request) error {
	n, ok := h.newcomer(r)
	if !ok {
		return h.Redirect(w, r, "sign-up")
	}
	id := n.Identity
	name := models.SuggestUserName(id.Name)
	if name == "" {
		local, _, _ := strings.Cut(id.Email, "@")
		name = models.SuggestUserName(local)
	}
	return h.join(w, r, http.StatusOK, n, NewForm("name", name))
}

func (h *Providers) join(w http.ResponseWriter, r *http.Request, status int, n newcomer, form *Form) error {
	token, err := h.invitation(n)
	if err != nil {
		return err
	}
	invited, err := h.Service.MayJoin(r.Context(), n.Identity, token)
	page := joinPage{
		Form: form, Provider: h.label(n.Identity.Provider), Email: cmp.Or(invited.Email, models.NormalizeEmail(n.Identity.Email)), Role: invited.Role,
	}
	switch {
	case errors.Is(err, services.ErrUnproved):
		page.Why = "unproved"
	case errors.Is(err, services.ErrHasAccount):
		page.Why = "account"
	case errors.Is(err, services.ErrSignUpClosed):
		page.Why = "closed"
	case errors.Is(err, services.ErrSetup):
		page.Why = "setup"
	case err != nil:
		return err
	}
	w.Header().Set("Cache-Control", "no-store") // it has an address
	return h.Views.Render(w, r, status, "accounts/join", page)
}

// Join makes the account and signs its owner in.
func (h *Providers) Join(w http.ResponseWriter, r *http.Request) error {
	n, ok := h.newcomer(r)
	if !ok {
		return h.Redirect(w, r, "sign-up")
	}
	in, err := web.Form[struct {
		Name string `form:"name"`
	}](w, r)
	token, broken := h.invitation(n)
	if broken != nil {
		return broken
	}
	if err == nil {
		u, failed := h.Service.Join(r.Context(), n.Identity, token, in.Name)
		if failed == nil {
			session.From(r.Context()).Delete(newcomerKey)
			if token != "" {
				n.Next = "/" // the page of the invitation is over
			}
			return h.Accounts.enter(w, r, u, auth.MethodOAuth, false, n.Next)
		}
		err = failed
	}
	form := NewForm("name", in.Name)
	switch {
	case errors.Is(err, services.ErrNotFound):
		form.Problem = "The invitation does not work any more; ask an admin for another."
	case form.Refuse(err):
	case errors.Is(err, services.ErrHasAccount), errors.Is(err, services.ErrUnproved), errors.Is(err, services.ErrSetup): // the page says it
	case errors.Is(err, oauth.ErrLinked): // in another tab
		return h.Redirect(w, r, "sign-in")
	default:
		return err
	}
	return h.join(w, r, form.Status(w), n, form)
}

// label is what people call a provider, also one that is not configured any more.
func (h *Providers) label(name string) string {
	for _, p := range h.Pages.All {
		if p.Name == name {
			return p.Label
		}
	}
	return name
}
