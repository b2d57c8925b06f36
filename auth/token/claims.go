package token

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Claims is what a token says, once a [Verifier] has accepted it.
type Claims struct {
	// Issuer is who made the token (iss).
	Issuer string
	// Subject is the user, or the client when it acts for itself (sub).
	Subject string
	// ClientID is the program that the token was given to (client_id). It is
	// empty in some tokens of other issuers.
	ClientID string
	// ID is unique (jti). It is empty in some tokens of other issuers.
	ID string
	// Audience is the services that the token is meant for (aud).
	Audience []string
	// Scopes is what the token may be used for (scope).
	Scopes []string
	// Issued, Expires, NotBefore and Authenticated are iat, exp, nbf and
	// auth_time, in UTC; the zero time where the token has none.
	// Authenticated is when the user last proved who they are.
	Issued, Expires, NotBefore, Authenticated time.Time

	payload []byte
}

// HasScope reports whether the token has the scope.
func (c Claims) HasScope(scope string) bool { return slices.Contains(c.Scopes, scope) }

// Decode reads the claims as JSON into v, for those that are the issuer's own.
func (c Claims) Decode(v any) error {
	if err := json.Unmarshal(c.payload, v); err != nil {
		return fmt.Errorf("token: decode claims: %w", err)
	}
	return nil
}

// clone lets the caller change what the cache goes on to hand out.
func (c Claims) clone() Claims {
	c.Audience, c.Scopes = slices.Clone(c.Audience), slices.Clone(c.Scopes)
	return c
}

// payload is the claims on the wire.
type payload struct {
	Issuer   *string        `json:"iss"`
	Subject  *string        `json:"sub"`
	ClientID string         `json:"client_id"`
	ID       string         `json:"jti"`
	Audience jsontext.Value `json:"aud"`
	Scope    jsontext.Value `json:"scope"`
	Issued   *float64       `json:"iat"`
	Expires  *float64       `json:"exp"`
	NotBef   *float64       `json:"nbf"`
	AuthTime *float64       `json:"auth_time"`
}

// parseClaims reads the claims. The JSON package refuses duplicate names, names
// in other letter case are not taken for the same, and text is valid UTF-8: two
// readers of one token must not see two things.
func parseClaims(raw []byte) (Claims, error) {
	var p payload
	if err := json.Unmarshal(raw, &p); err != nil {
		return Claims{}, fmt.Errorf("%w: %w", ErrClaims, err)
	}
	c := Claims{ClientID: p.ClientID, ID: p.ID, payload: raw}
	if p.Issuer == nil || p.Expires == nil || p.Subject == nil || *p.Subject == "" || len(p.Audience) == 0 {
		return Claims{}, fmt.Errorf("%w: iss, sub, aud or exp is missing", ErrClaims)
	}
	c.Issuer, c.Subject = *p.Issuer, *p.Subject
	var err error
	if c.Audience, err = oneOrMore(p.Audience); err != nil {
		return Claims{}, fmt.Errorf("%w: aud: %w", ErrClaims, err)
	}
	if len(p.Scope) > 0 {
		scopes, err := oneOrMore(p.Scope)
		if err != nil {
			return Claims{}, fmt.Errorf("%w: scope: %w", ErrClaims, err)
		}
		c.Scopes = strings.Fields(strings.Join(scopes, " "))
	}
	for _, t := range []struct {
		at   *float64
		dest *time.Time
	}{{p.Issued, &c.Issued}, {p.Expires, &c.Expires}, {p.NotBef, &c.NotBefore}, {p.AuthTime, &c.Authenticated}} {
		if t.at == nil {
			continue
		}
		// The last second of the year 9999; a conversion beyond int64 is
		// undefined and could turn "never" into the past or the reverse.
		if *t.at < 0 || *t.at > 253402300799 {
			return Claims{}, fmt.Errorf("%w: a time out of range", ErrClaims)
		}
		sec, frac := math.Modf(*t.at)
		*t.dest = time.Unix(int64(sec), int64(frac*1e9)).UTC()
	}
	return c, nil
}

// oneOrMore reads what may be one text or a list of them.
func oneOrMore(v jsontext.Value) (out []string, err error) {
	if bytes.HasPrefix(v, []byte(`"`)) {
		var one string
		err = json.Unmarshal(v, &one)
		return []string{one}, err
	}
	if bytes.Equal(v, []byte("null")) {
		return nil, fmt.Errorf("is null")
	}
	err = json.Unmarshal(v, &out)
	return out, err
}
