package token

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

const (
	accessType = "at+jwt" // RFC 9068, section 2.1
	// maxBytes bounds a token, before anything else is done with it. Servers
	// and proxies refuse headers beyond 8 KiB anyway.
	maxBytes = 8 << 10
)

// IssuerOptions configure an [Issuer].
type IssuerOptions struct {
	// Issuer is the URL that names this service in its tokens. Required.
	Issuer string
	// Keys sign. Required.
	Keys KeySource
	// Lifetime is how long an access token is valid, and so how long a stolen
	// one is. Defaults to 10 minutes; at most 24 hours.
	Lifetime time.Duration
	// Clock tells the time. Defaults to [time.Now].
	Clock func() time.Time
}

// Issuer makes access tokens: JWTs with the profile of RFC 9068. It is safe for
// concurrent use.
type Issuer struct{ o IssuerOptions }

// NewIssuer returns an Issuer. It panics when an option is missing or makes no
// sense.
func NewIssuer(o IssuerOptions) *Issuer {
	if o.Lifetime == 0 {
		o.Lifetime = 10 * time.Minute
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	switch {
	case o.Issuer == "":
		panic("token: IssuerOptions.Issuer is missing; give the URL of this service")
	case o.Keys == nil:
		panic("token: IssuerOptions.Keys is missing; use NewRingKeys or ParsePEM")
	case o.Lifetime < time.Second || o.Lifetime > 24*time.Hour:
		panic("token: IssuerOptions.Lifetime is not between 1 s and 24 h; leave it 0 for 10 minutes and use refresh tokens")
	}
	return &Issuer{o}
}

// Access is what an access token is made for.
type Access struct {
	// Subject is the user, or the client when it acts for itself. Required.
	Subject string
	// ClientID is the program that gets the token. Required.
	ClientID string
	// Audience is the services that accept the token. Required.
	Audience []string
	// Scopes is what the token may be used for.
	Scopes []string
	// Authenticated is when the user last proved who they are, if known.
	Authenticated time.Time
	// Extra is further claims. Everybody who has the token can read them.
	Extra map[string]any
}

// Issued is a new access token.
type Issued struct {
	// Token is the JWT. It is a secret until it expires.
	Token string
	// ID is the token's jti, for logs.
	ID string
	// Expires is the token's exp.
	Expires time.Time
}

// String is the ID, so that a token that is printed stays a secret.
func (i Issued) String() string { return "token " + i.ID }

// GoString is [Issued.String], for %#v.
func (i Issued) GoString() string { return i.String() }

// Issue returns a new access token of at most 8 KiB.
func (i *Issuer) Issue(a Access) (Issued, error) {
	if a.Subject == "" || a.ClientID == "" || len(a.Audience) == 0 || slices.Contains(a.Audience, "") {
		return Issued{}, errors.New("token: Issue needs Subject, ClientID and Audience")
	}
	if err := checkScopes(a.Scopes); err != nil {
		return Issued{}, err
	}
	now := i.o.Clock().UTC().Truncate(time.Second)
	out := Issued{ID: rand.Text(), Expires: now.Add(i.o.Lifetime)}
	own := map[string]any{
		"iss": i.o.Issuer, "sub": a.Subject, "client_id": a.ClientID, "aud": a.Audience,
		"iat": now.Unix(), "exp": out.Expires.Unix(), "jti": out.ID,
	}
	if len(a.Audience) == 1 {
		own["aud"] = a.Audience[0]
	}
	if len(a.Scopes) > 0 {
		own["scope"] = strings.Join(a.Scopes, " ")
	}
	if !a.Authenticated.IsZero() {
		own["auth_time"] = a.Authenticated.Unix()
	}
	for name := range a.Extra {
		if _, taken := own[name]; taken || slices.Contains([]string{"nbf", "scope", "auth_time"}, name) {
			return Issued{}, fmt.Errorf("token: Access.Extra has %q, which is the issuer's to set", name)
		}
	}
	maps.Copy(own, a.Extra)
	raw, err := json.Marshal(own, json.Deterministic(true))
	if err != nil {
		return Issued{}, fmt.Errorf("token: claims: %w", err)
	}
	if out.Token, err = i.sign(raw); err != nil {
		return Issued{}, err
	}
	if len(out.Token) > maxBytes {
		return Issued{}, fmt.Errorf("token: %d bytes; at most %d fit into a header, so put less into Extra", len(out.Token), maxBytes)
	}
	return out, nil
}

func (i *Issuer) sign(raw []byte) (string, error) {
	key, err := i.o.Keys.SigningKey()
	if err != nil {
		return "", err
	}
	if key.signer == nil {
		return "", fmt.Errorf("token: %v is a public key, which signs nothing", key)
	}
	jws, err := key.signer.Sign(raw)
	if err != nil {
		return "", fmt.Errorf("token: sign by %v: %w", key, err)
	}
	signed, err := jws.CompactSerialize()
	if err != nil {
		return "", fmt.Errorf("token: sign by %v: %w", key, err)
	}
	return signed, nil
}

// checkScopes keeps to the letters of RFC 6749, section 3.3, so that a scope
// with a space in it cannot become two.
func checkScopes(scopes []string) error {
	for _, s := range scopes {
		if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
			return fmt.Errorf("token: scope %q; use printable ASCII without space, quote and backslash", s)
		}
	}
	return nil
}
