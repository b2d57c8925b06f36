package services

import (
	"context"
	"iter"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/cmd/gale/reference/models"
)

// RemovalStore gives users what is theirs, and forgets it.
type RemovalStore interface {
	// DeleteUser forgets a user's name, address, password and keys, mailed links
	// and those to accounts elsewhere. Names that the user had stay reserved,
	// and packets stay under them: they belong to the channel, and nobody else
	// is to send under that name. Channels stay too. ErrNotFound is an unknown
	// id, and [ErrLastAdmin] a user without whom no enabled admin would be left.
	DeleteUser(ctx context.Context, id string, at time.Time) error
	// Owned returns the channels that the user has made.
	Owned(ctx context.Context, userID string) ([]models.Channel, error)
	// Sent yields the packets that the user and the user's keys have sent,
	// under each name that the user has had, oldest first.
	Sent(ctx context.Context, userID string) iter.Seq2[models.SentPacket, error]
}

// Delete deletes the account of a user who types the own name and password,
// and mails a last word. The caller asks who has no password for another proof
// of a moment ago, and ends the user's sessions.
func (a *Accounts) Delete(ctx context.Context, u models.User, at auth.Attempt, name, password string) error {
	var bad Invalid
	if name != u.Name {
		bad.check("name", "is not your name")
	}
	if err := a.confirmed(ctx, &bad, "password", u, at, password); err != nil {
		return err
	}
	if err := bad.err(); err != nil {
		return err
	}
	if err := a.Removal.DeleteUser(record(ctx, a.Audit, u, "account.deleted", u.ID), u.ID, a.Now().UTC()); err != nil {
		return err
	}
	a.notify(ctx, accountDeleted(u))
	return nil
}
