package handlers

import (
	"errors"
	"net/http"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
)

// InvitationPage is where the mail's link leads; opening it changes nothing.
func (h *Accounts) InvitationPage(w http.ResponseWriter, r *http.Request) error {
	private(w)
	// Its links to providers are taken when they come from this site, which browsers
	// that send no Sec-Fetch-Site tell by Referer alone.
	w.Header().Set("Referrer-Policy", "same-origin")
	token := r.URL.Query().Get("token")
	l, err := h.Service.LinkOf(r.Context(), models.InviteLink, token)
	if errors.Is(err, services.ErrNotFound) {
		return h.dead(w, r)
	}
	if err != nil {
		return err
	}
	return h.Views.Render(w, r, http.StatusOK, "accounts/invitation", formPage{Form: NewForm("token", token, "name", "", "email", l.Email)})
}

// AcceptInvitation makes the account and signs its owner in.
func (h *Accounts) AcceptInvitation(w http.ResponseWriter, r *http.Request) error {
	return h.join(w, r, "accounts/invitation", h.Service.AcceptInvitation)
}
