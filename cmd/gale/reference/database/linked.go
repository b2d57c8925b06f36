package database

import (
	"context"
	"encoding/base64"

	"github.com/galeweb/gale/auth/oauth"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/keyring"
	"github.com/galeweb/gale/keyring/reencrypt"
	"github.com/galeweb/gale/obs"
)

// LinkedAccounts keeps which account elsewhere is which user's, with the mail
// addresses encrypted, and bound to the account. One whose key is gone reads as
// "": it is there for people only, and nothing is found by it.
type LinkedAccounts struct {
	*oauth.SQLStore
	db  *db.DB
	box *keyring.AEAD
}

// LinkedAccounts returns the links of the store's database.
func (s *Store) LinkedAccounts() *LinkedAccounts {
	return &LinkedAccounts{oauth.NewSQLStore(s.db), s.db, s.keys.AEAD("oauth_links.email")}
}

// SealedLinks is the addresses, for package reencrypt to move to another key.
func (s *Store) SealedLinks() *reencrypt.Table {
	return reencrypt.NewTable(s.db, reencrypt.TableOptions{Table: "oauth_links", Key: "account", Columns: []reencrypt.Column{
		{Name: "email_sealed", AEAD: s.LinkedAccounts().box},
	}})
}

// account is what an address is bound to, and a column that the database makes.
// A subject has no line breaks.
func account(issuer, subject string) string { return subject + "\n" + issuer }

// open fills in the addresses of links, all of one user.
func (l *LinkedAccounts) open(ctx context.Context, links ...oauth.Record) error {
	if len(links) == 0 {
		return nil
	}
	rows, err := db.All[struct {
		Account     string
		EmailSealed []byte
	}](ctx, l.db, "SELECT account, email_sealed FROM oauth_links WHERE user_id = $1 AND email_sealed IS NOT NULL LIMIT $2", links[0].User, maxLinks)
	if err != nil {
		return err
	}
	sealed := map[string][]byte{}
	for _, r := range rows {
		sealed[r.Account] = r.EmailSealed
	}
	for i, r := range links {
		at := account(r.Issuer, r.Subject)
		if sealed[at] == nil {
			continue
		}
		address, err := l.box.Open(sealed[at], []byte(at))
		if err != nil {
			obs.Logger(ctx).WarnContext(ctx, "the address of a linked account cannot be read", "provider", r.Provider, "user", r.User, "err", err)
		}
		links[i].Email = string(address)
	}
	return nil
}

// maxLinks bounds a list; nobody has so many accounts elsewhere.
const maxLinks = 1000

// Find implements [oauth.Links].
func (l *LinkedAccounts) Find(ctx context.Context, issuer, subject string) (oauth.Record, error) {
	r, err := l.SQLStore.Find(ctx, issuer, subject)
	if err != nil {
		return r, err
	}
	found := []oauth.Record{r}
	err = l.open(ctx, found...)
	return found[0], err
}

// Add implements [oauth.Links].
func (l *LinkedAccounts) Add(ctx context.Context, r oauth.Record) error {
	return l.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		// Locks, as in CreateLinkedUser, which may link the same account at once.
		if _, err := next(ctx, tx, "users", 0); err != nil {
			return err
		}
		return l.AddTx(ctx, tx, r)
	})
}

// AddTx is Add in a transaction.
func (l *LinkedAccounts) AddTx(ctx context.Context, tx *db.Tx, r oauth.Record) error {
	address := r.Email
	r.Email = ""
	if err := l.SQLStore.AddTx(ctx, tx, r); err != nil || address == "" {
		return err
	}
	at := account(r.Issuer, r.Subject)
	sealed, err := l.box.Seal([]byte(address), []byte(at))
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "UPDATE oauth_links SET email_sealed = $2 WHERE account = $1", at, sealed)
	return err
}

// ByUser implements [oauth.Links].
func (l *LinkedAccounts) ByUser(ctx context.Context, user string) ([]oauth.Record, error) {
	all, err := l.SQLStore.ByUser(ctx, user)
	if err != nil {
		return nil, err
	}
	return all, l.open(ctx, all...)
}

const linkedAsText = "FROM oauth_links WHERE email <> ''"

// sealText moves addresses to where they can be moved to another key: an older
// relay had them as text of what is encrypted, and the first one in clear.
func (l *LinkedAccounts) sealText(ctx context.Context, tx *db.Tx) (int, error) {
	rows, err := db.All[struct{ Account, Email string }](ctx, tx, "SELECT account, email "+linkedAsText+" LIMIT $1", sealBatch)
	if err != nil {
		return 0, err
	}
	for _, r := range rows {
		sealed, err := base64.RawStdEncoding.DecodeString(r.Email)
		if _, made := keyring.KeyOf(sealed); err != nil || !made {
			if sealed, err = l.box.Seal([]byte(r.Email), []byte(r.Account)); err != nil {
				return 0, err
			}
		}
		if _, err := tx.Exec(ctx, "UPDATE oauth_links SET email_sealed = $2, email = '' WHERE account = $1", r.Account, sealed); err != nil {
			return 0, err
		}
	}
	return len(rows), nil
}
