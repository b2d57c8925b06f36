package galeoidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/web"
)

// What the methods for the consent page refuse; each is inside a [*web.Error].
var (
	// ErrNoRequest says that the request is unknown, answered or over.
	ErrNoRequest = errors.New("galeoidc: no such authorization request")
	// ErrLoginRequired says that the client wants the user to sign in anew, or
	// another user.
	ErrLoginRequired = errors.New("galeoidc: the user must sign in again")
)

// Request is what a client asks a user for.
type Request struct {
	// ID goes into the form of the page.
	ID string
	// ClientID and ClientName say who asks. The name was chosen by whoever
	// registered the client, CreatedBy, and proves nothing.
	ClientID, ClientName, CreatedBy string
	// UserID is the user whom the server sent to the page. Nobody else can
	// approve; show the page to nobody else, either, nor let others deny.
	UserID string
	// Scopes are what it asks for.
	Scopes []string
	// RedirectHost is where the answer goes, to show: a host, or the scheme of
	// an application on the user's device.
	RedirectHost string
	// RedirectOrigin is a source for the directive form-action of the page's
	// Content-Security-Policy: browsers apply it to the redirect that follows
	// the form, so that 'self' alone keeps the answer from the client.
	RedirectOrigin string
}

// Request returns what to show on the consent page. Like [Server.Approve] and
// [Server.Deny] it returns [ErrDisabled], in a [*web.Error] with status 403,
// while the client is disabled.
func (s *Server) Request(ctx context.Context, id string) (Request, error) {
	row, c, err := s.load(ctx, id)
	if err != nil {
		return Request{}, err
	}
	u, err := url.Parse(row.RedirectURI)
	if err != nil {
		return Request{}, fmt.Errorf("galeoidc: redirect of request: %w", err)
	}
	r := Request{
		ID: id, ClientID: c.ID, ClientName: c.Name, CreatedBy: c.CreatedBy, UserID: row.UserHint, Scopes: strings.Fields(row.Scopes),
		RedirectHost: u.Host, RedirectOrigin: u.Scheme + "://" + u.Host,
	}
	switch {
	case u.Host == "":
		r.RedirectHost, r.RedirectOrigin = u.Scheme, u.Scheme+":"
	case strings.HasPrefix(u.Host, "["): // for which a policy has no word
		r.RedirectOrigin = u.Scheme + ":"
	}
	return r, nil
}

// Approve says that the user of the session agrees, and returns the address to
// redirect to, with status 303. Call it only for a POST that passed the check
// against cross-site requests, and with the session of that request. A request
// is answered once.
func (s *Server) Approve(ctx context.Context, id string, session Session) (location string, err error) {
	row, c, err := s.load(ctx, id)
	if err != nil {
		return "", err
	}
	if session.UserID == "" || s.stale(row, session) {
		return "", &web.Error{Status: http.StatusForbidden, Code: "login_required", Message: "Please sign in again.", Err: ErrLoginRequired}
	}
	return s.approve(ctx, row, c, session, true)
}

// Deny says that the user does not agree, and returns the address to redirect
// to, with status 303.
func (s *Server) Deny(ctx context.Context, id string) (location string, err error) {
	row, _, err := s.load(ctx, id)
	if err != nil {
		return "", err
	}
	if err := s.o.Store.takeRequest(ctx, s.o.Store.db, id); err != nil {
		return "", missing(err)
	}
	return s.refusal(row, oidc.ErrAccessDenied())
}

func (s *Server) load(ctx context.Context, id string) (requestRow, Client, error) {
	row, err := s.o.Store.request(ctx, id, s.o.Clock())
	if err != nil {
		return row, Client{}, missing(err)
	}
	r, err := s.o.Store.working(ctx, row.ClientID)
	if errors.Is(err, ErrDisabled) {
		return row, Client{}, &web.Error{
			Status: http.StatusForbidden, Code: "client_disabled", Err: ErrDisabled, Message: "This application is disabled.",
		}
	}
	// The client can have been changed since: a code must not go to an address
	// that was taken away from it.
	c := r.client()
	if err == nil && (!c.grants(AuthorizationCode) || !c.redirects(row.RedirectURI) || !subset(strings.Fields(row.Scopes), c.allowed())) {
		err = ErrNoRequest
	}
	if err != nil {
		return row, Client{}, missing(err)
	}
	return row, c, nil
}

// missing is 404 for a request or client that is gone.
func missing(err error) error {
	if errors.Is(err, ErrNoRequest) || errors.Is(err, ErrNoClient) {
		return &web.Error{
			Status: http.StatusNotFound, Code: "no_request", Err: ErrNoRequest,
			Message: "This request is over. Please go back to the application and start again.",
		}
	}
	return fmt.Errorf("galeoidc: request: %w", err)
}

// stale compares whole seconds, since that is what applications keep.
func (s *Server) stale(row requestRow, session Session) bool {
	return session.AuthTime.Unix() < row.AuthAfter/1000 || row.UserHint != "" && row.UserHint != session.UserID
}

// approve makes the code. Its hash alone is stored, and the family that its
// tokens will belong to.
// Asked is false where the user has approved all of it before.
func (s *Server) approve(ctx context.Context, row requestRow, c Client, session Session, asked bool) (string, error) {
	code, now := random(), s.o.Clock()
	err := s.o.Store.approve(ctx, row.ID, codeRow{
		Hash: hash(code), FamilyID: random(), ClientID: c.ID, UserID: session.UserID, RedirectURI: row.RedirectURI,
		Scopes: row.Scopes, Nonce: row.Nonce, Challenge: row.Challenge, AuthTime: session.AuthTime.Unix(),
		ExpiresAt: now.Add(codeLifetime).UnixMilli(),
	}, asked, now)
	if err != nil {
		return "", missing(err)
	}
	return op.AuthResponseURL(row.RedirectURI, oidc.ResponseTypeCode, oidc.ResponseModeQuery,
		&op.CodeResponseType{Code: code, State: row.State}, s.encoder)
}

func (s *Server) refusal(row requestRow, e *oidc.Error) (string, error) {
	e.State = row.State
	return op.AuthResponseURL(row.RedirectURI, oidc.ResponseTypeCode, oidc.ResponseModeQuery, e, s.encoder)
}

// next decides where the browser goes with a request that was stored: to sign
// in, to the page, or straight back to the client. silent is prompt=none, under
// which no page may be shown; resumed is after the page to sign in.
func (s *Server) next(r *http.Request, row requestRow, c Client, silent, resumed bool) (string, error) {
	ctx := r.Context()
	session, ok, err := s.o.Users.Session(r)
	if err != nil {
		return "", internal(err)
	}
	stale := ok && s.stale(row, session)
	switch {
	case (!ok || stale) && silent, stale && resumed:
		return "", oidc.ErrLoginRequired().WithDescription("The user must sign in.")
	case !ok || stale:
		return s.o.LoginURL(s.prefix+pathResume+"?request="+url.QueryEscape(row.ID), stale || row.AuthAfter > 0), nil
	}
	if row.Consent == 0 && skippable(c, row.RedirectURI) {
		granted, err := s.o.Store.granted(ctx, session.UserID, c.ID, row.Scopes)
		if err != nil {
			return "", internal(err)
		}
		if granted {
			location, err := s.approve(ctx, row, c, session, false)
			if err == nil {
				return location, nil
			}
			if !errors.Is(err, errTakenBack) {
				return "", internal(err)
			}
		}
	}
	if silent {
		return "", oidc.ErrInteractionRequired().WithDescription("The user must be asked.")
	}
	// From here on it is this user's: who learns of the address, or is lured to
	// it, cannot answer.
	if err := s.o.Store.bindRequest(ctx, row.ID, session.UserID); errors.Is(err, ErrNoRequest) {
		return "", oidc.ErrLoginRequired().WithDescription("Another user was asked.")
	} else if err != nil {
		return "", internal(err)
	}
	return s.o.ConsentURL(row.ID), nil
}

// skippable reports whether an earlier approval counts. Any program on a device
// can use the id, a private scheme and a loopback port of a public client, so
// that the user must see the page each time (RFC 8252, 8.6).
func skippable(c Client, redirectURI string) bool {
	return !c.Public || strings.HasPrefix(redirectURI, "https://")
}

// resume goes on after the page to sign in.
func (s *Server) resume(w http.ResponseWriter, r *http.Request) {
	row, c, err := s.load(r.Context(), r.Form.Get("request"))
	if err != nil {
		var known *web.Error
		if !errors.As(err, &known) {
			s.log(r.Context(), err)
			fail(w, http.StatusInternalServerError, "server_error", "internal error")
			return
		}
		code := "invalid_request"
		if errors.Is(err, ErrDisabled) {
			code = "unauthorized_client"
		}
		fail(w, known.Status, code, known.Message)
		return
	}
	location, err := s.next(r, row, c, false, true)
	if err != nil {
		var e *oidc.Error
		if !errors.As(err, &e) {
			e = oidc.ErrServerError()
		}
		if e.ErrorType == oidc.ServerError {
			s.log(r.Context(), err)
		}
		if location, err = s.refusal(row, e); err != nil {
			fail(w, http.StatusInternalServerError, "server_error", "internal error")
			return
		}
	}
	http.Redirect(w, r, location, http.StatusSeeOther)
}

func (s *Server) log(ctx context.Context, err error) {
	obs.Logger(ctx).ErrorContext(ctx, "galeoidc: request failed", "error", err)
}

// sweep removes what is over, at most once a minute and not all at once, since a
// request waits for it.
func (s *Server) sweep(ctx context.Context, now time.Time) {
	last := s.swept.Load()
	if now.UnixMilli()-last < sweepEvery.Milliseconds() || !s.swept.CompareAndSwap(last, now.UnixMilli()) {
		return
	}
	if _, err := s.o.Store.deleteExpired(ctx, now); err != nil {
		s.log(ctx, err)
	}
}
