package database_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/database"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/db/migrate"
	"github.com/galeweb/gale/keyring"
	"github.com/galeweb/gale/keyring/reencrypt"
	"github.com/galeweb/gale/obs"
)

// keys are those of a store, which a test can rotate.
type keys struct {
	ring *keyring.Ring
	set  keyring.Set
}

func newKeys(t testing.TB) *keys {
	t.Helper()
	k := &keys{set: keyring.NewSet(time.Now().Add(-time.Hour))}
	var err error
	k.ring, err = keyring.Open(t.Context(), keyring.Options{
		Logger: slog.New(slog.DiscardHandler),
		Source: keyring.SourceFunc(func(context.Context) ([]byte, string, error) { return []byte(k.set.Text().Reveal()), "", nil }),
	})
	assert.NoError(t, err)
	return k
}

// rotate gives encryption and indexes a new key.
func (k *keys) rotate(t testing.TB) {
	t.Helper()
	k.set, _ = k.set.Rotate(keyring.Encryption, time.Now())
	k.set, _ = k.set.Rotate(keyring.Indexing, time.Now())
	assert.NoError(t, k.ring.Reload(t.Context()))
}

// quiet keeps what is logged out of the test's output.
func quiet(t testing.TB) context.Context {
	t.Helper()
	return obs.WithLogger(t.Context(), slog.New(slog.DiscardHandler))
}

// before are the migrations up to a version.
func before(t testing.TB, version string) fs.FS {
	t.Helper()
	old := fstest.MapFS{}
	assert.NoError(t, fs.WalkDir(database.Migrations(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() >= version {
			return err
		}
		text, err := fs.ReadFile(database.Migrations(), path)
		old[path] = &fstest.MapFile{Data: text}
		return err
	}))
	return old
}

func exec(t testing.TB, d *db.DB, statement string, args ...any) {
	t.Helper()
	_, err := d.Exec(t.Context(), statement, args...)
	assert.NoError(t, err)
}

// olden puts n users, a user who has gone, and a link into a database of before
// addresses were encrypted, and then brings that up to date.
func olden(t testing.TB, d *db.DB, n int) {
	t.Helper()
	m, err := migrate.New(d, before(t, "00011"), migrate.Options{Logger: slog.New(slog.DiscardHandler)})
	assert.NoError(t, err)
	_, err = m.Up(t.Context())
	assert.NoError(t, err)
	assert.NoError(t, d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		for i := range n {
			if _, err := tx.Exec(ctx, "INSERT INTO users (id, name, email, password_hash, role, created_at) VALUES ($1, $2, $3, 'h', 'viewer', $4)",
				fmt.Sprint("id", i), fmt.Sprint("user", i), oldAddress(i), start); err != nil {
				return err
			}
		}
		return nil
	}))
	exec(t, d, "INSERT INTO users (id, name, email, password_hash, role, disabled, created_at, deleted_at) VALUES ('gone', '~gone', '~gone', '', '', TRUE, $1, $1)", start)
	exec(t, d, "INSERT INTO mail_links (hash, purpose, user_id, email, name, created_at, expires_at) VALUES ($1, $2, '', 'link@old.example', 'new', $3, $4)",
		[]byte("hash of a link"), models.SignUpLink, start, start.Add(time.Hour))
	exec(t, d, "INSERT INTO rate_limits (bucket, drained_at, capacity) VALUES ('mail:limit@old.example', 1, 1)")
	assert.NoError(t, database.Migrate(quiet(t), d))
}

func oldAddress(i int) string { return fmt.Sprintf("user%d@old.example", i) }

// checkOld fails unless all that olden has made is there and encrypted.
func checkOld(t testing.TB, d *db.DB, s *database.Store, n int) {
	t.Helper()
	for i := range n {
		byEmail, err := s.UserByEmail(t.Context(), strings.ToUpper(oldAddress(i)))
		assert.NoError(t, err)
		assert.Equal(t, byEmail.ID, fmt.Sprint("id", i))
		assert.Equal(t, byEmail.Email, oldAddress(i))
	}
	l, err := s.Link(t.Context(), models.SignUpLink, []byte("hash of a link"), start)
	assert.NoError(t, err)
	assert.Equal(t, l.Email, "link@old.example")
	for query, want := range map[string]int{
		"SELECT count(*) FROM users WHERE email_clear <> '~' || id": 0,
		"SELECT count(*) FROM users WHERE email IS NULL":            1, // the one who has gone
		"SELECT count(*) FROM mail_links WHERE email_clear <> ''":   0,
		"SELECT count(*) FROM rate_limits":                          0,
	} {
		got, err := db.Get[int](t.Context(), d, query)
		assert.NoError(t, err)
		if got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
}

// More than one batch, and a process that is stopped after the first.
func TestSealGoesOnWhereItStopped(t *testing.T) {
	onEach(t, nil, func(t *testing.T, d *db.DB) {
		const n = 1100
		olden(t, d, n)
		k := newKeys(t)
		s := database.New(d, k.ring)
		did, err := s.SealSome(t.Context())
		assert.NoError(t, err)
		assert.Equal(t, did, 501) // 500 users and the link
		stopped, stop := context.WithCancel(t.Context())
		stop()
		assert.ErrorIs(t, s.Seal(stopped), context.Canceled)
		k.rotate(t) // what was stopped may go on with another key
		again := database.New(d, k.ring)
		assert.NoError(t, again.Seal(quiet(t)))
		checkOld(t, d, again, n)
		assert.NoError(t, again.Seal(quiet(t))) // nothing is left to do
	})
}

func TestSealBySeveralProcessesAtOnce(t *testing.T) {
	onEach(t, nil, func(t *testing.T, d *db.DB) {
		const n = 1100
		olden(t, d, n)
		k := newKeys(t)
		ctx := quiet(t)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if err := database.New(d, k.ring).Seal(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		checkOld(t, d, database.New(d, k.ring), n)
	})
}

// Another process may keep SQLite's lock for longer than anybody waits for it.
func TestSealWaitsForTheLock(t *testing.T) {
	t.Parallel()
	url := "sqlite:" + filepath.Join(t.TempDir(), "old.db") + "?busy_timeout=1ms"
	d, other := open(t, url), open(t, url)
	olden(t, d, 1)
	s := database.New(d, newKeys(t).ring)
	logged := make(chan string, 1)
	ctx := obs.WithLogger(t.Context(), slog.New(told{slog.DiscardHandler, logged}))
	sealed := make(chan error, 1)
	assert.NoError(t, other.Tx(t.Context(), func(context.Context, *db.Tx) error {
		go func() { sealed <- s.Seal(ctx) }()
		select {
		case text := <-logged:
			assert.Equal(t, text, "encrypting mail addresses waits for the database")
		case err := <-sealed:
			t.Errorf("without the lock: %v", err)
			sealed <- err
		}
		return nil
	}))
	assert.NoError(t, <-sealed)
	checkOld(t, d, s, 1)
}

// told is a handler of logs that hands the first message over.
type told struct {
	slog.Handler
	to chan<- string
}

func (told) Enabled(context.Context, slog.Level) bool { return true }

func (h told) Handle(_ context.Context, r slog.Record) error {
	select {
	case h.to <- r.Message:
	default:
	}
	return nil
}

func open(t testing.TB, url string) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), url, db.Options{Drivers: database.Drivers(), SlowQuery: -1})
	assert.NoError(t, err)
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// Whoever gets the files while relay runs finds no address in them, not even in
// free pages, also when the process that encrypted the last one was killed.
func TestNothingInClearIsLeftInTheFile(t *testing.T) {
	t.Parallel()
	for name, killed := range map[string]bool{"once": false, "killed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "old.db")
			d := open(t, "sqlite:"+file)
			olden(t, d, 600)
			k := newKeys(t)
			s := database.New(d, k.ring)
			for killed {
				n, err := s.SealSome(t.Context())
				assert.NoError(t, err)
				if n == 0 {
					break
				}
			}
			assert.NoError(t, s.Seal(quiet(t)))
			checkOld(t, d, s, 600)
			found, err := filepath.Glob(file + "*")
			assert.NoError(t, err)
			for _, name := range found {
				content, err := os.ReadFile(name)
				assert.NoError(t, err)
				if i := bytes.Index(content, []byte("old.example")); i >= 0 {
					t.Errorf("at byte %d of %s: %q", i, name, content[max(0, i-40):i+20])
				}
			}
		})
	}
}

// The keys of another database would have everybody locked out, and every
// address free.
func TestSealRefusesOtherKeys(t *testing.T) {
	onEach(t, database.Migrations(), func(t *testing.T, d *db.DB) {
		k := newKeys(t)
		s := database.New(d, k.ring)
		assert.NoError(t, s.Seal(t.Context())) // an empty one
		newUser(t, s, "ada")
		other := newKeys(t)
		err := database.New(d, other.ring).Seal(t.Context())
		if err == nil || !strings.Contains(err.Error(), "give relay the file of keys that it had before") {
			t.Errorf("other keys: %v", err)
		}
		// Keys that were retired are still there to be brought back.
		old := k.set.Keys()
		k.rotate(t)
		for _, key := range old {
			if key.Purpose == keyring.Encryption {
				k.set, err = k.set.Mark(key.ID, keyring.Retired)
				assert.NoError(t, err)
			}
		}
		assert.NoError(t, k.ring.Reload(t.Context()))
		assert.NoError(t, s.Seal(t.Context()))
	})
}

func TestAddressesAreFoundWhateverTheirCase(t *testing.T) {
	storeTest(t, func(t *testing.T, s *database.Store) {
		newUser(t, s, "ada")
		u, err := create(t, s, models.User{ID: "o", Name: "olga", Email: models.NormalizeEmail(" Ölga.Ж@Example.COM ")})
		assert.NoError(t, err)
		assert.Equal(t, u.Email, "ölga.ж@example.com")
		for _, address := range []string{"ölga.ж@example.com", "ÖLGA.Ж@EXAMPLE.COM", "  Ölga.ж@example.com\t"} {
			got, err := s.UserByEmail(t.Context(), address)
			assert.NoError(t, err)
			assert.Equal(t, got.ID, "o")
		}
		for _, address := range []string{"olga.ж@example.com", "ölga.ж@example.co", "", "\x00", "\xff", "~o", strings.Repeat("x", 1<<16)} {
			if _, err := s.UserByEmail(t.Context(), address); !errors.Is(err, services.ErrNotFound) {
				t.Errorf("%.20q: %v", address, err)
			}
		}
	})
}

// Some sign up at once with one address, or change to it: one gets it. And it
// stays taken when what is stored is under an older key, which no unique index
// can see.
func TestAnAddressIsGivenOnce(t *testing.T) {
	onEach(t, database.Migrations(), func(t *testing.T, d *db.DB) {
		k := newKeys(t)
		s := database.New(d, k.ring)
		newUser(t, s, "ada")
		bob, cay := newUser(t, s, "bob"), newUser(t, s, "cay")
		k.rotate(t)
		stores := []*database.Store{s, database.New(d, k.ring)}
		var mu sync.Mutex
		got, refused := 0, 0
		note := func(err error) {
			mu.Lock()
			defer mu.Unlock()
			if e, ok := errors.AsType[*services.TakenError](err); ok && e.Field == "email" || errors.Is(err, services.ErrNotFound) {
				refused++ // its link ended with the others of the address
			} else if err != nil {
				t.Error(err)
			} else {
				got++
			}
		}
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				_, err := create(t, stores[i%2], models.User{ID: fmt.Sprint("n", i), Name: fmt.Sprint("n", i), Email: "one@example.com"})
				note(err)
			})
		}
		for i, u := range []models.User{bob, cay} {
			wg.Go(func() {
				_, err := stores[i%2].UpdateUser(t.Context(), u.ID, func(u *models.User) error { u.Email = "one@example.com"; return nil })
				note(err)
			})
		}
		wg.Wait()
		assert.Equal(t, []int{got, refused}, []int{1, 5})
		holder, err := s.UserByEmail(t.Context(), "one@example.com")
		assert.NoError(t, err)
		before := "bob@example.com"
		if holder.ID == bob.ID {
			before = "cay@example.com"
		}
		_, err = create(t, s, models.User{ID: "x", Name: "x", Email: before})
		taken(t, err, "email")
	})
}

// Whoever can write to the database cannot have one account's mail go to
// another's address, nor sign in as one by the address of another.
func TestMovedCiphertextIsRefused(t *testing.T) {
	onEach(t, database.Migrations(), func(t *testing.T, d *db.DB) {
		k := newKeys(t)
		s := database.New(d, k.ring)
		ada, eve := newUser(t, s, "ada"), newUser(t, s, "eve")
		ctx := quiet(t)
		check := func(what string) {
			t.Helper()
			for _, address := range []string{ada.Email, eve.Email} {
				u, err := s.UserByEmail(ctx, address)
				if !errors.Is(err, services.ErrUnreadable) || u.ID != "" {
					t.Errorf("%s: by %s: %+v, %v", what, address, u, err)
				}
			}
		}
		swap := func(column string) {
			t.Helper()
			exec(t, d, "CREATE TABLE swapped AS SELECT id, "+column+" AS value FROM users")
			exec(t, d, "UPDATE users SET "+column+" = NULL")
			exec(t, d, "UPDATE users SET "+column+" = (SELECT value FROM swapped WHERE swapped.id <> users.id)")
			exec(t, d, "DROP TABLE swapped")
		}
		swap("email")
		check("ciphertext")
		// The account is not lost: it is there, without an address.
		u, err := s.User(ctx, ada.ID)
		assert.NoError(t, err)
		assert.Equal(t, u.Email, "")
		assert.Equal(t, u.Name, "ada")
		all, err := s.Users(ctx, "", 10)
		assert.NoError(t, err)
		assert.Equal(t, len(all), 2)
		_, err = s.UpdateUser(ctx, eve.ID, func(u *models.User) error { u.Disabled = true; return nil })
		assert.NoError(t, err)
		swap("email")
		for _, want := range []models.User{ada, eve} {
			u, err := s.UserByEmail(ctx, want.Email)
			assert.NoError(t, err)
			assert.Equal(t, u.ID, want.ID) // what was changed meanwhile has not touched it
		}
		swap("email_index")
		check("hash")
		swap("email_index")

		one, two := link(models.ResetLink, ada.ID, ada.Email, "1"), link(models.ResetLink, ada.ID, eve.Email, "2")
		assert.NoError(t, s.AddLinks(ctx, one, two))
		exec(t, d, "UPDATE mail_links SET email = (SELECT email FROM mail_links WHERE hash = $1) WHERE hash = $2", two.Hash, one.Hash)
		_, err = s.Link(ctx, one.Purpose, one.Hash, start)
		assert.ErrorIs(t, err, services.ErrNotFound)
		_, err = s.UpdateUserByLink(ctx, one.Purpose, one.Hash, start, func(*models.User) error { return nil })
		assert.ErrorIs(t, err, services.ErrNotFound)
		_, err = s.Link(ctx, two.Purpose, two.Hash, start)
		assert.NoError(t, err)
	})
}

// All columns that gale secret is to count are declared, and the job moves
// those of the users.
func TestRotation(t *testing.T) {
	onEach(t, database.Migrations(), func(t *testing.T, d *db.DB) {
		k := newKeys(t)
		s := database.New(d, k.ring)
		for i := range 25 {
			newUser(t, s, fmt.Sprint("u", i))
		}
		l := link(models.SignUpLink, "", "new@example.com", "h")
		assert.NoError(t, s.AddLinks(t.Context(), l))
		declared, err := reencrypt.Columns(t.Context(), d)
		assert.NoError(t, err)
		assert.Equal(t, declared, []string{
			"mail_links.email", "mail_links.email_index", "oauth_links.email_sealed", "recovery_codes.hash", "totp_authenticators.secret",
			"users.email", "users.email_index",
		})
		first := k.set.Keys()
		k.rotate(t)
		check := func() {
			t.Helper()
			for i := range 25 {
				u, err := s.UserByEmail(t.Context(), fmt.Sprintf("u%d@example.com", i))
				assert.NoError(t, err)
				assert.Equal(t, u.ID, fmt.Sprint("id-u", i))
			}
		}
		check()
		p, err := reencrypt.Run(t.Context(), s.Sealed(), reencrypt.Options{Batch: 10, Pause: -1, Logger: slog.New(slog.DiscardHandler)})
		assert.NoError(t, err)
		assert.Equal(t, p, reencrypt.Progress{Rows: 25, Changed: 25})
		count := func(table string) map[string]int64 {
			t.Helper()
			n, err := reencrypt.Count(t.Context(), d, table, "email", "email_index")
			assert.NoError(t, err)
			return n
		}
		old := func(counts map[string]int64) (n int64) {
			for _, key := range first {
				n += counts[key.ID]
			}
			return n
		}
		assert.Equal(t, old(count("users")), int64(0))
		assert.Equal(t, old(count("mail_links")), int64(2)) // until it ends
		_, err = s.Link(t.Context(), l.Purpose, l.Hash, start)
		assert.NoError(t, err)
		assert.NoError(t, s.ForgetLinks(t.Context(), l.ExpiresAt))
		assert.Equal(t, old(count("mail_links")), int64(0))
		for _, key := range first {
			if key.Purpose == keyring.Encryption || key.Purpose == keyring.Indexing {
				k.set, err = k.set.Remove(key.ID)
				assert.NoError(t, err)
			}
		}
		assert.NoError(t, k.ring.Reload(t.Context()))
		check()
	})
}

// There is no way back but a backup, and no half of one.
func TestSealedAddressesCannotBeMigratedBack(t *testing.T) {
	onEach(t, nil, func(t *testing.T, d *db.DB) {
		m, err := migrate.New(d, database.Migrations(), migrate.Options{Logger: slog.New(slog.DiscardHandler)})
		assert.NoError(t, err)
		_, err = m.Up(t.Context())
		assert.NoError(t, err)
		k := newKeys(t)
		s := database.New(d, k.ring)
		ada := newUser(t, s, "ada")
		for err == nil { // the later ones go back
			_, err = m.Down(t.Context())
		}
		if !strings.Contains(err.Error(), "00011_sealed.sql") {
			t.Errorf("back: %v", err)
		}
		_, err = m.Up(t.Context())
		assert.NoError(t, err)
		u, err := s.UserByEmail(t.Context(), ada.Email)
		assert.NoError(t, err)
		assert.Equal(t, u.ID, ada.ID)
	})
}

// TestKeyringTables holds the copy of reencrypt.Schema to it.
func TestKeyringTables(t *testing.T) {
	t.Parallel()
	text, err := fs.ReadFile(database.Migrations(), "00011_sealed.sql")
	assert.NoError(t, err)
	if !strings.Contains(string(text), reencrypt.Schema) {
		t.Error("00011_sealed.sql does not have reencrypt.Schema word for word; copy it, in a new migration if this one was released")
	}
}
