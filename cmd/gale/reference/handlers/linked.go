package handlers

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/auth/audit"
	"github.com/galeweb/gale/auth/oauth"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/web"
)

// LinkedAccount is an account elsewhere, as its owner sees it.
type LinkedAccount struct {
	Provider, Issuer, Subject string
	Account                   string // a mail address, or what the provider calls it
	Linked, Used              time.Time
}

// Linked returns the accounts elsewhere of a user.
func (h *Providers) Linked(ctx context.Context, user string) ([]LinkedAccount, error) {
	links, err := h.Service.Links.ByUser(ctx, user)
	if err != nil {
		return nil, err
	}
	var all []LinkedAccount
	for _, l := range links {
		a := LinkedAccount{Provider: h.label(l.Provider), Issuer: l.Issuer, Subject: l.Subject, Account: l.Email, Linked: l.Created, Used: l.Used}
		if a.Account == "" {
			a.Account = l.Subject
		}
		all = append(all, a)
	}
	return all, nil
}

// NewLinkPage asks which provider to link. It stands between the proof of who it
// is and the trip, since a trip begins at a page of this site only, and the proof
// may have come from a provider.
func (h *Providers) NewLinkPage(w http.ResponseWriter, r *http.Request) error {
	return h.Views.Render(w, r, http.StatusOK, "profile/new-link", nil)
}

// linked is the end of a trip that links.
func (h *Providers) linked(w http.ResponseWriter, r *http.Request, res oauth.Result) error {
	ctx, u := r.Context(), h.Auth.MustUser(r.Context()).User
	label := h.label(res.Identity.Provider)
	added, err := h.Service.Link(ctx, u, res, label)
	switch {
	case errors.Is(err, oauth.ErrOtherUser):
		if err := h.note(r, u, "oauth.refused", audit.Refused, res.Identity.Provider); err != nil {
			return err
		}
		session.From(ctx).Flash("error", "That account at "+label+" belongs to another account here. Sign in with it and remove the link there first.")
	case err != nil:
		return err
	case !added:
		session.From(ctx).Flash("info", "That account at "+label+" is linked already.")
	default:
		stays, err := h.endOthers(ctx, u.ID)
		if err != nil {
			return err
		}
		return h.after(w, r, stays, "You can sign in with "+label+" from now on. Your other sessions have ended.")
	}
	return h.Redirect(w, r, "security")
}

// Unlink ends a link.
func (h *Providers) Unlink(w http.ResponseWriter, r *http.Request) error {
	in, err := web.Form[struct {
		Issuer  string `form:"issuer"`
		Subject string `form:"subject"`
	}](w, r)
	if err != nil {
		return err
	}
	ctx, u := r.Context(), h.Auth.MustUser(r.Context()).User
	link, err := h.linkOf(ctx, u.ID, in.Issuer, in.Subject)
	if err != nil {
		return err
	}
	label := h.label(link.Provider)
	err = h.Service.Unlink(ctx, u, link, label)
	if errors.Is(err, services.ErrLastWay) {
		return h.lastWay(w, r)
	}
	if err != nil {
		return err
	}
	stays, err := h.endOthers(ctx, u.ID)
	if err != nil {
		return err
	}
	return h.after(w, r, stays, "The account at "+label+" does not sign you in any more. Your other sessions have ended.")
}

// lastWay says why the last way to sign in stays.
func (s *Site) lastWay(w http.ResponseWriter, r *http.Request) error {
	session.From(r.Context()).Flash("error", "That is your only way to sign in. Set a password or add a passkey first.")
	return s.Redirect(w, r, "security")
}

// linkOf returns a link of the user.
func (h *Providers) linkOf(ctx context.Context, user, issuer, subject string) (oauth.Record, error) {
	links, err := h.Service.Links.ByUser(ctx, user)
	if err != nil {
		return oauth.Record{}, err
	}
	for _, l := range links {
		if l.Issuer == issuer && l.Subject == subject {
			return l, nil
		}
	}
	return oauth.Record{}, services.ErrNotFound
}

// confirmBy returns the providers that can ask the user again who it is.
func (h *Providers) confirmBy(ctx context.Context, user string) (all []Provider, err error) {
	links, err := h.Service.Links.ByUser(ctx, user)
	for _, p := range h.Pages.All {
		if p.Confirm != "" && slices.ContainsFunc(links, func(l oauth.Record) bool { return l.Provider == p.Name }) {
			all = append(all, p)
		}
	}
	return all, err
}

// confirmed is the end of a trip on which the provider has asked again who it is.
func (h *Providers) confirmed(w http.ResponseWriter, r *http.Request, res oauth.Result) error {
	u := h.Auth.MustUser(r.Context()).User
	err := h.Service.Prove(r.Context(), res)
	if errors.Is(err, oauth.ErrOtherUser) || errors.Is(err, oauth.ErrUnknown) {
		if err := h.note(r, u, "oauth.refused", audit.Refused, res.Identity.Provider); err != nil {
			return err
		}
		form := NewForm("next", res.Next, "code", "")
		form.Problem = "That account at " + h.label(res.Identity.Provider) + " is not linked to yours."
		return h.Accounts.confirm(w, r, http.StatusForbidden, form)
	}
	if err != nil {
		return err
	}
	if err := h.Auth.Confirm(h.with(r.Context(), u, "confirm.oauth", res.Identity.Provider), auth.MethodOAuth); err != nil {
		return err
	}
	return web.Redirect(w, r, res.Next, http.StatusSeeOther)
}
