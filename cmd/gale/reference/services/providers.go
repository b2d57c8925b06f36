package services

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/galeweb/gale/auth/oauth"
	"github.com/galeweb/gale/cmd/gale/reference/models"
)

// ProviderStore keeps users whom a provider knows.
type ProviderStore interface {
	// CreateLinkedUser stores u and the link to the account at the provider, or
	// neither, and returns u. The very first user becomes an admin whatever
	// u.Role says; with onlyFirst any other is [ErrNotFirst]. With the hash of a
	// [models.InviteLink], that is used up, u gets its address and role, and need
	// not be the first; one that does not work is ErrNotFound, and one whose role
	// is gone [ErrNoRole]. Mailed links to sign up with the address end. A name or address that is taken is a
	// [TakenError], and an account there that is linked [oauth.ErrLinked]. All
	// of this holds when two sign up at once.
	CreateLinkedUser(ctx context.Context, u models.User, link oauth.Record, onlyFirst bool, invitation []byte) (models.User, error)
}

var (
	// ErrHasAccount is returned for a new account with an address that has one.
	ErrHasAccount = errors.New("services: the address has an account")
	// ErrUnproved is returned for a new account with an address that the
	// provider has not proved, or not told.
	ErrUnproved = errors.New("services: the provider has not proved the address")
	// ErrSetup is returned for the very first account where that needs the token
	// of [Setup]: it is made by the form that asks for it.
	ErrSetup = errors.New("services: the first account needs the setup token")
)

// Providers lets people sign in with an account elsewhere. Who somebody is here
// is known by links alone, never by a mail address: whoever can write an address
// into an account elsewhere would own the account here. Accounts that are made by
// a provider have no password until their owner sets one by a mailed link.
type Providers struct {
	Accounts *Accounts
	Factors  *Factors
	Links    oauth.Links
	Store    ProviderStore
}

// SignIn returns the user that is linked: [oauth.ErrUnknown] when none is, and
// [ErrDisabled] for one whom an admin has disabled.
func (p *Providers) SignIn(ctx context.Context, res oauth.Result) (models.User, error) {
	id, err := oauth.Resolve(ctx, p.Links, res, p.Accounts.Now())
	if err != nil {
		return models.User{}, err
	}
	u, err := p.Accounts.Store.User(ctx, id)
	switch {
	case errors.Is(err, ErrNotFound): // deleted a moment ago
		return models.User{}, oauth.ErrUnknown
	case err != nil:
		return models.User{}, fmt.Errorf("sign in: %w", err)
	case u.Disabled:
		return models.User{}, &RefusedError{u.ID, ErrDisabled}
	}
	return u, nil
}

// MayJoin returns why there can be no new account for the identity: nil,
// [ErrUnproved], [ErrHasAccount], [ErrSetup] or [ErrSignUpClosed]. Only of an address that
// the provider has proved it tells whether it has an account. Where the identity is
// invited it returns the invitation, whose address the account gets: see invitation
// for token.
func (p *Providers) MayJoin(ctx context.Context, id oauth.Identity, token string) (invited models.Link, err error) {
	if invited, err = p.invitation(ctx, id, token); err != nil {
		return invited, err
	}
	email := cmp.Or(invited.Email, models.NormalizeEmail(id.Email))
	if invited.Email == "" && !proved(id) {
		return invited, ErrUnproved
	}
	_, err = p.Accounts.Store.UserByEmail(ctx, email)
	switch {
	case err == nil:
		return invited, ErrHasAccount
	case !errors.Is(err, ErrNotFound):
		return invited, err
	case invited.Email != "":
		return invited, nil
	}
	first, err := p.Accounts.IsNew(ctx)
	switch {
	case err != nil:
		return invited, err
	case first && p.Accounts.Setup != nil:
		return invited, ErrSetup
	case !first && !p.Accounts.Open:
		return invited, ErrSignUpClosed
	}
	return invited, nil
}

// proved reports whether the provider has proved an address of the identity.
func proved(id oauth.Identity) bool {
	return id.EmailVerified && models.CheckEmail(models.NormalizeEmail(id.Email)) == ""
}

// invitation returns that which the identity may accept, or none: that of token,
// with which the trip to the provider has begun on the page of the invitation, or
// that of the address that the provider has proved.
//
// A token is a proof of the mailbox that it was mailed to, and opens with a password
// of one's choice what it opens here: so the address at the provider need not be the
// same, nor be proved. The account gets the address that was invited, and never
// another with the role. Whoever sends somebody else to the page of an invitation of
// their own would share that person's account, by a reset; the page and the next name
// the address, other sites begin no trip, and a form makes the account. An address
// that is proved takes the provider's word, as any sign-up with it does: whom the
// configuration names as a provider can take up what admins have sent and nobody has
// accepted. One that is not proved could be anybody's, and finds nothing. An
// invitation that was used, revoked or is too old is none.
func (p *Providers) invitation(ctx context.Context, id oauth.Identity, token string) (models.Link, error) {
	if token != "" {
		l, err := p.Accounts.LinkOf(ctx, models.InviteLink, token)
		if !errors.Is(err, ErrNotFound) {
			return l, err
		}
	}
	if !proved(id) {
		return models.Link{}, nil
	}
	l, err := p.Accounts.Invites.InvitationOf(ctx, models.NormalizeEmail(id.Email), p.Accounts.Now().UTC())
	if errors.Is(err, ErrNotFound) {
		return models.Link{}, nil
	}
	return l, err
}

// Join makes an account with the address of the invitation, or else that which the
// provider has proved, and links it. Its errors are those of MayJoin, Invalid and
// [TakenError] for the name, ErrNotFound for an invitation that has ended meanwhile,
// and [oauth.ErrLinked] when the identity has got an account meanwhile.
func (p *Providers) Join(ctx context.Context, id oauth.Identity, token, name string) (models.User, error) {
	invited, err := p.MayJoin(ctx, id, token)
	if err != nil {
		return models.User{}, err
	}
	var bad Invalid
	bad.check("name", models.CheckUserName(name))
	if err := bad.err(); err != nil {
		return models.User{}, err
	}
	now := p.Accounts.Now().UTC()
	u := models.User{ID: rand.Text(), Name: name, Email: models.NormalizeEmail(id.Email), Role: models.Viewer, CreatedAt: now}
	created := record(record(ctx, p.Accounts.Audit, u, "account.created", u.ID, accepted(invited)...), p.Accounts.Audit, u, "oauth.linked", id.Provider)
	u, err = p.Store.CreateLinkedUser(created, u, oauth.NewRecord(u.ID, id, now), !p.Accounts.Open, invited.Hash)
	switch taken, isTaken := errors.AsType[*TakenError](err); {
	case errors.Is(err, ErrNotFirst):
		return models.User{}, ErrSignUpClosed
	case errors.Is(err, ErrNoRole):
		return models.User{}, ErrNotFound
	case isTaken && taken.Field == "email":
		return models.User{}, ErrHasAccount
	}
	return u, err
}

// Link links what came back to u, who has begun the trip, and mails u when it is
// new; label is what people call the provider. [oauth.ErrOtherUser] is an account
// there that is another's here, and [ErrOutdated] a user who is not what was read.
func (p *Providers) Link(ctx context.Context, u models.User, res oauth.Result, label string) (added bool, err error) {
	links := recordedLinks{p.Links, &added, func(ctx context.Context) context.Context {
		return record(p.Accounts.Standing.Unchanged(ctx, u), p.Accounts.Audit, u, "oauth.linked", res.Identity.Provider)
	}}
	if _, err := oauth.Resolve(ctx, links, res, p.Accounts.Now()); err != nil || !added {
		return false, err
	}
	return true, p.changed(ctx, u, "An account at "+label+" was linked")
}

// recordedLinks has a new link stored with its record, and a use of one that is
// there without.
type recordedLinks struct {
	oauth.Links
	added *bool
	with  func(context.Context) context.Context
}

// Add implements [oauth.Links].
func (l recordedLinks) Add(ctx context.Context, r oauth.Record) error {
	err := l.Links.Add(l.with(ctx), r)
	*l.added = err == nil
	return err
}

// Prove reports whether what came back is linked to who has begun the trip:
// else it is [oauth.ErrOtherUser] or [oauth.ErrUnknown].
func (p *Providers) Prove(ctx context.Context, res oauth.Result) error {
	_, err := oauth.Resolve(ctx, p.Links, res, p.Accounts.Now())
	return err
}

// Unlink ends a link of u, and with it what was half done or trusted because of
// it, and mails u; label is what people call the provider. The last way to sign in
// stays, [ErrLastWay]. ErrNotFound is a link that u does not have.
func (p *Providers) Unlink(ctx context.Context, u models.User, link oauth.Record, label string) error {
	removed := record(p.Accounts.Ways.KeepWay(ctx, u.ID), p.Accounts.Audit, u, "oauth.unlinked", link.Provider)
	err := p.Links.Remove(removed, u.ID, link.Issuer, link.Subject, false)
	if errors.Is(err, oauth.ErrNotFound) {
		return ErrNotFound
	}
	if err != nil {
		return err
	}
	return p.changed(ctx, u, "The link to an account at "+label+" was removed")
}

// changed does for links what Factors.Changed does for factors.
func (p *Providers) changed(ctx context.Context, u models.User, what string) error {
	if err := p.Factors.forget(ctx, u.ID); err != nil {
		return err
	}
	p.Accounts.notify(ctx, waysChanged(u, what))
	return nil
}
