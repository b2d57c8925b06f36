package oauth

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// claims are those of an ID token, or of the UserInfo endpoint, that are used.
type claims struct {
	Email    string `json:"email"`
	Verified truth  `json:"email_verified"`
	Name     string `json:"name"`
	Azp      string `json:"azp"`
	AuthTime int64  `json:"auth_time"`
	Hosted   string `json:"hd"`       // Google
	Tenant   string `json:"tid"`      // Microsoft
	EDOV     truth  `json:"xms_edov"` // Microsoft: the domain's owner was verified
}

// truth is a boolean that some providers write as a string or a number. What is
// not clearly true is false.
type truth bool

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (t *truth) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case "true", `"true"`, "1", `"1"`:
		*t = true
	default:
		*t = false
	}
	return nil
}

// oidcIdentity says who tok is about, OpenID Connect Core, section 3.1.3.7.
func (c *Client) oidcIdentity(ctx context.Context, p *provider, m *metadata, t trip, tok *oauth2.Token) (Identity, error) {
	raw, _ := tok.Extra("id_token").(string)
	if raw == "" {
		return Identity{}, p.untrusted(errors.New("oauth: the answer has no ID token"))
	}
	idt, err := m.verifier.Verify(ctx, raw)
	if err != nil {
		return Identity{}, p.untrusted(fmt.Errorf("oauth: ID token: %w", clipError(err)))
	}
	var cl claims
	if err := idt.Claims(&cl); err != nil {
		return Identity{}, p.untrusted(fmt.Errorf("oauth: ID token: %w", clipError(err)))
	}
	issuer := p.Issuer // and not the token's: Google's may come without scheme
	if p.kind == kindMicrosoft {
		issuer = idt.Issuer
		if err := c.checkTenant(ctx, p, m, raw, idt.Issuer, cl.Tenant); err != nil {
			return Identity{}, p.untrusted(err)
		}
	}
	if err := checkToken(p, t, idt, cl, tok.AccessToken); err != nil {
		return Identity{}, p.untrusted(err)
	}
	if cl.Email == "" && m.userinfo != "" && p.kind != kindMicrosoft {
		if cl, err = userInfo(ctx, m, idt.Subject, tok, cl); err != nil {
			return Identity{}, p.untrusted(err)
		}
	}
	id := Identity{
		Provider: p.Name, Issuer: issuer, Subject: idt.Subject,
		Email: cleanText(cl.Email), EmailVerified: bool(cl.Verified), Name: cleanText(cl.Name),
	}
	switch p.kind {
	case kindGoogle:
		id.Tenant = cleanText(cl.Hosted)
	case kindMicrosoft:
		// The administrator of any tenant can write any address into an account.
		id.Tenant, id.EmailVerified = strings.ToLower(cl.Tenant), bool(cl.EDOV)
	}
	id.EmailVerified = id.EmailVerified && id.Email != ""
	return id, nil
}

// checkToken does what the verifier leaves to its caller.
func checkToken(p *provider, t trip, idt *oidc.IDToken, cl claims, accessToken string) error {
	switch {
	case subtle.ConstantTimeCompare([]byte(idt.Nonce), []byte(t.Nonce)) != 1:
		return errors.New("oauth: ID token with another nonce: the code is from another browser")
	case (len(idt.Audience) > 1 || cl.Azp != "") && cl.Azp != p.ClientID:
		return errors.New("oauth: ID token was issued to another client")
	case !validSubject(idt.Subject):
		return errors.New("oauth: ID token without a valid subject")
	case t.Purpose == StepUp && !t.fresh(cl.AuthTime):
		return errors.New("oauth: ID token does not say that its owner has just signed in")
	}
	if idt.AccessTokenHash != "" {
		if err := idt.VerifyAccessToken(accessToken); err != nil {
			return fmt.Errorf("oauth: %w", err)
		}
	}
	return nil
}

// userInfo adds what some providers tell at the UserInfo endpoint only. Its
// subject must be the token's (OpenID Connect Core, section 5.3.2), or an access
// token that was put in place of another would bring another's address.
func userInfo(ctx context.Context, m *metadata, subject string, tok *oauth2.Token, cl claims) (claims, error) {
	info, err := m.oidc.UserInfo(ctx, oauth2.StaticTokenSource(tok))
	if err != nil {
		return cl, fmt.Errorf("oauth: user info: %w", clipError(err))
	}
	if info.Subject != subject {
		return cl, errors.New("oauth: user info is about somebody else")
	}
	var more claims
	if err := info.Claims(&more); err != nil {
		return cl, fmt.Errorf("oauth: user info: %w", clipError(err))
	}
	cl.Email, cl.Verified = more.Email, more.Verified
	if cl.Name == "" {
		cl.Name = more.Name
	}
	return cl, nil
}

// validSubject: at most 255 ASCII characters, OpenID Connect Core, section 2.
func validSubject(s string) bool {
	return s != "" && len(s) <= 255 && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}
