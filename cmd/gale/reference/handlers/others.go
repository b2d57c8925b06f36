package handlers

import (
	"context"
	"errors"
	"net/http"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/session"
)

// endOthers ends all sessions of a user, of the request's too when somebody else
// has got hold of it, but for this one, which gets a new token and the user's new
// stamp: for each change of the password or the second factors. By methods the user
// has just shown who it is.
func (s *Site) endOthers(ctx context.Context, user string, methods ...auth.Method) (stays bool, err error) {
	// First, and whatever becomes of this session.
	err = s.Sessions.RevokeAll(ctx, user, session.From(ctx).ID())
	again := s.Auth.Rebind(ctx, methods...)
	if errors.Is(again, session.ErrNotFound) {
		// Ended by the user elsewhere, or renewed by whoever has a copy of its
		// cookie: then what is left is theirs.
		again = s.Sessions.RevokeAll(ctx, user, "")
	} else {
		stays = true
	}
	s.Watchers.SessionsEnded(ctx, user)
	return stays, errors.Join(err, again)
}

// after shows the security page after a change, or, where the session of the
// request has ended with it, the page to sign in: the message is shown after that.
func (s *Site) after(w http.ResponseWriter, r *http.Request, stays bool, message string) error {
	page := "security"
	if !stays {
		page = "sign-in"
	}
	session.From(r.Context()).Flash("success", message)
	return s.Redirect(w, r, page)
}
