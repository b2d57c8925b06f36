package services

import (
	"context"
	"errors"

	"github.com/galeweb/gale/cmd/gale/reference/models"
)

// ErrOutdated is a change by somebody whose session has ended since it was looked
// at, because the account was taken back, disabled or deleted.
var ErrOutdated = errors.New("services: the account was secured meanwhile")

// Standing holds what a user makes to the account as it is at that moment: a thief
// must not get, while the owner sets a new password, what outlives it.
type Standing interface {
	// Unchanged returns a context with which a change of the database is undone,
	// with [ErrOutdated], when u has been disabled or deleted, or has another
	// [models.User.Stamp]. Of that and the change at once, either the change does
	// not happen, or whoever secures the account finds it.
	Unchanged(ctx context.Context, u models.User) context.Context
}
