package database

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

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
	for all, busy := 0, 0; ; {
		n, err := s.sealSome(ctx)
		switch {
		case errors.Is(err, db.ErrUnavailable) && busy < sealTries:
			if busy++; busy == 1 {
				obs.Logger(ctx).InfoContext(ctx, "encrypting mail addresses waits for the database", "err", err)
			}
		case err != nil:
			return fmt.Errorf("encrypt mail addresses: %w", err)
		case n > 0:
			all, busy = all+n, 0
		default:
			if all > 0 {
				obs.Logger(ctx).InfoContext(ctx, "mail addresses were encrypted", "rows", all)
			}
			s.shred(ctx)
			return nil
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("encrypt mail addresses: %w", err)
		}
	}
}

// sealTries is how often in a row the database may be unavailable, for the 5 s
// that a lock is waited for each time: SQLite lets who asks at the right moment
// have it, and whoever has just given it back asks first.
const sealTries = 12

// pause leaves the database to others for a moment, such as another process
// that does the same.
func pause(ctx context.Context) error {
	timer := time.NewTimer(time.Duration(5+rand.N(10)) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// shredMost is the most bytes of a file that is written anew at the start:
// SQLite does it in memory, and relay waits for it.
const shredMost = 64 << 20

// unshredded is a row of counters that is there until the file is written anew,
// so that whoever is killed before does it at the next start.
const unshredded = "unshredded"

// shred has SQLite write its file anew, in whose free space the addresses still
// are, and its log into the file. Postgres reuses the space by itself, sooner or
// later.
func (s *Store) shred(ctx context.Context) {
	if s.db.Dialect() != db.SQLite {
		return
	}
	due, err := db.Get[bool](ctx, s.db, "SELECT EXISTS (SELECT 1 FROM counters WHERE name = $1)", unshredded)
	if err == nil && !due {
		return
	}
	var size int64
	if err == nil {
		size, err = db.Get[int64](ctx, s.db, "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
	}
	if err == nil && size > shredMost {
		err = errLarge
	} else if err == nil {
		err = s.writeAnew(ctx)
	}
	if err != nil {
		obs.Logger(ctx).WarnContext(ctx, "mail addresses from before are still in free space of the database file; stop relay and run on it, once: VACUUM; DELETE FROM counters WHERE name = 'unshredded'", "bytes", size, "err", err)
	}
}

func (s *Store) writeAnew(ctx context.Context) error {
	if _, err := s.db.Exec(ctx, "VACUUM"); err != nil {
		return err
	}
	// What was written anew is in the log until it is copied into the file.
	type result struct{ Busy, Log, Checkpointed int }
	r, err := db.Get[result](ctx, s.db, "PRAGMA wal_checkpoint(TRUNCATE)")
	if err == nil && r.Busy != 0 {
		err = errRead
	}
	if err == nil {
		_, err = s.db.Exec(ctx, "DELETE FROM counters WHERE name = $1", unshredded)
	}
	return err
}

var errRead = errors.New("somebody reads the file; it is tried again at the next start")

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
		if err == nil && s.db.Dialect() == db.SQLite {
			_, err = tx.Exec(ctx, "INSERT INTO counters (name, value) VALUES ($1, 1) ON CONFLICT (name) DO NOTHING", unshredded)
		}
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
