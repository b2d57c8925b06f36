package handlers

import (
	"errors"
	"net/http"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/web"
)

// Invitations lists those that work, with the form for another.
func (h *Admin) Invitations(w http.ResponseWriter, r *http.Request) error {
	return h.invitations(w, r, http.StatusOK, newForm("email", "", "role", string(models.Viewer)))
}

func (h *Admin) invitations(w http.ResponseWriter, r *http.Request, status int, form *Form) error {
	all, err := h.Accounts.Invitations(r.Context())
	if err != nil {
		return err
	}
	return h.Views.Render(w, r, status, "admin/invitations", struct {
		Tab         string
		Form        *Form
		Roles       []string
		Invitations []services.Invitation
	}{"invitations", form, h.Roles.Stored.Names(), all})
}

// Invite mails an invitation.
func (h *Admin) Invite(w http.ResponseWriter, r *http.Request) error {
	in, err := web.Form[struct {
		Email string `form:"email"`
		Role  string `form:"role"`
	}](w, r)
	ctx := r.Context()
	if err == nil {
		err = h.Accounts.Invite(ctx, h.Auth.MustUser(ctx).User, in.Email, models.Role(in.Role))
	}
	if err != nil {
		form := newForm("email", in.Email, "role", in.Role)
		if !form.refuse(err) {
			return err
		}
		return h.invitations(w, r, form.status(w), form)
	}
	session.From(ctx).Flash("success", "The invitation is on its way.")
	return h.to(w, r, "admin.invitations")
}

// RevokeInvitation ends one.
func (h *Admin) RevokeInvitation(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := h.Accounts.RevokeInvitation(ctx, h.Auth.MustUser(ctx).User, r.PathValue("id")); err != nil {
		return err
	}
	session.From(ctx).Flash("success", "The invitation does not work any more.")
	return h.to(w, r, "admin.invitations")
}

// InvitationPage is where the mail's link leads; opening it changes nothing.
func (h *Accounts) InvitationPage(w http.ResponseWriter, r *http.Request) error {
	private(w)
	token := r.URL.Query().Get("token")
	l, err := h.Service.LinkOf(r.Context(), models.InviteLink, token)
	if errors.Is(err, services.ErrNotFound) {
		return h.dead(w, r)
	}
	if err != nil {
		return err
	}
	return h.Views.Render(w, r, http.StatusOK, "accounts/invitation", formPage{Form: newForm("token", token, "name", "", "email", l.Email)})
}

// AcceptInvitation makes the account and signs its owner in.
func (h *Accounts) AcceptInvitation(w http.ResponseWriter, r *http.Request) error {
	return h.join(w, r, "accounts/invitation", h.Service.AcceptInvitation)
}
