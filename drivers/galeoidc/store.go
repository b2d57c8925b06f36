package galeoidc

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/galeweb/gale/db"
)

// keepUsed is for how long a code is remembered after its end, so that a
// second use is seen.
const keepUsed = 24 * time.Hour

// errSpent says that a code or refresh token was used before.
var errSpent = errors.New("galeoidc: used before")

// requestRow is one line of oauth_requests.
type requestRow struct {
	ID, ClientID, RedirectURI, Scopes, State, Nonce, Challenge, UserHint string
	Consent, AuthAfter, ExpiresAt                                        int64
}

func (s *Store) addRequest(ctx context.Context, r requestRow) error {
	_, err := s.db.Exec(ctx, `INSERT INTO oauth_requests
		(id, client_id, redirect_uri, scopes, state, nonce, challenge, user_hint, consent, auth_after, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		r.ID, r.ClientID, r.RedirectURI, r.Scopes, r.State, r.Nonce, r.Challenge, r.UserHint, r.Consent, r.AuthAfter, r.ExpiresAt)
	return err
}

func (s *Store) request(ctx context.Context, id string, now time.Time) (requestRow, error) {
	if !made(id) {
		return requestRow{}, ErrNoRequest
	}
	r, err := db.Get[requestRow](ctx, s.db, `
		SELECT id, client_id, redirect_uri, scopes, state, nonce, challenge, user_hint, consent, auth_after, expires_at
		FROM oauth_requests WHERE id = $1 AND expires_at > $2`, id, now.UnixMilli())
	if errors.Is(err, db.ErrNotFound) {
		return r, ErrNoRequest
	}
	return r, err
}

// bindRequest makes a request that of a user, unless it is another's.
func (s *Store) bindRequest(ctx context.Context, id, userID string) error {
	n, err := s.db.Exec(ctx, `UPDATE oauth_requests SET user_hint = $1 WHERE id = $2 AND user_hint IN ('', $1)`, userID, id)
	if err == nil && n == 0 {
		return ErrNoRequest
	}
	return err
}

// takeRequest removes a request; of two at once only one gets it.
func (s *Store) takeRequest(ctx context.Context, q execer, id string) error {
	n, err := q.Exec(ctx, `DELETE FROM oauth_requests WHERE id = $1`, id)
	if err == nil && n == 0 {
		return ErrNoRequest
	}
	return err
}

type execer interface {
	Exec(ctx context.Context, sql string, args ...any) (int64, error)
}

// codeRow is one line of oauth_codes.
type codeRow struct {
	Hash, FamilyID, ClientID, UserID, RedirectURI, Scopes, Nonce, Challenge string
	AuthTime, ExpiresAt, UsedAt                                             int64
}

// errTakenBack is a grant that is gone since it was looked at.
var errTakenBack = errors.New("galeoidc: the grant was taken back meanwhile")

// approve turns a request into a code and remembers the grant. Where nobody was
// asked, the grant must still be there: it is errTakenBack otherwise.
func (s *Store) approve(ctx context.Context, id string, c codeRow, asked bool, now time.Time) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if err := s.takeRequest(ctx, tx, id); err != nil {
			return err
		}
		if !asked {
			// Holds the line: whoever takes it back from now on waits, and finds the code.
			n, err := tx.Exec(ctx, `UPDATE oauth_grants SET used_at = $3 WHERE user_id = $1 AND client_id = $2`, c.UserID, c.ClientID, now.UnixMilli())
			if err == nil && n == 0 {
				err = errTakenBack
			}
			if err != nil {
				return err
			}
		}
		scopes := c.Scopes
		old, err := db.Get[string](ctx, tx, `SELECT scopes FROM oauth_grants WHERE user_id = $1 AND client_id = $2`, c.UserID, c.ClientID)
		switch {
		case err == nil && !asked && !subset(strings.Fields(scopes), strings.Fields(old)):
			return errTakenBack
		case err == nil:
			scopes = union(old, scopes)
		case !errors.Is(err, db.ErrNotFound):
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO oauth_grants (user_id, client_id, scopes, created_at, used_at)
			VALUES ($1, $2, $3, $4, $4)
			ON CONFLICT (user_id, client_id) DO UPDATE SET scopes = excluded.scopes, used_at = excluded.used_at`,
			c.UserID, c.ClientID, scopes, now.UnixMilli()); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO oauth_codes
			(hash, family_id, client_id, user_id, redirect_uri, scopes, nonce, challenge, auth_time, expires_at, used_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0)`,
			c.Hash, c.FamilyID, c.ClientID, c.UserID, c.RedirectURI, c.Scopes, c.Nonce, c.Challenge, c.AuthTime, c.ExpiresAt)
		return err
	})
}

func (s *Store) code(ctx context.Context, hash string) (codeRow, error) {
	return db.Get[codeRow](ctx, s.db, `
		SELECT hash, family_id, client_id, user_id, redirect_uri, scopes, nonce, challenge, auth_time, expires_at, used_at
		FROM oauth_codes WHERE hash = $1`, hash)
}

// familyRow is one line of oauth_families.
type familyRow struct {
	ID, ClientID, UserID, Scopes   string
	AuthTime, ExpiresAt, RevokedAt int64
}

func (f familyRow) valid(now time.Time) bool {
	return f.RevokedAt == 0 && now.UnixMilli() < f.ExpiresAt
}

// useCode marks the code as used and starts the family; refresh is the hash of
// the first refresh token, or "". It returns errSpent when it was used before.
func (s *Store) useCode(ctx context.Context, c codeRow, f familyRow, refresh string, refreshExpires int64, now time.Time) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE oauth_codes SET used_at = $1 WHERE hash = $2 AND used_at = 0`, now.UnixMilli(), c.Hash)
		if err != nil {
			return err
		}
		if n == 0 {
			return errSpent
		}
		if _, err := tx.Exec(ctx, `INSERT INTO oauth_families (id, client_id, user_id, scopes, auth_time, expires_at, revoked_at)
			VALUES ($1, $2, $3, $4, $5, $6, 0)`, f.ID, f.ClientID, f.UserID, f.Scopes, f.AuthTime, f.ExpiresAt); err != nil {
			return err
		}
		if refresh == "" {
			return nil
		}
		return addRefresh(ctx, tx, refresh, f.ID, refreshExpires)
	})
}

func addRefresh(ctx context.Context, q execer, hash, family string, expires int64) error {
	_, err := q.Exec(ctx, `INSERT INTO oauth_refresh (hash, family_id, expires_at, spent_at) VALUES ($1, $2, $3, 0)`, hash, family, expires)
	return err
}

func (s *Store) family(ctx context.Context, id string) (familyRow, error) {
	return db.Get[familyRow](ctx, s.db, `SELECT id, client_id, user_id, scopes, auth_time, expires_at, revoked_at
		FROM oauth_families WHERE id = $1`, id)
}

// refreshRow is one line of oauth_refresh.
type refreshRow struct {
	Hash, FamilyID     string
	ExpiresAt, SpentAt int64
}

func (s *Store) refresh(ctx context.Context, hash string) (refreshRow, familyRow, error) {
	r, err := db.Get[refreshRow](ctx, s.db, `SELECT hash, family_id, expires_at, spent_at FROM oauth_refresh WHERE hash = $1`, hash)
	if err != nil {
		return r, familyRow{}, err
	}
	f, err := s.family(ctx, r.FamilyID)
	return r, f, err
}

// rotate spends one refresh token and adds the next. It returns errSpent when
// another request was first, or the family was revoked meanwhile.
func (s *Store) rotate(ctx context.Context, old refreshRow, f familyRow, next string, expires int64, now time.Time) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE oauth_refresh SET spent_at = $1 WHERE hash = $2 AND spent_at = 0
			AND EXISTS (SELECT 1 FROM oauth_families WHERE id = oauth_refresh.family_id AND revoked_at = 0)`, now.UnixMilli(), old.Hash)
		if err != nil {
			return err
		}
		if n == 0 {
			return errSpent
		}
		if _, err := tx.Exec(ctx, `UPDATE oauth_grants SET used_at = $1 WHERE user_id = $2 AND client_id = $3`,
			now.UnixMilli(), f.UserID, f.ClientID); err != nil {
			return err
		}
		return addRefresh(ctx, tx, next, old.FamilyID, expires)
	})
}

func (s *Store) revokeFamily(ctx context.Context, id string, now time.Time) error {
	_, err := s.db.Exec(ctx, `UPDATE oauth_families SET revoked_at = $1 WHERE id = $2 AND revoked_at = 0`, now.UnixMilli(), id)
	return err
}

func (s *Store) revokeToken(ctx context.Context, jti string, expires time.Time) error {
	_, err := s.db.Exec(ctx, `INSERT INTO oauth_revoked (jti, expires_at) VALUES ($1, $2) ON CONFLICT (jti) DO NOTHING`, jti, expires.UnixMilli())
	return err
}

// Revoked reports whether an access token was revoked before its end, by the
// jti in it. One that a user's approval led to counts as revoked while its
// client is disabled. Resource servers in the same application may ask; others use
// introspection.
func (s *Store) Revoked(ctx context.Context, jti string) (bool, error) {
	family, _, ok := strings.Cut(jti, ".")
	if !made(family) {
		return true, nil // not one of ours
	}
	if !ok {
		n, err := db.Get[int64](ctx, s.db, `SELECT count(*) FROM oauth_revoked WHERE jti = $1`, jti)
		return n > 0, err
	}
	// None is one whose client was deleted.
	n, err := db.Get[int64](ctx, s.db, `SELECT count(*) FROM oauth_families f JOIN oauth_clients c ON c.id = f.client_id
		WHERE f.id = $1 AND f.revoked_at = 0 AND c.disabled_at = 0`, family)
	return n == 0, err
}

// Grant is what a user has approved for a client.
type Grant struct {
	// ClientID and ClientName say who may act for the user.
	ClientID, ClientName string
	// Scopes are all that were ever approved.
	Scopes []string
	// Disabled says that the client is, and so that nobody acts for the user now.
	Disabled bool
	// Created is the time of the first approval, Used when the client was last
	// given tokens: by an approval, or for a refresh token.
	Created, Used time.Time
}

// Grants returns what a user has approved, the last used first; at most 10,000.
func (s *Store) Grants(ctx context.Context, userID string) ([]Grant, error) {
	type row struct {
		ClientID, Name, Scopes        string
		CreatedAt, UsedAt, DisabledAt int64
	}
	rows, err := db.All[row](ctx, s.db, `SELECT g.client_id, c.name, g.scopes, g.created_at, g.used_at, c.disabled_at
		FROM oauth_grants g JOIN oauth_clients c ON c.id = g.client_id
		WHERE g.user_id = $1 ORDER BY g.used_at DESC, g.client_id LIMIT $2`, userID, maxClients)
	if err != nil {
		return nil, fmt.Errorf("galeoidc: grants: %w", err)
	}
	all := make([]Grant, len(rows))
	for i, r := range rows {
		all[i] = Grant{
			ClientID: r.ClientID, ClientName: r.Name, Scopes: strings.Fields(r.Scopes), Disabled: r.DisabledAt != 0,
			Created: moment(r.CreatedAt), Used: moment(r.UsedAt),
		}
	}
	return all, nil
}

// granted reports whether the user has approved all of the scopes before.
func (s *Store) granted(ctx context.Context, userID, clientID, scopes string) (bool, error) {
	old, err := db.Get[string](ctx, s.db, `SELECT scopes FROM oauth_grants WHERE user_id = $1 AND client_id = $2`, userID, clientID)
	if errors.Is(err, db.ErrNotFound) {
		return false, nil
	}
	return err == nil && subset(strings.Fields(scopes), strings.Fields(old)), err
}

// RevokeGrant takes back what a user has approved for a client, with its
// tokens. It is no error when there was nothing.
func (s *Store) RevokeGrant(ctx context.Context, userID, clientID string) error {
	if !made(clientID) {
		return nil
	}
	return s.revoke(ctx, `user_id = $1 AND client_id = $2`, userID, clientID)
}

// RevokeUser does so for all clients, for the day on which an account is closed
// or taken back from a thief.
func (s *Store) RevokeUser(ctx context.Context, userID string) error {
	return s.revoke(ctx, `user_id = $1`, userID)
}

// revoke ends what the condition selects, which is a constant of this file.
func (s *Store) revoke(ctx context.Context, where string, args ...any) error {
	now := strconv.FormatInt(s.now().UnixMilli(), 10)
	err := s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		for _, statement := range []string{
			`DELETE FROM oauth_grants WHERE ` + where,
			`UPDATE oauth_codes SET used_at = ` + now + ` WHERE used_at = 0 AND ` + where,
			`UPDATE oauth_families SET revoked_at = ` + now + ` WHERE revoked_at = 0 AND ` + where,
		} {
			if _, err := tx.Exec(ctx, statement, args...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("galeoidc: revoke: %w", err)
	}
	return nil
}

// sweepAtOnce is how many rows of a table are removed in one transaction, while
// which others that write wait on SQLite.
const sweepAtOnce = 5000

// DeleteExpired removes what has ended by now, in batches of 5,000 rows. Call it
// every minute or so. The server does by itself, as requests come, but removes
// one batch of each table only, which a busy one may outgrow.
func (s *Store) DeleteExpired(ctx context.Context, now time.Time) error {
	for {
		more, err := s.deleteExpired(ctx, now)
		if err != nil || !more {
			return err
		}
	}
}

// deleteExpired removes one batch of each table and reports whether there may be
// more.
func (s *Store) deleteExpired(ctx context.Context, now time.Time) (more bool, err error) {
	for _, t := range []struct {
		table, key string
		before     time.Time
	}{
		{"oauth_requests", "id", now},
		{"oauth_codes", "hash", now.Add(-keepUsed)},
		{"oauth_refresh", "hash", now},
		{"oauth_families", "id", now.Add(-keepUsed)},
		{"oauth_revoked", "jti", now.Add(-leeway)}, // as long as a verifier may accept the token
	} {
		n, err := s.db.Exec(ctx, `DELETE FROM `+t.table+` WHERE `+t.key+` IN (
			SELECT `+t.key+` FROM `+t.table+` WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`, t.before.UnixMilli(), sweepAtOnce)
		if err != nil {
			return false, fmt.Errorf("galeoidc: delete expired: %w", err)
		}
		more = more || n == sweepAtOnce
	}
	return more, nil
}
