package handlers

import (
	"context"
	"errors"
	"net/http"
	"net/netip"

	"github.com/galeweb/gale/auth/audit"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
)

// note writes down what u did and what changes nothing that is stored, for the
// security page and the admins' log; what services change they record themselves.
// The caller answers with its error: what cannot be written down is not done
// quietly.
func (s *Site) note(r *http.Request, u models.User, action string, outcome audit.Outcome, target string) error {
	_, err := s.Audit.Append(r.Context(), audit.Record{
		Actor: audit.Actor{ID: u.ID, Name: u.Name}, Action: action, Target: target, Outcome: outcome,
	})
	return err
}

// with returns a context for one call that begins, renews or ends a session: what
// u did is then in the log exactly when the session's row says so too.
func (s *Site) with(ctx context.Context, u models.User, action, target string) context.Context {
	return s.Audit.With(ctx, audit.Record{
		Actor: audit.Actor{ID: u.ID, Name: u.Name}, Action: action, Target: target, Outcome: audit.OK,
	})
}

// noteRefused writes down a proof of nobody known that was wrong, and whose account
// it was about, if anybody's: what was typed as the name may be a password, and is
// left out. It is one record in either case, so that its time tells nothing. What
// a throttle has refused without a look is in its metrics: a flood of guesses is
// not to fill the log.
func (s *Site) noteRefused(r *http.Request, err error, action string) error {
	if !errors.Is(err, services.ErrCredentials) && !errors.Is(err, services.ErrDisabled) {
		return nil
	}
	return s.note(r, models.User{}, action, audit.Refused, services.RefusedUser(err))
}

// noteWrong writes down a proof of u that was looked at and wrong.
func (s *Site) noteWrong(r *http.Request, u models.User, err error, action string) error {
	if _, wrong := errors.AsType[services.Invalid](err); !wrong {
		return nil
	}
	return s.note(r, u, action, audit.Refused, "")
}

// Event is a record as the user sees whom it is by or about.
type Event struct {
	audit.Entry
	By string // the name of another who did it, or ""
}

// EventsOf leaves out where others were when they did something to the user.
// Whoever failed to be the user is nobody known, and is shown.
func EventsOf(user string, all []audit.Entry) []Event {
	events := make([]Event, len(all))
	for i, e := range all {
		events[i] = Event{Entry: e}
		if e.Actor.ID != "" && e.Actor.ID != user {
			events[i].By = e.Actor.Name
			events[i].Addr, events[i].UserAgent, events[i].RequestID = netip.Addr{}, "", ""
		}
	}
	return events
}
