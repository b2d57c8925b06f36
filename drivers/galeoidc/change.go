package galeoidc

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/galeweb/gale/db"
)

// UpdateClient gives a client that is still as seen the name, the redirect
// addresses, the scopes and the grant types of c, where it has any; all else stays.
// One that was changed in these is [ErrChanged]. It returns the client as it is
// then. Requests that users have not answered, and codes, end with the address that
// they would go to or came from; refresh tokens give no scope any more that was taken
// away, and access tokens lose it when they expire.
//
// With a grant type end the tokens that came by it: with AuthorizationCode all that
// users have approved, with RefreshToken the refresh tokens and the access tokens
// beside them, with ClientCredentials those of the client itself, until it has that
// again. A client that gets ClientCredentials, or has that and gets its first scopes,
// loses its secret, with which somebody could act as it who could not before: give it
// one by [Store.RotateSecret]. Further scopes leave it the secret. As with
// [Store.DisableClient], whoever verifies access tokens by the JWKS alone takes those
// that are out until they expire.
func (s *Store) UpdateClient(ctx context.Context, seen, c Client) (Client, error) {
	now, err := s.Client(ctx, seen.ID)
	if err != nil {
		return Client{}, err
	}
	now.Name, now.RedirectURIs, now.Scopes = c.Name, c.RedirectURIs, c.Scopes
	if len(c.GrantTypes) > 0 {
		now.GrantTypes = c.GrantTypes
	}
	if err := now.check(); err != nil {
		return Client{}, err
	}
	err = s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE oauth_clients SET name = $1, redirect_uris = $2, scopes = $3, grant_types = $4
			WHERE id = $5 AND name = $6 AND redirect_uris = $7 AND scopes = $8 AND grant_types = $9`,
			now.Name, strings.Join(now.RedirectURIs, " "), strings.Join(now.Scopes, " "), strings.Join(now.GrantTypes, " "),
			now.ID, seen.Name, strings.Join(seen.RedirectURIs, " "), strings.Join(seen.Scopes, " "), strings.Join(seen.GrantTypes, " "))
		if err == nil && n == 0 {
			err = ErrChanged
		}
		for _, statement := range s.changesOf(seen, now) {
			if err == nil {
				_, err = tx.Exec(ctx, statement, now.ID)
			}
		}
		return err
	})
	if errors.Is(err, ErrChanged) {
		return Client{}, ErrChanged
	}
	if err != nil {
		return Client{}, fmt.Errorf("galeoidc: update a client: %w", err)
	}
	return now, nil
}

// changesOf returns what ends with the grant types that a client has lost or got.
func (s *Store) changesOf(was, now Client) (statements []string) {
	at := strconv.FormatInt(s.now().UnixMilli(), 10)
	lost := func(grant string) bool { return was.grants(grant) && !now.grants(grant) }
	if lost(AuthorizationCode) {
		statements = append(statements,
			`DELETE FROM oauth_requests WHERE client_id = $1`,
			`DELETE FROM oauth_grants WHERE client_id = $1`,
			`UPDATE oauth_codes SET used_at = `+at+` WHERE used_at = 0 AND client_id = $1`,
			`UPDATE oauth_families SET revoked_at = `+at+` WHERE revoked_at = 0 AND client_id = $1`)
	}
	if lost(RefreshToken) {
		statements = append(statements, `UPDATE oauth_families SET revoked_at = `+at+` WHERE revoked_at = 0 AND client_id = $1
			AND id IN (SELECT family_id FROM oauth_refresh)`)
	}
	if now.grants(ClientCredentials) && (!was.grants(ClientCredentials) || len(was.Scopes) == 0 && len(now.Scopes) > 0) {
		statements = append(statements, `UPDATE oauth_clients SET secret_hash = '', previous_hash = '', previous_until = 0 WHERE id = $1`)
	}
	return statements
}

// DisableClient keeps a client from getting codes and tokens, and its tokens
// from working, until [Store.EnableClient]. Introspection, userinfo and
// [Server.Denied] know at once; whoever verifies access tokens by the JWKS alone
// takes those that are out until they expire. It is no error, and changes
// nothing, when the client is disabled.
func (s *Store) DisableClient(ctx context.Context, id string) error {
	return s.setDisabled(ctx, id, `disabled_at = 0`, s.now().UnixMilli())
}

// EnableClient ends what [Store.DisableClient] has begun: tokens that have not
// expired meanwhile work again.
func (s *Store) EnableClient(ctx context.Context, id string) error {
	return s.setDisabled(ctx, id, `disabled_at <> 0`, 0)
}

// setDisabled changes a row for which the condition, a constant, holds.
func (s *Store) setDisabled(ctx context.Context, id, where string, at int64) error {
	if !made(id) {
		return ErrNoClient
	}
	n, err := s.db.Exec(ctx, `UPDATE oauth_clients SET disabled_at = $1 WHERE id = $2 AND `+where, at, id)
	if err == nil && n == 0 {
		_, err = s.clientRow(ctx, id)
	}
	if err != nil && !errors.Is(err, ErrNoClient) {
		return fmt.Errorf("galeoidc: disable or enable a client: %w", err)
	}
	return err
}

// working returns the row of a client that may get tokens and have them work.
func (s *Store) working(ctx context.Context, id string) (clientRow, error) {
	r, err := s.clientRow(ctx, id)
	if err == nil && r.DisabledAt != 0 {
		err = ErrDisabled
	}
	return r, err
}
