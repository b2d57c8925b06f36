package galeoidc

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/web"
)

// The grant types that a [Client] may have.
const (
	AuthorizationCode = "authorization_code"
	RefreshToken      = "refresh_token"
	ClientCredentials = "client_credentials"
)

// ErrNoClient says that there is no client with the id.
var ErrNoClient = errors.New("galeoidc: no such client")

// ErrChanged says that a client is not any more what the caller has seen.
var ErrChanged = errors.New("galeoidc: the client was changed meanwhile")

// ErrDisabled says that the client is disabled.
var ErrDisabled = errors.New("galeoidc: the client is disabled")

// Bounds of what is registered, so that a row stays small.
const (
	maxName         = 100
	maxRedirectURIs = 20
	maxURI          = 2048
	maxScopes       = 100
	maxScope        = 100
	maxClients      = 10_000
)

// Client is an application that asks for tokens.
type Client struct {
	// ID is made by [NewClientID], and by [Store.CreateClient] where it is "".
	ID string
	// Name is shown to users on the consent page: 1 to 100 letters.
	Name string
	// Public clients, in a browser or on a device of the user, have no secret.
	Public bool
	// RedirectURIs are where codes may go: https addresses, http ones on this
	// machine's loopback and, for public clients, private schemes such as
	// com.example.app:/callback. They are compared letter by letter; only the
	// port of an http loopback address is free, as RFC 8252 asks. At most 20.
	RedirectURIs []string
	// Scopes are those that the client may ask for. At most 100.
	Scopes []string
	// GrantTypes default to AuthorizationCode and RefreshToken. With
	// ClientCredentials the client gets tokens for itself.
	GrantTypes []string
	// Introspects lets a resource server ask about tokens of all clients.
	Introspects bool
	// CreatedBy is the user who registered it, for [Store.Clients]. Once
	// [Users.Claims] says that the user is gone or blocked, the client gets no
	// tokens for itself, and those that it has do not count. Optional.
	CreatedBy string
	// Created is set by [Store.CreateClient].
	Created time.Time
	// Disabled is when [Store.DisableClient] was called; zero for a client that
	// works.
	Disabled time.Time
}

func (c Client) grants(t string) bool { return slices.Contains(c.GrantTypes, t) }

// redirects reports whether a code may be sent to uri.
func (c Client) redirects(uri string) bool {
	if slices.Contains(c.RedirectURIs, uri) {
		return true
	}
	asked, ok := loopback(uri)
	if !ok || asked.String() != uri {
		return false
	}
	return slices.ContainsFunc(c.RedirectURIs, func(registered string) bool {
		r, ok := loopback(registered)
		return ok && r.Hostname() == asked.Hostname() && r.EscapedPath() == asked.EscapedPath() && r.RawQuery == asked.RawQuery
	})
}

// loopback parses an http address whose host is a loopback IP literal, which a
// native application listens on at a port that it cannot know beforehand.
func loopback(uri string) (*url.URL, bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "http" || u.User != nil || u.Fragment != "" || strings.Contains(uri, "#") {
		return nil, false
	}
	return u, net.ParseIP(u.Hostname()).IsLoopback()
}

// refuse is wrong data in a registration: 422 with a message for the person.
func refuse(format string, args ...any) error {
	return &web.Error{Status: http.StatusUnprocessableEntity, Code: "invalid_client_metadata", Message: fmt.Sprintf(format, args...)}
}

// check completes the defaults and finds what is wrong.
func (c *Client) check() error {
	if c.Name = strings.TrimSpace(c.Name); c.Name == "" || len(c.Name) > 4*maxName || len([]rune(c.Name)) > maxName || !printable(c.Name) {
		return refuse("The name must have 1 to %d letters and no control characters.", maxName)
	}
	if len(c.GrantTypes) == 0 {
		c.GrantTypes = []string{AuthorizationCode, RefreshToken}
	}
	for _, t := range c.GrantTypes {
		if t != AuthorizationCode && t != RefreshToken && t != ClientCredentials {
			return refuse("The grant type %q is not supported.", t)
		}
	}
	switch {
	case c.Public && c.grants(ClientCredentials):
		return refuse("A public client cannot have client_credentials, since it has no secret.")
	case c.Public && c.Introspects:
		return refuse("A public client cannot introspect tokens, since it has no secret.")
	case c.grants(AuthorizationCode) && len(c.RedirectURIs) == 0:
		return refuse("At least one redirect address is needed.")
	case c.grants(RefreshToken) && !c.grants(AuthorizationCode):
		return refuse("refresh_token needs authorization_code.")
	case len(c.RedirectURIs) > maxRedirectURIs:
		return refuse("At most %d redirect addresses are allowed.", maxRedirectURIs)
	case len(c.Scopes) > maxScopes:
		return refuse("At most %d scopes are allowed.", maxScopes)
	}
	for _, s := range c.Scopes {
		if !scopeToken(s) {
			return refuse("The scope %q is not valid.", s)
		}
	}
	for _, u := range c.RedirectURIs {
		if err := checkRedirect(u, c.Public); err != nil {
			return err
		}
	}
	return nil
}

// checkRedirect finds addresses at which a code would not be safe.
func checkRedirect(uri string, public bool) error {
	u, err := url.Parse(uri)
	switch {
	case err != nil || len(uri) > maxURI || !printable(uri) || strings.ContainsAny(uri, " \\*") || u.String() != uri:
		return refuse("The redirect address %q is not a valid URL.", uri)
	case u.User != nil || strings.Contains(uri, "#"):
		return refuse("The redirect address %q must have neither a user nor a fragment.", uri)
	case strings.ContainsAny(u.Host, ";,'"): // no host has them, and a policy of the browser would end there
		return refuse("The redirect address %q is not a valid URL.", uri)
	case u.Scheme == "https" && u.Host != "" && u.Opaque == "":
		return nil
	case u.Scheme == "http" && (u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()):
		return nil
	case public && u.Host == "" && strings.Contains(u.Scheme, "."):
		return nil // RFC 8252, 7.1: a reversed domain name, so that schemes do not collide
	}
	return refuse("The redirect address %q must begin with https://.", uri)
}

// scopeToken is RFC 6749, 3.3, without the characters that HTML would escape.
func scopeToken(s string) bool {
	if s == "" || len(s) > maxScope {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"\<>&'`, r) })
}

// printable refuses control characters, and those that turn or hide text.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' || r >= 0x7f && r < 0xa0 || r == 0xfffd || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0xfeff
	})
}

// random is 256 random bits, for secrets, codes and tokens.
func random() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // crypto/rand never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// hash is what is stored of such a value: with 256 random bits nothing slower
// is needed.
func hash(value string) string {
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:])
}

// made reports whether a value can be an id that was made here. Others do not
// reach the database: Postgres fails at a NUL, which would be an error of ours.
func made(id string) bool {
	const longest = 100
	return id != "" && len(id) <= longest && !strings.ContainsFunc(id, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// clientRow is one line of oauth_clients.
type clientRow struct {
	ID, Name                 string
	Public                   int64
	SecretHash, PreviousHash string
	PreviousUntil            int64
	RedirectURIs             string `db:"redirect_uris"`
	Scopes, GrantTypes       string
	Introspects              int64
	CreatedBy                string
	CreatedAt, DisabledAt    int64
}

const clientColumns = `id, name, public, secret_hash, previous_hash, previous_until,
	redirect_uris, scopes, grant_types, introspects, created_by, created_at, disabled_at`

func (r clientRow) client() Client {
	return Client{
		ID: r.ID, Name: r.Name, Public: r.Public != 0,
		RedirectURIs: strings.Fields(r.RedirectURIs), Scopes: strings.Fields(r.Scopes), GrantTypes: strings.Fields(r.GrantTypes),
		Introspects: r.Introspects != 0, CreatedBy: r.CreatedBy, Created: moment(r.CreatedAt),
		Disabled: moment(r.DisabledAt),
	}
}

// matches compares in constant time, and always with both hashes.
func (r clientRow) matches(secret string, now time.Time) bool {
	h := []byte(hash(secret))
	current := subtle.ConstantTimeCompare(h, []byte(r.SecretHash))
	previous := subtle.ConstantTimeCompare(h, []byte(r.PreviousHash))
	return current == 1 || previous == 1 && now.UnixMilli() < r.PreviousUntil
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// NewClientID makes the id of a client, for who has to know it before
// [Store.CreateClient] is called.
func NewClientID() string { return strings.ToLower(rand.Text()[:20]) }

// CreateClient registers c and returns it with its id, and its secret, which
// can be shown this once; it is empty for a public client. What is wrong with c
// is a [*web.Error] with status 422.
func (s *Store) CreateClient(ctx context.Context, c Client) (Client, string, error) {
	if err := c.check(); err != nil {
		return Client{}, "", err
	}
	if c.ID == "" {
		c.ID = NewClientID()
	}
	if !made(c.ID) {
		return Client{}, "", errors.New("galeoidc: the id of a client was not made by NewClientID")
	}
	c.Disabled = time.Time{}
	c.Created = s.now().UTC().Truncate(time.Millisecond)
	var secret, secretHash string
	if !c.Public {
		secret = random()
		secretHash = hash(secret)
	}
	_, err := s.db.Exec(ctx, `INSERT INTO oauth_clients (`+clientColumns+`)
		VALUES ($1, $2, $3, $4, '', 0, $5, $6, $7, $8, $9, $10, 0)`,
		c.ID, c.Name, flag(c.Public), secretHash, strings.Join(c.RedirectURIs, " "), strings.Join(c.Scopes, " "),
		strings.Join(c.GrantTypes, " "), flag(c.Introspects), c.CreatedBy, c.Created.UnixMilli())
	if err != nil {
		return Client{}, "", fmt.Errorf("galeoidc: create a client: %w", err)
	}
	return c, secret, nil
}

// RotateSecret gives a client a new secret and returns it. The one before is
// accepted for the time of overlap; with 0 it ends at once.
func (s *Store) RotateSecret(ctx context.Context, id string, overlap time.Duration) (string, error) {
	if !made(id) {
		return "", ErrNoClient
	}
	secret := random()
	var until int64
	if overlap > 0 {
		until = s.now().Add(overlap).UnixMilli()
	}
	n, err := s.db.Exec(ctx, `UPDATE oauth_clients
		SET previous_hash = secret_hash, previous_until = $1, secret_hash = $2 WHERE id = $3 AND public = 0`,
		until, hash(secret), id)
	if err != nil {
		return "", fmt.Errorf("galeoidc: rotate a secret: %w", err)
	}
	if n == 0 {
		return "", ErrNoClient
	}
	return secret, nil
}

// Client returns the client with the id, or [ErrNoClient].
func (s *Store) Client(ctx context.Context, id string) (Client, error) {
	r, err := s.clientRow(ctx, id)
	if err != nil {
		return Client{}, err
	}
	return r.client(), nil
}

func (s *Store) clientRow(ctx context.Context, id string) (clientRow, error) {
	if !made(id) {
		return clientRow{}, ErrNoClient
	}
	r, err := db.Get[clientRow](ctx, s.db, `SELECT `+clientColumns+` FROM oauth_clients WHERE id = $1`, id)
	if errors.Is(err, db.ErrNotFound) {
		return clientRow{}, ErrNoClient
	}
	if err != nil {
		return clientRow{}, fmt.Errorf("galeoidc: client: %w", err)
	}
	return r, nil
}

// Clients returns the clients that a user has registered, or with "" all, the
// newest first; at most 10,000.
func (s *Store) Clients(ctx context.Context, createdBy string) ([]Client, error) {
	rows, err := db.All[clientRow](ctx, s.db, `SELECT `+clientColumns+` FROM oauth_clients
		WHERE $1 = '' OR created_by = $1 ORDER BY created_at DESC, id LIMIT $2`, createdBy, maxClients)
	if err != nil {
		return nil, fmt.Errorf("galeoidc: clients: %w", err)
	}
	all := make([]Client, len(rows))
	for i, r := range rows {
		all[i] = r.client()
	}
	return all, nil
}

// DeleteClient removes a client with all that users have granted it. Refresh
// tokens and introspection end at once, access tokens that others verify by the
// JWKS when they expire.
func (s *Store) DeleteClient(ctx context.Context, id string) error {
	if !made(id) {
		return ErrNoClient
	}
	err := s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		n, err := tx.Exec(ctx, `DELETE FROM oauth_clients WHERE id = $1`, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrNoClient
		}
		for _, statement := range []string{
			`DELETE FROM oauth_refresh WHERE family_id IN (SELECT id FROM oauth_families WHERE client_id = $1)`,
			`DELETE FROM oauth_families WHERE client_id = $1`,
			`DELETE FROM oauth_codes WHERE client_id = $1`,
			`DELETE FROM oauth_requests WHERE client_id = $1`,
			`DELETE FROM oauth_grants WHERE client_id = $1`,
		} {
			if _, err := tx.Exec(ctx, statement, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, ErrNoClient) {
		return fmt.Errorf("galeoidc: delete a client: %w", err)
	}
	return err
}
