package services

import (
	"context"
	"errors"
	"strings"
)

// NameStore knows users by their names.
type NameStore interface {
	// NameOwner returns the id of the user who has or had the name, deleted ones
	// too, or ErrNotFound.
	NameOwner(ctx context.Context, name string) (string, error)
	// Names returns the names of the users with the ids, without those that
	// nobody has.
	Names(ctx context.Context, ids []string) (map[string]string, error)
}

// IDOf returns the id of the user who has the mail address, or has or had the
// name. Any other text is returned as it is: it may be an id.
func (a *Accounts) IDOf(ctx context.Context, text string) (id string, err error) {
	if strings.Contains(text, "@") {
		u, failed := a.Store.UserByEmail(ctx, text)
		id, err = u.ID, failed
	} else {
		id, err = a.Names.NameOwner(ctx, text)
	}
	if errors.Is(err, ErrNotFound) {
		return text, nil
	}
	return id, err
}
