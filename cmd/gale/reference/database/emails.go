package database

import (
	"context"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/keyring"
	"github.com/galeweb/gale/keyring/reencrypt"
	"github.com/galeweb/gale/obs"
)

// emails keeps the mail addresses of one table: encrypted and bound to their
// row in the column email, and as a keyed hash, by which they are found, in
// email_index.
type emails struct {
	table string
	box   *keyring.AEAD
	index *keyring.BlindIndex
}

func newEmails(keys *keyring.Ring, table string) emails {
	// Each table has hashes of its own: a copy of the database does not show
	// whose the links are.
	context := table + ".email"
	return emails{table, keys.AEAD(context), keys.BlindIndex(context, keyring.IndexOptions{Normalize: models.NormalizeEmail})}
}

// seal returns what is stored for an address.
func (e emails) seal(address, row string) (sealed keyring.Encrypted[string], index []byte, err error) {
	if index, err = e.index.Sum(address); err != nil {
		return sealed, nil, err
	}
	sealed, err = keyring.Seal(e.box, address, row)
	return sealed, index, err
}

// open returns the address of a row, or "" and false where it cannot be read:
// somebody has changed the row, or its key is gone. It is the log that says so.
// The rest of the row is as good as before, so that who has the account stays
// signed in and admins see it; what needs the address refuses "".
func (e emails) open(ctx context.Context, sealed keyring.Encrypted[string], row string) (string, bool) {
	address, err := sealed.Open(e.box, row)
	if err != nil {
		obs.Logger(ctx).ErrorContext(ctx, "a mail address cannot be read", "table", e.table, "row", row, "key", sealed.KeyID(), "err", err)
	}
	return address, err == nil
}

// is returns a condition for rows that have the address, whichever key they
// are under, and its arguments: args, and behind them the hashes.
func (e emails) is(address string, args ...any) (condition string, all []any, err error) {
	sums, err := e.index.Sums(address)
	if err != nil {
		return "", nil, err
	}
	condition = "email_index IN (" + placeholders(len(args)+1, len(sums)) + ")"
	for _, sum := range sums {
		args = append(args, sum)
	}
	return condition, args, nil
}

// emailFree returns a [services.TakenError] when another user has the address.
// The unique index sees only those under the same key, so the caller holds the
// lock of update.
func (s *Store) emailFree(ctx context.Context, tx *db.Tx, u models.User) error {
	has, args, err := s.users.is(u.Email, u.ID)
	if err != nil {
		return err
	}
	taken, err := db.Get[bool](ctx, tx, "SELECT EXISTS (SELECT 1 FROM users WHERE id <> $1 AND "+has+")", args...)
	if err == nil && taken {
		return &services.TakenError{Field: "email"}
	}
	return err
}

// Sealed is the users' addresses, for package reencrypt to move to another key.
// Those of links are left out: none lasts longer than an invitation, seven days.
func (s *Store) Sealed() *reencrypt.Table {
	return reencrypt.NewTable(s.db, reencrypt.TableOptions{Table: "users", Columns: []reencrypt.Column{
		{Name: "email", AEAD: s.users.box, IndexName: "email_index", Index: s.users.index},
	}})
}
