package admin

import (
	"net/http"

	"github.com/galeweb/gale/cmd/gale/reference/handlers"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/web"
)

// Invitations lists those that work, with the form for another.
func (h *Users) Invitations(w http.ResponseWriter, r *http.Request) error {
	return h.invitations(w, r, http.StatusOK, handlers.NewForm("email", "", "role", string(models.Viewer)))
}

func (h *Users) invitations(w http.ResponseWriter, r *http.Request, status int, form *handlers.Form) error {
	all, err := h.Accounts.Invitations(r.Context())
	if err != nil {
		return err
	}
	return h.Views.Render(w, r, status, "admin/invitations", struct {
		Tab         string
		Form        *handlers.Form
		Roles       []string
		Invitations []services.Invitation
	}{"invitations", form, h.Roles.Stored.Names(), all})
}

// Invite mails an invitation.
func (h *Users) Invite(w http.ResponseWriter, r *http.Request) error {
	in, err := web.Form[struct {
		Email string `form:"email"`
		Role  string `form:"role"`
	}](w, r)
	ctx := r.Context()
	if err == nil {
		err = h.Accounts.Invite(ctx, h.Auth.MustUser(ctx).User, in.Email, models.Role(in.Role))
	}
	if err != nil {
		form := handlers.NewForm("email", in.Email, "role", in.Role)
		if !form.Refuse(err) {
			return err
		}
		return h.invitations(w, r, form.Status(w), form)
	}
	session.From(ctx).Flash("success", "The invitation is on its way.")
	return h.Redirect(w, r, "admin.invitations")
}

// RevokeInvitation ends one.
func (h *Users) RevokeInvitation(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := h.Accounts.RevokeInvitation(ctx, h.Auth.MustUser(ctx).User, r.PathValue("id")); err != nil {
		return err
	}
	session.From(ctx).Flash("success", "The invitation does not work any more.")
	return h.Redirect(w, r, "admin.invitations")
}
