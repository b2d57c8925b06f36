package handlers

import (
	"errors"
	"net/http"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/web"
)

// emailPage asks about a change of address, and tells what came of it.
type emailPage struct {
	Token, Email string
	Old          bool   // the link went to the address of before
	Outcome      string // "", "waits", "done" or "stopped"
}

// ends maps what the addresses of the links say to their purposes.
var ends = [...]struct {
	name    string
	purpose models.Purpose
}{{"new", models.NewEmailLink}, {"old", models.OldEmailLink}}

func purposeOf(end string) (models.Purpose, error) {
	for _, e := range ends {
		if e.name == end {
			return e.purpose, nil
		}
	}
	return "", &web.Error{Status: http.StatusNotFound}
}

// EmailPage is where the links to both addresses lead; opening it changes
// nothing.
func (h *Accounts) EmailPage(w http.ResponseWriter, r *http.Request) error {
	private(w)
	purpose, err := purposeOf(r.PathValue("end"))
	if err != nil {
		return err
	}
	token := r.URL.Query().Get("token")
	l, err := h.Service.LinkOf(r.Context(), purpose, token)
	if errors.Is(err, services.ErrNotFound) {
		return h.dead(w, r)
	}
	if err != nil {
		return err
	}
	return h.Views.Render(w, r, http.StatusOK, "accounts/email", emailPage{Token: token, Email: l.Email, Old: purpose == models.OldEmailLink})
}

// AnswerEmail allows a change of address at one end, or stops it.
func (h *Accounts) AnswerEmail(w http.ResponseWriter, r *http.Request) error {
	private(w)
	purpose, err := purposeOf(r.PathValue("end"))
	if err != nil {
		return err
	}
	in, err := web.Form[struct {
		Token  string `form:"token"`
		Answer string `form:"answer"`
	}](w, r)
	if err != nil {
		return err
	}
	if in.Answer != "allow" && in.Answer != "stop" {
		return &web.Error{Status: http.StatusUnprocessableEntity, Message: "Allow the change or stop it."}
	}
	done, err := h.Service.AnswerEmail(r.Context(), purpose, in.Token, in.Answer == "allow")
	if errors.Is(err, services.ErrNotFound) {
		return h.dead(w, r)
	}
	if err != nil {
		return err
	}
	page := emailPage{Outcome: "waits", Old: purpose == models.OldEmailLink}
	switch {
	case in.Answer == "stop":
		page.Outcome = "stopped"
	case done:
		page.Outcome = "done"
	}
	return h.Views.Render(w, r, http.StatusOK, "accounts/email", page)
}
