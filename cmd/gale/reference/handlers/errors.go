package handlers

import (
	"context"
	"errors"
	"net/http"

	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/web"
)

// Answer has the errors of h answered as [Told] says. It wraps every page in
// the routes.
func Answer(h web.HandlerFunc) web.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		return Told(h(w, r))
	}
}

// Told gives the errors of services and storage the HTTP status and the words
// for the client. Errors that have them, and those it does not know, stay what
// they are.
func Told(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*web.Error](err); ok {
		return err
	}
	if invalid, ok := errors.AsType[services.Invalid](err); ok {
		e := &web.Error{Status: http.StatusUnprocessableEntity, Code: "invalid", Message: "Some values are not right.", Err: err}
		for _, f := range invalid {
			e.Problems = append(e.Problems, web.Problem{Pointer: "/" + f.Field, Code: "invalid", Detail: f.Detail})
		}
		return e
	}
	if taken, ok := errors.AsType[*services.TakenError](err); ok {
		return &web.Error{Status: http.StatusConflict, Code: taken.Field + "_taken", Message: "That " + taken.Field + " is taken.", Err: err}
	}
	if drafts, ok := errors.AsType[services.BadDrafts](err); ok {
		return badDrafts(drafts, false)
	}
	switch {
	case errors.Is(err, services.ErrNotFound), errors.Is(err, session.ErrNotFound):
		return &web.Error{Status: http.StatusNotFound, Err: err}
	case errors.Is(err, db.ErrBadCursor):
		return &web.Error{Status: http.StatusBadRequest, Code: "bad_cursor", Message: "That is no place in this list.", Err: err}
	case errors.Is(err, services.ErrForbidden), errors.Is(err, services.ErrDisabled), errors.Is(err, services.ErrSignUpClosed):
		return &web.Error{Status: http.StatusForbidden, Err: err}
	case errors.Is(err, services.ErrOutdated):
		return &web.Error{Status: http.StatusUnauthorized, Code: "account_secured", Message: "Your account was secured meanwhile. Sign in again.", Err: err}
	case errors.Is(err, services.ErrChanged):
		return &web.Error{Status: http.StatusConflict, Code: "changed", Message: "Somebody else has changed this meanwhile.", Err: err}
	case errors.Is(err, services.ErrLastAdmin):
		return &web.Error{Status: http.StatusConflict, Code: "last_admin", Message: "The last admin must stay one.", Err: err}
	case errors.Is(err, services.ErrLastFactor):
		return &web.Error{Status: http.StatusConflict, Code: "last_factor", Message: "A second factor is required, and this is the last.", Err: err}
	case errors.Is(err, services.ErrCredentials):
		return &web.Error{Status: http.StatusUnauthorized, Err: err}
	case errors.Is(err, services.ErrUnreadable):
		return &web.Error{Status: http.StatusServiceUnavailable, Code: "address_unreadable", Message: unreadable, Err: err}
	case errors.Is(err, services.ErrBusy), errors.Is(err, db.ErrUnavailable), errors.Is(err, db.ErrClosed), errors.Is(err, context.DeadlineExceeded):
		// Past its deadline is a batch that took too long: nothing was stored.
		return &web.Error{
			Status: http.StatusServiceUnavailable, Code: "unavailable", Err: err,
			Message: "relay cannot do that at the moment; try again in a few seconds.",
			Header:  http.Header{"Retry-After": {"2"}},
		}
	}
	return err
}

// unreadable is told to who cannot mend it.
const unreadable = "The mail address of this account cannot be read; please tell whoever runs this site."
