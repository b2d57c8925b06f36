package services

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/models"
)

// LinkStore keeps the links that were mailed.
type LinkStore interface {
	// AddLinks stores links, and forgets those that have expired. A
	// [models.NewEmailLink] ends the user's earlier change of address.
	AddLinks(ctx context.Context, links ...models.Link) error
	// Link returns a link and leaves it as it is, for the page that it opens:
	// programs that look into mail open links too. ErrNotFound is one that never
	// was, has expired, was used, or is for something else.
	Link(ctx context.Context, purpose models.Purpose, hash []byte, now time.Time) (models.Link, error)
	// UpdateUserByLink uses a link up and does what UpdateUser does, both or
	// neither. Of two calls at once only one finds the link.
	UpdateUserByLink(ctx context.Context, purpose models.Purpose, hash []byte, now time.Time, change func(*models.User) error) (models.User, error)
	// ChangeEmail uses up one of the two links of a change of address. It is
	// done once the second is; without allow it is off, and both links end.
	ChangeEmail(ctx context.Context, purpose models.Purpose, hash []byte, now time.Time, allow bool) (u models.User, done bool, err error)
}

// How long links work.
const (
	signUpAge = 24 * time.Hour
	resetAge  = time.Hour
	emailAge  = 24 * time.Hour
)

// newLink returns l with what is missing, and the token for the mail.
func (a *Accounts) newLink(l models.Link, age time.Duration) (models.Link, string) {
	b := make([]byte, 32)
	rand.Read(b) // never fails, see its documentation
	token := base64.RawURLEncoding.EncodeToString(b)
	l.Hash = hashToken(token)
	l.CreatedAt = a.Now().UTC()
	l.ExpiresAt = l.CreatedAt.Add(age)
	return l, token
}

// hashToken is what is stored of a token. A fast hash is enough: nobody can try
// 2^256 tokens, and comparing hashes tells nothing of the token.
func hashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// LinkOf returns the link that a token belongs to, unspent; ErrNotFound when it
// does not work, or not any more.
func (a *Accounts) LinkOf(ctx context.Context, purpose models.Purpose, token string) (models.Link, error) {
	return a.Links.Link(ctx, purpose, hashToken(token), a.Now().UTC())
}
