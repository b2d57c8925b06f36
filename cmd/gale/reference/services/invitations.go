package services

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/models"
)

// InviteStore keeps invitations, which are links of mails; [LinkStore.AddLinks]
// adds them.
type InviteStore interface {
	// Invitations lists those that work, the newest first, at most limit.
	Invitations(ctx context.Context, now time.Time, limit int) ([]models.Link, error)
	// InvitationOf returns that of an address. ErrNotFound is one that was never
	// invited, or whose invitation does not work any more.
	InvitationOf(ctx context.Context, email string, now time.Time) (models.Link, error)
	// RevokeInvitation ends one. ErrNotFound is one that does not work any more.
	RevokeInvitation(ctx context.Context, hash []byte, now time.Time) error
}

// inviteAge is how long an invitation works.
const inviteAge = 7 * 24 * time.Hour

// maxInvitations is how many are listed.
const maxInvitations = 500

// Invite mails a link with which the owner of the address makes an account that
// has the role, also where visitors may make none. Another invitation of the
// address ends. The caller must hold [MayAdmin], and sees all addresses anyway: so
// one that has an account is told. It is [ErrOutdated] for an admin who is not what
// was read.
func (a *Accounts) Invite(ctx context.Context, by models.User, email string, role models.Role) error {
	if err := a.May.require(ctx, MayAdmin); err != nil {
		return err
	}
	email = models.NormalizeEmail(email)
	var bad Invalid
	bad.check("email", models.CheckEmail(email))
	if len(bad) == 0 {
		_, err := a.Store.UserByEmail(ctx, email)
		switch {
		case err == nil:
			bad.check("email", "has an account already")
		case !errors.Is(err, ErrNotFound):
			return err
		}
	}
	if err := bad.err(); err != nil {
		return err
	}
	l, token := a.newLink(models.Link{Purpose: models.InviteLink, Email: email, Role: role, InvitedBy: by.ID}, inviteAge)
	err := a.Links.AddLinks(record(a.Standing.Unchanged(ctx, by), a.Audit, by, "user.invited", inviteID(l.Hash), "role", string(role)), l)
	if errors.Is(err, ErrNoRole) {
		return Invalid{{"role", "does not exist, or not any more"}}
	}
	if err != nil {
		return err
	}
	text := invited(by, l, a.Address(l.Purpose, token))
	return a.Mails.Later(func(ctx context.Context) error { return a.Mails.send(ctx, text) })
}

// inviteID names an invitation. The hash of its token opens nothing.
func inviteID(hash []byte) string { return hex.EncodeToString(hash) }

// accepted is what the log says of the account that an invitation makes.
func accepted(l models.Link) (detail []string) {
	if l.Purpose == models.InviteLink {
		detail = []string{"invitation", inviteID(l.Hash), "role", string(l.Role)}
	}
	return detail
}

// Invitation is one as admins see it.
type Invitation struct {
	models.Link
	ID string
	By string // the name of who invites
}

// Invitations lists those that work. The caller must hold [MayAdmin].
func (a *Accounts) Invitations(ctx context.Context) ([]Invitation, error) {
	if err := a.May.require(ctx, MayAdmin); err != nil {
		return nil, err
	}
	links, err := a.Invites.Invitations(ctx, a.Now().UTC(), maxInvitations)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	all := make([]Invitation, len(links))
	for i, l := range links {
		name, ok := names[l.InvitedBy]
		if !ok {
			u, err := a.Store.User(ctx, l.InvitedBy)
			if err != nil && !errors.Is(err, ErrNotFound) {
				return nil, err
			}
			name = u.Name
			names[l.InvitedBy] = name
		}
		all[i] = Invitation{l, inviteID(l.Hash), name}
	}
	return all, nil
}

// RevokeInvitation ends one. The caller must hold [MayAdmin].
func (a *Accounts) RevokeInvitation(ctx context.Context, by models.User, id string) error {
	if err := a.May.require(ctx, MayAdmin); err != nil {
		return err
	}
	hash, err := hex.DecodeString(id)
	if err != nil {
		return ErrNotFound
	}
	return a.Invites.RevokeInvitation(record(ctx, a.Audit, by, "invitation.revoked", id), hash, a.Now().UTC())
}

// AcceptInvitation makes the account that somebody was invited to, as
// ConfirmSignUp does.
func (a *Accounts) AcceptInvitation(ctx context.Context, token, name, password string) (models.User, error) {
	u, err := a.join(ctx, models.InviteLink, token, name, password)
	if errors.Is(err, ErrNoRole) {
		err = ErrNotFound // an admin has removed the role meanwhile
	}
	return u, err
}
