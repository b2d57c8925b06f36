package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/web"
)

// Confirm notes that the user of the session has just proved again, by method,
// who they are; check it, behind a [Throttle], before the call. The session gets
// a new token, and [Auth.RequireRecent] lets through. Who came by a credential
// is refused with 403, whatever cookie comes with it; nobody is, with 401.
func (a *Auth[U]) Confirm(ctx context.Context, method Method) error {
	p := a.principal(ctx, "Confirm")
	s := a.session(ctx, "Confirm")
	id, err := a.inSession(ctx)
	if err != nil {
		return err
	}
	if err := a.prove(ctx, s, id, method); err != nil {
		return fmt.Errorf("auth: confirm: %w", err)
	}
	a.become(ctx, p, id)
	return nil
}

// Rebind keeps the session of this request, with a new token, after the request
// has changed the password or the second factors of its user: all sessions of
// before that change of [Options].Stamp are over. The user is read anew; methods
// are those that the change has proved besides, as by [Auth.Confirm].
//
// Call it once the user's other sessions are ended, by [session.Manager.RevokeAll].
// It returns [session.ErrNotFound] when this one has ended too, or somebody who
// has a copy of its token was first; nobody is signed in then.
func (a *Auth[U]) Rebind(ctx context.Context, methods ...Method) error {
	p := a.principal(ctx, "Rebind")
	s := a.session(ctx, "Rebind")
	id, err := a.inSession(ctx)
	if err != nil {
		return err
	}
	a.Forget(a.o.ID(id.user))
	if id.user, err = a.o.Find(ctx, a.o.ID(id.user)); err != nil {
		return fmt.Errorf("auth: rebind: %w", err)
	}
	a.bind(s, id.user)
	if len(methods) > 0 {
		err = a.prove(ctx, s, id, methods...)
	} else {
		err = s.Renew(ctx)
	}
	if errors.Is(err, session.ErrNotFound) {
		a.become(ctx, p, identity[U]{})
	}
	if err != nil {
		return fmt.Errorf("auth: rebind: %w", err)
	}
	a.become(ctx, p, id)
	return nil
}

// inSession returns who makes the request, or why it is nobody with a session.
func (a *Auth[U]) inSession(ctx context.Context) (identity[U], error) {
	id := a.identity(ctx)
	switch {
	case !id.known:
		return id, a.unauthenticated()
	case id.credential != bySession:
		a.refused(ctx, id, "", codeSession)
		return id, sessionRequired(id.credential)
	}
	return id, nil
}

// prove stores, with a new token of s, that methods were right just now.
func (a *Auth[U]) prove(ctx context.Context, s *session.Session, id identity[U], methods ...Method) error {
	before := id.proof()
	proved := before
	proved.User = a.o.ID(id.user)
	if err := s.Put(proofKey, proved.with(a.o.Clock(), methods...)); err != nil {
		return err
	}
	err := s.Renew(ctx)
	if err != nil && !errors.Is(err, session.ErrNotFound) { // nothing is left of one that was not found
		err = errors.Join(err, putBack(s, proofKey, before))
	}
	return err
}

// RequireRecent lets only users through who are signed in by a session, and
// have signed in or confirmed ([Auth.Confirm]) at most maxAge ago, with methods
// by one of these: for what an unattended browser or a stolen cookie must not
// do. A browser that opens a page is sent to [Options].ConfirmURL with the
// parameter next, see [Next]; one that sends a form too, where next is the page
// that it was on, since a redirect cannot bring the form along: put the guard
// on the page with the form as well. Everything else gets 403 with the code
// "confirm_required". Who is signed out is treated as by [Auth.Required], who
// came by a credential as by [Auth.SessionOnly].
func (a *Auth[U]) RequireRecent(maxAge time.Duration, methods ...Method) func(http.Handler) http.Handler {
	if a.o.Sessions == nil {
		panic("auth: RequireRecent without Options.Sessions; set it")
	}
	if maxAge <= 0 {
		panic("auth: RequireRecent needs a positive age, such as 10 * time.Minute")
	}
	decision := "confirmed within " + maxAge.String()
	if len(methods) > 0 {
		decision += fmt.Sprintf(" by %s", methods)
	}
	methods = slices.Clone(methods)
	return func(next http.Handler) http.Handler {
		return guard(decision, func(w http.ResponseWriter, r *http.Request) {
			a.principal(r.Context(), "a guard")
			id := a.identity(r.Context())
			at, ok := id.proof().since(methods)
			switch {
			case !id.known:
				a.demandSignIn(w, r)
			case id.credential != bySession:
				a.refused(r.Context(), id, "", codeSession)
				web.Fail(w, r, sessionRequired(id.credential))
			case !ok || a.o.Clock().Sub(at) > maxAge:
				a.demandConfirm(w, r, id)
			default:
				next.ServeHTTP(w, r)
			}
		})
	}
}

func (a *Auth[U]) demandConfirm(w http.ResponseWriter, r *http.Request, id identity[U]) {
	if r.URL.Path != a.confirm.Path {
		switch {
		case opensPage(r):
			redirectTo(w, r, a.confirm, web.LocalPath(r.URL.RequestURI(), ""))
			return
		case navigates(r):
			redirectTo(w, r, a.confirm, pageBefore(r))
			return
		}
	}
	a.refused(r.Context(), id, "", codeConfirm)
	web.Fail(w, r, &web.Error{
		Status:  http.StatusForbidden,
		Code:    codeConfirm,
		Message: "Confirm that it is you, then try again.",
		Err:     errors.New("auth: the last proof of identity is too old"),
	})
}

// pageBefore returns the page of this site on which a form was sent, or "/".
func pageBefore(r *http.Request) string {
	u, err := url.Parse(r.Referer())
	if err != nil || !strings.EqualFold(u.Host, r.Host) {
		return "/"
	}
	return web.LocalPath(u.RequestURI(), "/")
}

// SessionOnly refuses who came by an API key or a token, with 403 and the code
// "session_required": a key that leaks must not be able to make further keys or
// change the account. Visitors are let through, so that it decides nothing
// about a route; see [CheckRoutes].
func (a *Auth[U]) SessionOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.principal(r.Context(), "a guard")
		if id := a.identity(r.Context()); id.known && id.credential != bySession {
			a.refused(r.Context(), id, "", codeSession)
			web.Fail(w, r, sessionRequired(id.credential))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func sessionRequired(credential string) error {
	return &web.Error{
		Status:  http.StatusForbidden,
		Code:    codeSession,
		Message: "This needs a signed-in person; keys and tokens are not accepted here.",
		Err:     errors.New("auth: came by " + credential + ", not by session"),
	}
}
