package handlers

import (
	"errors"
	"net/http"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/auth/audit"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
)

// note writes down what u did, for the security page and the admins' log. The
// caller answers with its error: what cannot be written down is not done quietly.
func (s *Site) note(r *http.Request, u models.User, action string, outcome audit.Outcome, target string) error {
	_, err := s.Audit.Append(r.Context(), audit.Record{
		Actor: audit.Actor{ID: u.ID, Name: u.Name}, Action: action, Target: target, Outcome: outcome,
	})
	return err
}

// noteRefused writes down a proof of nobody known that was wrong: what was typed
// as the name may be a password, and is left out.
func (s *Site) noteRefused(r *http.Request, err error, action string) error {
	_, throttled := errors.AsType[*auth.ThrottledError](err)
	_, invalid := errors.AsType[services.Invalid](err)
	if !throttled && !invalid && !errors.Is(err, services.ErrCredentials) && !errors.Is(err, services.ErrDisabled) {
		return nil
	}
	return s.note(r, models.User{}, action, audit.Refused, "")
}
