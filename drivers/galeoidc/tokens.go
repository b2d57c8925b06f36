package galeoidc

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
)

// The types in the header keep an ID token from passing as an access token
// (RFC 9068, 2.1).
const (
	typeAccess = "at+jwt"
	typeID     = "JWT"
)

// errToken says that a token is not one of ours, or over. The client is not
// told which.
var errToken = errors.New("galeoidc: invalid token")

// accessClaims are those of RFC 9068. The jti of a token that came from a code
// is its family's id, a dot and a number of its own.
type accessClaims struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience []string `json:"aud"`
	ClientID string   `json:"client_id"`
	Expires  int64    `json:"exp"`
	Issued   int64    `json:"iat"`
	ID       string   `json:"jti"`
	Scope    string   `json:"scope,omitempty"`
	AuthTime int64    `json:"auth_time,omitempty"`
}

// userClaims are those of OpenID Connect Core, 5.1.
type userClaims struct {
	Subject           string `json:"sub"`
	Name              string `json:"name,omitempty"`
	PreferredUsername string `json:"preferred_username,omitempty"`
	Picture           string `json:"picture,omitempty"`
	Locale            string `json:"locale,omitempty"`
	UpdatedAt         int64  `json:"updated_at,omitempty"`
	Email             string `json:"email,omitempty"`
	EmailVerified     *bool  `json:"email_verified,omitempty"`
}

// idClaims are those of an ID token.
type idClaims struct {
	userClaims
	Issuer     string `json:"iss"`
	Audience   string `json:"aud"`
	Expires    int64  `json:"exp"`
	Issued     int64  `json:"iat"`
	AuthTime   int64  `json:"auth_time"`
	Nonce      string `json:"nonce,omitempty"`
	AccessHash string `json:"at_hash,omitempty"`
}

// about returns what the scopes let a client know of a user.
func about(userID string, c Claims, scopes []string) userClaims {
	out := userClaims{Subject: userID}
	if hasScope(scopes, scopeProfile) {
		out.Name, out.PreferredUsername, out.Picture, out.Locale = c.Name, c.PreferredUsername, c.Picture, c.Locale
		if !c.Updated.IsZero() {
			out.UpdatedAt = c.Updated.Unix()
		}
	}
	if hasScope(scopes, scopeEmail) && c.Email != "" {
		out.Email, out.EmailVerified = c.Email, &c.EmailVerified
	}
	return out
}

// issue is what a token response is made of.
type issue struct {
	client   Client
	family   string // "" for the client itself
	userID   string
	scopes   []string
	authTime int64
	nonce    string
	refresh  string
}

// respond signs the tokens.
func (s *Server) respond(ctx context.Context, i issue, c Claims) (*oidc.AccessTokenResponse, error) {
	key, err := s.o.Keys.Signing(ctx)
	if err != nil {
		return nil, err
	}
	now := s.o.Clock()
	s.sweep(ctx, now)
	expires := now.Add(s.o.AccessLifetime)
	jti := random()
	if i.family != "" {
		jti = i.family + "." + jti
	}
	access, err := sign(key, typeAccess, accessClaims{
		Issuer: s.o.Issuer, Subject: i.userID, Audience: s.o.Audience, ClientID: i.client.ID, Expires: expires.Unix(), Issued: now.Unix(),
		ID: jti, Scope: strings.Join(i.scopes, " "), AuthTime: i.authTime,
	})
	if err != nil {
		return nil, err
	}
	resp := &oidc.AccessTokenResponse{
		AccessToken: access, TokenType: oidc.BearerToken, ExpiresIn: uint64(s.o.AccessLifetime / time.Second),
		RefreshToken: i.refresh, Scope: i.scopes,
	}
	if i.family == "" || !hasScope(i.scopes, scopeOpenID) {
		return resp, nil
	}
	id := idClaims{
		userClaims: about(i.userID, c, i.scopes), Issuer: s.o.Issuer, Audience: i.client.ID,
		Expires: expires.Unix(), Issued: now.Unix(), AuthTime: i.authTime, Nonce: i.nonce,
	}
	if key.Algorithm != string(jose.EdDSA) { // for which no hash is specified, and the claim is optional
		sum := sha256.Sum256([]byte(access))
		id.AccessHash = base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
	}
	resp.IDToken, err = sign(key, typeID, id)
	return resp, err
}

func sign(key SigningKey, typ string, claims any) (string, error) {
	signer, err := key.signer(typ)
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// open verifies a signature by a key that is published now, whose algorithm the
// token cannot choose, and fills claims. It does not look at times.
func (s *Server) open(ctx context.Context, token, typ string, claims any) error {
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256, jose.EdDSA, jose.RS256})
	if err != nil || len(signed.Signatures) != 1 {
		return errToken
	}
	h := signed.Signatures[0].Protected
	if h.JSONWebKey != nil || h.ExtraHeaders[jose.HeaderType] != typ {
		return errToken
	}
	keys, err := s.o.Keys.Verifying(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(keys, func(k VerifyingKey) bool { return k.ID == h.KeyID })
	if i < 0 || keys[i].Algorithm != h.Algorithm || !suits(keys[i].Algorithm, keys[i].Key) {
		return errToken
	}
	payload, err := signed.Verify(keys[i].Key)
	if err != nil || json.Unmarshal(payload, claims) != nil {
		return errToken
	}
	return nil
}

// access verifies an access token that counts now: signed, not expired, not
// revoked, its client and user still there and not disabled.
func (s *Server) access(ctx context.Context, token string) (accessClaims, Claims, error) {
	var a accessClaims
	if err := s.open(ctx, token, typeAccess, &a); err != nil {
		return a, Claims{}, err
	}
	if a.Issuer != s.o.Issuer || s.o.Clock().Unix() >= a.Expires {
		return a, Claims{}, errToken
	}
	revoked, err := s.o.Store.Revoked(ctx, a.ID)
	if err != nil {
		return a, Claims{}, err
	}
	if revoked {
		return a, Claims{}, errToken
	}
	if !strings.Contains(a.ID, ".") { // of the client itself
		return a, Claims{}, gone(s.itself(ctx, a.ClientID))
	}
	if _, err := s.o.Store.working(ctx, a.ClientID); err != nil {
		return a, Claims{}, gone(err)
	}
	c, err := s.o.Users.Claims(ctx, a.Subject)
	return a, c, gone(err)
}

// vouched returns [ErrNoUser] when the user who registered a client is gone or
// blocked: what the client does for itself ends then, which would else be a way
// to stay for who was thrown out.
func (s *Server) vouched(ctx context.Context, createdBy string) error {
	if createdBy == "" {
		return nil
	}
	_, err := s.o.Users.Claims(ctx, createdBy)
	return err
}

// itself reports whether access tokens that a client has got for itself work.
func (s *Server) itself(ctx context.Context, id string) error {
	r, err := s.o.Store.working(ctx, id)
	if err == nil && !r.client().grants(ClientCredentials) {
		err = ErrDisabled
	}
	if err != nil {
		return err
	}
	return s.vouched(ctx, r.CreatedBy)
}

// gone turns the absence of a client or user, or that it is disabled, into an
// invalid token.
func gone(err error) error {
	if errors.Is(err, ErrNoUser) || errors.Is(err, ErrNoClient) || errors.Is(err, ErrDisabled) {
		return errToken
	}
	return err
}

// hint returns the user of an id_token_hint, which may have expired.
func (s *Server) hint(ctx context.Context, token, clientID string) (string, error) {
	var id idClaims
	err := s.open(ctx, token, typeID, &id)
	if err == nil && (id.Issuer != s.o.Issuer || id.Audience != clientID || id.Subject == "") {
		err = errToken
	}
	if errors.Is(err, errToken) {
		return "", oidc.ErrInvalidRequest().WithDescription("The id_token_hint is not valid.")
	}
	if err != nil {
		return "", internal(err)
	}
	return id.Subject, nil
}
