package galeoidc

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/galeweb/gale/web"
)

// The reasons of a [Refusal].
const (
	RefusedUnknown  = "unknown client"
	RefusedSecret   = "wrong secret"
	RefusedMethod   = "method not supported" // an assertion, which the server does not take
	RefusedDisabled = "disabled"
)

// Refusal is a client that has not authenticated at the token, introspection or
// revocation endpoint.
type Refusal struct {
	// ClientID and ClientName are those of the client that was named; "" for one
	// that is not known, since what was sent as an id may be a secret.
	ClientID, ClientName string
	// Endpoint is its path below the issuer, such as "/token".
	Endpoint string
	// Reason is one of the constants.
	Reason string
}

// authenticate checks the client's secret; a public client has none and must
// send none. An unknown client is answered as a wrong secret, and one that is
// disabled is told so only with the right one.
func (s *Server) authenticate(ctx context.Context, cc *op.ClientCredentials) (Client, error) {
	row, err := s.o.Store.clientRow(ctx, cc.ClientID)
	if err != nil && !errors.Is(err, ErrNoClient) {
		return Client{}, internal(err)
	}
	if cc.ClientAssertion != "" || cc.ClientAssertionType != "" {
		return Client{}, s.refuse(ctx, row, RefusedMethod)
	}
	if row.Public == 0 || cc.ClientSecret != "" {
		ok, err := s.attempt(ctx, row, cc)
		if err != nil {
			return Client{}, s.throttled(ctx, err)
		}
		if !ok {
			reason := RefusedSecret
			if row.ID == "" {
				reason = RefusedUnknown
			}
			return Client{}, s.refuse(ctx, row, reason)
		}
	}
	if row.DisabledAt != 0 {
		return Client{}, s.refuse(ctx, row, RefusedDisabled)
	}
	return row.client(), nil
}

// attempt compares the secret that was sent, unless the throttle is against it.
func (s *Server) attempt(ctx context.Context, row clientRow, cc *op.ClientCredentials) (bool, error) {
	verify := func(context.Context) (bool, error) {
		return row.matches(cc.ClientSecret, s.o.Clock()) && row.ID != "" && row.Public == 0, nil
	}
	if s.o.Throttle == nil || cc.ClientSecret == "" {
		return verify(ctx)
	}
	return s.o.Throttle(exchangeOf(ctx).r, cc.ClientID, verify)
}

// refuse tells the application, and the client no more than it may know.
func (s *Server) refuse(ctx context.Context, row clientRow, reason string) error {
	e := exchangeOf(ctx)
	if s.o.Refused != nil {
		s.o.Refused(ctx, Refusal{
			ClientID: row.ID, ClientName: row.Name, Endpoint: strings.TrimPrefix(e.r.URL.Path, s.prefix), Reason: reason,
		})
	}
	description := "The client could not be authenticated."
	if reason == RefusedDisabled {
		description = "The client is disabled."
	}
	e.w.Header().Set("WWW-Authenticate", `Basic realm="oauth", charset="UTF-8"`)
	return op.NewStatusError(oidc.ErrInvalidClient().WithDescription("%s", description), http.StatusUnauthorized)
}

// throttled passes on the status and the fields of a refusal.
func (s *Server) throttled(ctx context.Context, err error) error {
	var refused *web.Error
	if !errors.As(err, &refused) {
		return internal(err)
	}
	h := exchangeOf(ctx).w.Header()
	for name, values := range refused.Header {
		h[name] = values
	}
	return op.NewStatusError(oidc.ErrInvalidClient().WithDescription("%s", refused.Message), refused.Status)
}
