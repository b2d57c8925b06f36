package passkey

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// List returns the credentials of a user, the oldest first.
func (p *Passkeys) List(ctx context.Context, user string) ([]Credential, error) {
	all, err := p.o.Store.ByUser(ctx, user)
	if err != nil {
		return nil, fmt.Errorf("passkey: list credentials: %w", err)
	}
	return all, nil
}

// Rename gives the user's credential another name. It returns [ErrNotFound] when
// it is not the user's and [ErrName] when the name has more than 64 characters
// or such that are not text.
func (p *Passkeys) Rename(ctx context.Context, user, id, name string) error {
	name, err := cleanName(name)
	if err != nil {
		return err
	}
	if !isID(id) {
		return fmt.Errorf("passkey: rename a credential: %w", ErrNotFound)
	}
	for range maxTries {
		c, err := p.o.Store.ByID(ctx, id)
		if err == nil && c.UserID != user {
			err = ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("passkey: rename a credential: %w", err)
		}
		c.Name = name
		if err := p.o.Store.Update(ctx, c); !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return ErrConflict
}

// Delete removes the user's credential: it cannot sign in any more. It returns
// [ErrNotFound] when it is not the user's. Whether the user still has another
// way in is for the application to look at. Sessions stay; see
// session.Manager.RevokeAll.
func (p *Passkeys) Delete(ctx context.Context, user, id string) error {
	err := ErrNotFound
	if isID(id) {
		err = p.o.Store.Delete(ctx, user, id)
	}
	if err != nil {
		return fmt.Errorf("passkey: delete a credential: %w", err)
	}
	return nil
}

// isID reports whether a text from an address can be the id of a credential, which
// is base64url: what else there is no database need be able to compare.
func isID(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '-' && r != '_'
	})
}
