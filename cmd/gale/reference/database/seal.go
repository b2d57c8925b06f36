package database

import (
	"context"
	"errors"
	"fmt"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/keyring"
	"github.com/galeweb/gale/obs"
)

// sealBatch is how many rows of a table are encrypted in one transaction.
const sealBatch = 500

// Seal encrypts the mail addresses that an older relay has left in clear. Call
// it after [Migrate] and before the first request, so that nothing else needs to
// know of addresses in clear. Whoever is stopped in the middle goes on at the
// next start, and several processes may do it at once. It fails where the
// database has addresses and the store has none of their keys.
func (s *Store) Seal(ctx context.Context) error {
	if err := s.knows(ctx); err != nil {
		return err
	}
	for all := 0; ; {
		n, err := s.sealSome(ctx)
		if err != nil {
			return fmt.Errorf("encrypt mail addresses: %w", err)
		}
		if all += n; n > 0 {
			continue
		}
		if all > 0 {
			obs.Logger(ctx).InfoContext(ctx, "mail addresses were encrypted", "rows", all)
			s.shred(ctx)
		}
		return nil
	}
}

// shredMost is the most bytes of a file that is written anew at the start:
// SQLite does it in memory, and relay waits for it.
const shredMost = 64 << 20

// shred has SQLite write its file anew, in whose free space the addresses still
// are. Postgres reuses the space by itself, sooner or later.
func (s *Store) shred(ctx context.Context) {
	if s.db.Dialect() != db.SQLite {
		return
	}
	size, err := db.Get[int64](ctx, s.db, "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
	if err == nil && size > shredMost {
		err = errLarge
	} else if err == nil {
		_, err = s.db.Exec(ctx, "VACUUM")
	}
	if err != nil {
		obs.Logger(ctx).WarnContext(ctx, "mail addresses from before are still in free space of the database file; stop relay and run VACUUM on it, once", "bytes", size, "err", err)
	}
}

var errLarge = errors.New("the file is too large to write it anew at the start")

var errOtherKeys = errors.New("the keys are not those that the mail addresses in the database are encrypted with; give relay the file of keys that it had before")

// knows keeps relay from starting with the keys of another database: nobody
// could sign in, and addresses that are taken would look free.
func (s *Store) knows(ctx context.Context) error {
	const some = 100 // one may be under a key that was thrown away by intent
	rows, err := db.All[keyring.Encrypted[string]](ctx, s.db, "SELECT email FROM users WHERE email IS NOT NULL LIMIT $1", some)
	if err != nil {
		return err
	}
	set := s.keys.Set()
	for _, r := range rows {
		if _, ok := set.Find(r.KeyID()); ok {
			return nil
		}
	}
	if len(rows) > 0 {
		return errOtherKeys
	}
	return nil
}

const (
	usersInClear = "FROM users WHERE email IS NULL AND email_clear <> '~' || id"
	linksInClear = "FROM mail_links WHERE email IS NULL"
)

// sealSome encrypts one batch of each table and returns how many that were.
func (s *Store) sealSome(ctx context.Context) (n int, err error) {
	// Most starts find nothing, and need not write to know it.
	some, err := db.Get[bool](ctx, s.db, "SELECT EXISTS (SELECT 1 "+usersInClear+") OR EXISTS (SELECT 1 "+linksInClear+") OR EXISTS (SELECT 1 "+linkedAsText+")")
	if err != nil || !some {
		return 0, err
	}
	err = s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		// Locks, as in update: another process that does this waits, and finds
		// the next ones.
		if _, err := next(ctx, tx, "users", 0); err != nil {
			return err
		}
		users, err := s.sealUsers(ctx, tx)
		if err != nil {
			return err
		}
		links, err := s.sealLinks(ctx, tx)
		if err != nil {
			return err
		}
		linked, err := s.LinkedAccounts().sealText(ctx, tx)
		n = users + links + linked
		return err
	})
	return n, err
}

func (s *Store) sealUsers(ctx context.Context, tx *db.Tx) (int, error) {
	rows, err := db.All[struct{ ID, Email string }](ctx, tx, "SELECT id, email_clear AS email "+usersInClear+" LIMIT $1", sealBatch)
	if err != nil {
		return 0, err
	}
	for _, r := range rows {
		sealed, index, err := s.users.seal(r.Email, r.ID)
		if err != nil {
			return 0, err
		}
		if _, err := tx.Exec(ctx, "UPDATE users SET email = $2, email_index = $3, email_clear = '~' || id WHERE id = $1", r.ID, sealed, index); err != nil {
			return 0, fmt.Errorf("user %s: %w", r.ID, err)
		}
	}
	return len(rows), nil
}

func (s *Store) sealLinks(ctx context.Context, tx *db.Tx) (int, error) {
	rows, err := db.All[struct {
		Hash  []byte
		Email string
	}](ctx, tx, "SELECT hash, email_clear AS email "+linksInClear+" LIMIT $1", sealBatch)
	if err != nil {
		return 0, err
	}
	for _, r := range rows {
		sealed, index, err := s.links.seal(r.Email, linkID(r.Hash))
		if err != nil {
			return 0, err
		}
		if _, err := tx.Exec(ctx, "UPDATE mail_links SET email = $2, email_index = $3, email_clear = '' WHERE hash = $1", r.Hash, sealed, index); err != nil {
			return 0, err
		}
	}
	return len(rows), nil
}
