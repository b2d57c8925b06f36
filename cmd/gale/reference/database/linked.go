package database

import (
	"context"
	"encoding/base64"

	"github.com/galeweb/gale/auth/oauth"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/keyring"
	"github.com/galeweb/gale/obs"
)

// LinkedAccounts keeps which account elsewhere is which user's, with the mail
// addresses encrypted, and bound to the account. One whose key is gone reads as
// "": it is there for people only, and nothing is found by it.
type LinkedAccounts struct {
	*oauth.SQLStore
	box *keyring.AEAD
}

// LinkedAccounts returns the links of the store's database.
func (s *Store) LinkedAccounts() *LinkedAccounts {
	return &LinkedAccounts{oauth.NewSQLStore(s.db), s.keys.AEAD("oauth_links.email")}
}

// account is what an address is bound to. A subject has no line breaks.
func account(r oauth.Record) []byte { return []byte(r.Subject + "\n" + r.Issuer) }

func (l *LinkedAccounts) seal(r oauth.Record) (oauth.Record, error) {
	if r.Email == "" {
		return r, nil
	}
	sealed, err := l.box.Seal([]byte(r.Email), account(r))
	r.Email = base64.RawStdEncoding.EncodeToString(sealed)
	return r, err
}

func (l *LinkedAccounts) open(ctx context.Context, r oauth.Record) oauth.Record {
	if r.Email == "" {
		return r
	}
	sealed, err := base64.RawStdEncoding.DecodeString(r.Email)
	var address []byte
	if err == nil {
		address, err = l.box.Open(sealed, account(r))
	}
	if err != nil {
		obs.Logger(ctx).WarnContext(ctx, "the address of a linked account cannot be read", "provider", r.Provider, "user", r.User, "err", err)
	}
	r.Email = string(address)
	return r
}

// Find implements [oauth.Links].
func (l *LinkedAccounts) Find(ctx context.Context, issuer, subject string) (oauth.Record, error) {
	r, err := l.SQLStore.Find(ctx, issuer, subject)
	return l.open(ctx, r), err
}

// Add implements [oauth.Links].
func (l *LinkedAccounts) Add(ctx context.Context, r oauth.Record) error {
	r, err := l.seal(r)
	if err != nil {
		return err
	}
	return l.SQLStore.Add(ctx, r)
}

// AddTx is Add in a transaction.
func (l *LinkedAccounts) AddTx(ctx context.Context, tx *db.Tx, r oauth.Record) error {
	r, err := l.seal(r)
	if err != nil {
		return err
	}
	return l.SQLStore.AddTx(ctx, tx, r)
}

// ByUser implements [oauth.Links].
func (l *LinkedAccounts) ByUser(ctx context.Context, user string) ([]oauth.Record, error) {
	all, err := l.SQLStore.ByUser(ctx, user)
	for i, r := range all {
		all[i] = l.open(ctx, r)
	}
	return all, err
}
