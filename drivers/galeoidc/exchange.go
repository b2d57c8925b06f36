package galeoidc

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/obs"
)

// invalidGrant is the one answer for a code or refresh token that does not
// count, whatever the reason.
func invalidGrant() error {
	return oidc.ErrInvalidGrant().WithDescription("The grant is not valid.")
}

// CodeExchange implements op.Server. A code that fails because of what else was
// sent is not used up: else whoever saw it could keep the client from its tokens.
func (e endpoints) CodeExchange(ctx context.Context, r *op.ClientRequest[oidc.AccessTokenRequest]) (*op.Response, error) {
	s, c, now := e.s, r.Client.(opClient).Client, e.s.o.Clock()
	code, err := s.o.Store.code(ctx, hash(r.Data.Code))
	if errors.Is(err, db.ErrNotFound) || err == nil && code.ClientID != c.ID {
		return nil, invalidGrant()
	}
	if err != nil {
		return nil, internal(err)
	}
	if code.UsedAt != 0 {
		return nil, s.reused(ctx, code.FamilyID, c.ID, "code")
	}
	if now.UnixMilli() >= code.ExpiresAt || r.Data.RedirectURI != code.RedirectURI || !c.redirects(code.RedirectURI) || !verified(r.Data.CodeVerifier, code.Challenge) {
		return nil, invalidGrant()
	}
	claims, err := s.o.Users.Claims(ctx, code.UserID)
	if err != nil {
		return nil, s.blocked(ctx, code.FamilyID, err)
	}
	f := familyRow{
		ID: code.FamilyID, ClientID: c.ID, UserID: code.UserID, Scopes: code.Scopes, AuthTime: code.AuthTime,
		ExpiresAt: now.Add(max(s.o.RefreshLifetime, s.o.AccessLifetime)).UnixMilli(),
	}
	i := issue{
		client: c, family: f.ID, userID: f.UserID, scopes: both(strings.Fields(code.Scopes), c.allowed()), authTime: code.AuthTime, nonce: code.Nonce,
	}
	var refreshHash string
	if c.grants(RefreshToken) && hasScope(i.scopes, scopeOffline) {
		i.refresh = random()
		refreshHash = hash(i.refresh)
	}
	resp, err := s.respond(ctx, i, claims) // before the code is used up, so that a failing key costs no code
	if err != nil {
		return nil, internal(err)
	}
	err = s.o.Store.useCode(ctx, code, f, refreshHash, s.refreshExpires(now, f), now)
	if errors.Is(err, errSpent) {
		return nil, s.reused(ctx, code.FamilyID, c.ID, "code")
	}
	if err != nil {
		return nil, internal(err)
	}
	return op.NewResponse(resp), nil
}

func (s *Server) refreshExpires(now time.Time, f familyRow) int64 {
	return min(now.Add(s.o.RefreshIdle).UnixMilli(), f.ExpiresAt)
}

// reused revokes all that came of a code or refresh token which was used twice:
// one of the two who have it is a thief (RFC 6749, 4.1.2; RFC 9700, 4.14.2).
func (s *Server) reused(ctx context.Context, family, clientID, what string) error {
	if err := s.o.Store.revokeFamily(ctx, family, s.o.Clock()); err != nil {
		return internal(err)
	}
	obs.Logger(ctx).WarnContext(ctx, "galeoidc: used twice, so its tokens were revoked", "what", what, "client", clientID)
	return invalidGrant()
}

// blocked ends the tokens of a user who is gone.
func (s *Server) blocked(ctx context.Context, family string, err error) error {
	if !errors.Is(err, ErrNoUser) {
		return internal(err)
	}
	if err := s.o.Store.revokeFamily(ctx, family, s.o.Clock()); err != nil {
		return internal(err)
	}
	return invalidGrant()
}

// RefreshToken implements op.Server.
func (e endpoints) RefreshToken(ctx context.Context, r *op.ClientRequest[oidc.RefreshTokenRequest]) (*op.Response, error) {
	s, c, now := e.s, r.Client.(opClient).Client, e.s.o.Clock()
	old, f, err := s.o.Store.refresh(ctx, hash(r.Data.RefreshToken))
	if errors.Is(err, db.ErrNotFound) || err == nil && f.ClientID != c.ID {
		return nil, invalidGrant()
	}
	if err != nil {
		return nil, internal(err)
	}
	if old.SpentAt != 0 {
		return nil, s.reused(ctx, f.ID, c.ID, "refresh token")
	}
	if !f.valid(now) || now.UnixMilli() >= old.ExpiresAt {
		return nil, invalidGrant()
	}
	// What the client may ask for can have become less since.
	scopes := both(both(strings.Fields(f.Scopes), c.allowed()), s.o.Scopes)
	if asked := unique(r.Data.Scopes); len(asked) > 0 {
		if !subset(asked, scopes) {
			return nil, oidc.ErrInvalidScope().WithDescription("The scope is more than was granted.")
		}
		scopes = asked
	}
	claims, err := s.o.Users.Claims(ctx, f.UserID)
	if err != nil {
		return nil, s.blocked(ctx, f.ID, err)
	}
	i := issue{client: c, family: f.ID, userID: f.UserID, scopes: scopes, authTime: f.AuthTime, refresh: random()}
	resp, err := s.respond(ctx, i, claims)
	if err != nil {
		return nil, internal(err)
	}
	err = s.o.Store.rotate(ctx, old, f, hash(i.refresh), s.refreshExpires(now, f), now)
	if errors.Is(err, errSpent) {
		return nil, s.reused(ctx, f.ID, c.ID, "refresh token")
	}
	if err != nil {
		return nil, internal(err)
	}
	return op.NewResponse(resp), nil
}

// ClientCredentialsExchange implements op.Server. A client that names no scope
// gets all of its own, without those that are about a user.
func (e endpoints) ClientCredentialsExchange(ctx context.Context, r *op.ClientRequest[oidc.ClientCredentialsRequest]) (*op.Response, error) {
	s, c := e.s, r.Client.(opClient).Client
	var mine []string
	for _, scope := range both(c.Scopes, s.o.Scopes) {
		if scope != scopeOpenID && scope != scopeProfile && scope != scopeEmail && scope != scopeOffline {
			mine = append(mine, scope)
		}
	}
	scopes := unique(r.Data.Scope)
	if len(scopes) == 0 {
		scopes = mine
	}
	if !subset(scopes, mine) {
		return nil, oidc.ErrInvalidScope().WithDescription("The client may not ask for this scope.")
	}
	err := s.vouched(ctx, c.CreatedBy)
	if errors.Is(err, ErrNoUser) {
		return nil, oidc.ErrUnauthorizedClient().WithDescription("Who registered the client is gone or blocked.")
	}
	if err != nil {
		return nil, internal(err)
	}
	resp, err := s.respond(ctx, issue{client: c, userID: c.ID, scopes: scopes}, Claims{})
	if err != nil {
		return nil, internal(err)
	}
	return op.NewResponse(resp), nil
}

// introspection is the answer of RFC 7662, 2.2.
type introspection struct {
	Active    bool     `json:"active"`
	Scope     string   `json:"scope,omitempty"`
	ClientID  string   `json:"client_id,omitempty"`
	TokenType string   `json:"token_type,omitempty"`
	Subject   string   `json:"sub,omitempty"`
	Issuer    string   `json:"iss,omitempty"`
	Audience  []string `json:"aud,omitempty"`
	Expires   int64    `json:"exp,omitempty"`
	Issued    int64    `json:"iat,omitempty"`
	ID        string   `json:"jti,omitempty"`
}

// Introspect implements op.Server. About tokens of others only a resource server
// is told; everybody else learns no more than that a token is not theirs.
func (e endpoints) Introspect(ctx context.Context, r *op.Request[op.IntrospectionRequest]) (*op.Response, error) {
	s := e.s
	c, err := s.authenticate(ctx, r.Data.ClientCredentials)
	if err != nil {
		return nil, err
	}
	answer, err := s.introspect(ctx, r.Data.Token)
	if err != nil && !errors.Is(err, errToken) {
		return nil, internal(err)
	}
	if err != nil || answer.ClientID != c.ID && !c.Introspects {
		answer = introspection{}
	}
	return op.NewResponse(&answer), nil
}

func (s *Server) introspect(ctx context.Context, token string) (introspection, error) {
	if strings.Contains(token, ".") {
		a, _, err := s.access(ctx, token)
		return introspection{
			Active: true, Scope: a.Scope, ClientID: a.ClientID, TokenType: oidc.BearerToken, Subject: a.Subject, Issuer: a.Issuer,
			Audience: a.Audience, Expires: a.Expires, Issued: a.Issued, ID: a.ID,
		}, err
	}
	old, f, err := s.o.Store.refresh(ctx, hash(token))
	now := s.o.Clock()
	if errors.Is(err, db.ErrNotFound) || err == nil && (old.SpentAt != 0 || !f.valid(now) || now.UnixMilli() >= old.ExpiresAt) {
		return introspection{}, errToken
	}
	if err != nil {
		return introspection{}, err
	}
	if _, err = s.o.Store.working(ctx, f.ClientID); err == nil {
		_, err = s.o.Users.Claims(ctx, f.UserID)
	}
	return introspection{
		Active: true, Scope: f.Scopes, ClientID: f.ClientID, Subject: f.UserID, Issuer: s.o.Issuer, Expires: old.ExpiresAt / 1000,
	}, gone(err)
}

// Revocation implements op.Server. A refresh token goes with its family, an
// access token too, since the user wants the application to stop. A token that
// is unknown or another's is no error (RFC 7009, 2.2), and stays.
func (e endpoints) Revocation(ctx context.Context, r *op.ClientRequest[oidc.RevocationRequest]) (*op.Response, error) {
	s, id, now := e.s, r.Client.GetID(), e.s.o.Clock()
	done := op.NewResponse(nil)
	if !strings.Contains(r.Data.Token, ".") {
		_, f, err := s.o.Store.refresh(ctx, hash(r.Data.Token))
		if errors.Is(err, db.ErrNotFound) || err == nil && f.ClientID != id {
			return done, nil
		}
		if err == nil {
			err = s.o.Store.revokeFamily(ctx, f.ID, now)
		}
		if err != nil {
			return nil, internal(err)
		}
		return done, nil
	}
	var a accessClaims
	err := s.open(ctx, r.Data.Token, typeAccess, &a)
	if errors.Is(err, errToken) || err == nil && (a.ClientID != id || a.Issuer != s.o.Issuer || now.Add(-leeway).Unix() >= a.Expires) {
		return done, nil
	}
	if err == nil {
		if family, _, ok := strings.Cut(a.ID, "."); ok {
			err = s.o.Store.revokeFamily(ctx, family, now)
		} else {
			err = s.o.Store.revokeToken(ctx, a.ID, time.Unix(a.Expires, 0))
		}
	}
	if err != nil {
		return nil, internal(err)
	}
	return done, nil
}

// UserInfo implements op.Server.
func (e endpoints) UserInfo(ctx context.Context, r *op.Request[oidc.UserInfoRequest]) (*op.Response, error) {
	a, c, err := e.s.access(ctx, r.Data.AccessToken)
	if err != nil && !errors.Is(err, errToken) {
		return nil, internal(err)
	}
	h := exchangeOf(ctx).w.Header()
	if err != nil {
		h.Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		return nil, op.NewStatusError(&oidc.Error{ErrorType: "invalid_token", Description: "The access token is not valid."}, http.StatusUnauthorized)
	}
	scopes := strings.Fields(a.Scope)
	if !hasScope(scopes, scopeOpenID) {
		h.Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="openid"`)
		return nil, op.NewStatusError(&oidc.Error{ErrorType: "insufficient_scope", Description: "The scope openid is needed."}, http.StatusForbidden)
	}
	answer := about(a.Subject, c, scopes)
	return op.NewResponse(&answer), nil
}
