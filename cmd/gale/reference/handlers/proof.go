package handlers

import (
	"errors"
	"net/http"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/web"
)

// AskProof mails a link that proves the address of the very first account.
func (h *Accounts) AskProof(w http.ResponseWriter, r *http.Request) error {
	u := h.Auth.MustUser(r.Context()).User
	if err := h.Service.AskProof(u); err != nil {
		return err
	}
	return h.sent(w, r, u.Email)
}

// proofPage asks whether an address is that of the account, and says that it is.
type proofPage struct {
	Token, Email string
	Done         bool
}

// ProofPage is where the mail's link leads; opening it changes nothing.
func (h *Accounts) ProofPage(w http.ResponseWriter, r *http.Request) error {
	private(w)
	token := r.URL.Query().Get("token")
	l, err := h.Service.LinkOf(r.Context(), models.ProofLink, token)
	if errors.Is(err, services.ErrNotFound) {
		return h.dead(w, r)
	}
	if err != nil {
		return err
	}
	return h.Views.Render(w, r, http.StatusOK, "accounts/proof", proofPage{Token: token, Email: l.Email})
}

// Proof takes the address as proved.
func (h *Accounts) Proof(w http.ResponseWriter, r *http.Request) error {
	private(w)
	in, err := web.Form[struct {
		Token string `form:"token"`
	}](w, r)
	if err != nil {
		return err
	}
	err = h.Service.ProveEmail(r.Context(), in.Token)
	if errors.Is(err, services.ErrNotFound) {
		return h.dead(w, r)
	}
	if err != nil {
		return err
	}
	return h.Views.Render(w, r, http.StatusOK, "accounts/proof", proofPage{Done: true})
}
