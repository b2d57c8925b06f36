package galeoidc

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// UpdateClient gives a client that is still as seen the name, the redirect
// addresses and the scopes of c; all else stays. One that was changed in these
// is [ErrChanged]. It returns the client as it is then. Requests that users have
// not answered, and codes, end with the address that they would go to or came
// from; refresh tokens give no scope any more that was taken away, and access
// tokens lose it when they expire.
func (s *Store) UpdateClient(ctx context.Context, seen, c Client) (Client, error) {
	now, err := s.Client(ctx, seen.ID)
	if err != nil {
		return Client{}, err
	}
	now.Name, now.RedirectURIs, now.Scopes = c.Name, c.RedirectURIs, c.Scopes
	if err := now.check(); err != nil {
		return Client{}, err
	}
	n, err := s.db.Exec(ctx, `UPDATE oauth_clients SET name = $1, redirect_uris = $2, scopes = $3
		WHERE id = $4 AND name = $5 AND redirect_uris = $6 AND scopes = $7`,
		now.Name, strings.Join(now.RedirectURIs, " "), strings.Join(now.Scopes, " "),
		now.ID, seen.Name, strings.Join(seen.RedirectURIs, " "), strings.Join(seen.Scopes, " "))
	if err != nil {
		return Client{}, fmt.Errorf("galeoidc: update a client: %w", err)
	}
	if n == 0 {
		return Client{}, ErrChanged
	}
	return now, nil
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
