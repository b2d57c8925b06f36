package conform

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/keyring"
	"github.com/galeweb/gale/keyring/reencrypt"
)

// Reencryption runs the suite of keyring's values in a database, and of the
// job that moves them to another key. open returns an empty database and
// registers its closing with t.Cleanup.
func Reencryption(t *testing.T, open func(t *testing.T) *db.DB) {
	t.Helper()
	for name, test := range map[string]func(*sealedTable){
		"Fields":          sealedFields,
		"Integers":        func(s *sealedTable) { sealedJob(s, "BIGINT", strconv.Itoa) },
		"UUIDs":           sealedUUIDs,
		"Texts":           func(s *sealedTable) { sealedJob(s, "TEXT", func(n int) string { return fmt.Sprintf("ж%d'\"", n) }) },
		"Resumed":         sealedResumed,
		"NewTarget":       sealedNewTarget,
		"OtherWriters":    sealedOtherWriters,
		"Undecryptable":   sealedUndecryptable,
		"NeverEncrypted":  sealedNeverEncrypted,
		"MovedCiphertext": sealedMovedCiphertext,
		"WrongNames":      sealedWrongNames,
		"Declared":        sealedDeclared,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newSealedTable(t, open(t)))
		})
	}
}

// sealedTable is a table with two encrypted columns, one of them indexed, and
// a ring whose keys the test rotates.
type sealedTable struct {
	*testing.T
	db     *db.DB
	set    keyring.Set
	ring   *keyring.Ring
	phones *keyring.AEAD
	mails  *keyring.AEAD
	index  *keyring.BlindIndex
	table  *reencrypt.Table
}

func newSealedTable(t *testing.T, d *db.DB) *sealedTable {
	t.Helper()
	s := &sealedTable{T: t, db: d, set: keyring.NewSet(time.Now().Add(-time.Hour))}
	ring, err := keyring.Open(t.Context(), keyring.Options{
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Source: keyring.SourceFunc(func(context.Context) ([]byte, string, error) {
			return []byte(s.set.Text().Reveal()), "", nil
		}),
	})
	assert.NoError(t, err)
	s.ring, s.phones, s.mails = ring, ring.AEAD("users.phone"), ring.AEAD("users.mail")
	s.index = ring.BlindIndex("users.mail", keyring.IndexOptions{Normalize: strings.ToLower})
	s.table = reencrypt.NewTable(d, reencrypt.TableOptions{Table: "users", Columns: []reencrypt.Column{
		{Name: "phone", AEAD: s.phones},
		{Name: "mail", AEAD: s.mails, IndexName: "mail_index", Index: s.index},
	}})
	_, err = d.Exec(t.Context(), reencrypt.Schema)
	assert.NoError(t, err)
	return s
}

// create makes the table with keys of the type.
func (s *sealedTable) create(keyType string) {
	s.Helper()
	bytesType := "BLOB"
	if s.db.Dialect() == db.Postgres {
		bytesType = "BYTEA"
	}
	_, err := s.db.Exec(s.Context(), fmt.Sprintf(
		"CREATE TABLE users (id %s PRIMARY KEY, phone %[2]s, mail %[2]s, mail_index %[2]s)", keyType, bytesType))
	assert.NoError(s, err)
}

// sealedUser is a row; the id is bound as it is.
type sealedUser struct {
	ID        string
	Phone     keyring.Encrypted[string]
	Mail      keyring.Encrypted[string]
	MailIndex []byte
}

func (s *sealedTable) seal(id, phone, mail string) sealedUser {
	s.Helper()
	u := sealedUser{ID: id}
	var err error
	u.Phone, err = keyring.Seal(s.phones, phone, id)
	assert.NoError(s, err)
	u.Mail, err = keyring.Seal(s.mails, mail, id)
	assert.NoError(s, err)
	u.MailIndex, err = s.index.Sum(mail)
	assert.NoError(s, err)
	return u
}

func (s *sealedTable) insert(u sealedUser) {
	s.Helper()
	_, err := s.db.Exec(s.Context(), "INSERT INTO users (id, phone, mail, mail_index) VALUES ($1, $2, $3, $4)", u.ID, u.Phone, u.Mail, u.MailIndex)
	assert.NoError(s, err)
}

// fill inserts n users.
func (s *sealedTable) fill(n int, id func(int) string) {
	s.Helper()
	for i := range n {
		s.insert(s.seal(id(i+1), fmt.Sprint("+44 ", i+1), fmt.Sprintf("User%d@example.com", i+1)))
	}
}

// find looks a user up by the index, as an application does.
func (s *sealedTable) find(mail string) (sealedUser, error) {
	s.Helper()
	sums, err := s.index.Sums(mail)
	assert.NoError(s, err)
	var places []string
	var args []any
	for i, sum := range sums {
		places, args = append(places, "$"+strconv.Itoa(i+1)), append(args, sum)
	}
	return db.Get[sealedUser](s.Context(), s.db,
		"SELECT CAST(id AS TEXT) AS id, phone, mail, mail_index FROM users WHERE mail_index IN ("+strings.Join(places, ", ")+")", args...)
}

// check finds and opens the n users of fill.
func (s *sealedTable) check(n int, id func(int) string) {
	s.Helper()
	for i := range n {
		u, err := s.find(fmt.Sprintf("user%d@EXAMPLE.com", i+1))
		assert.NoError(s, err)
		assert.Equal(s, u.ID, id(i+1))
		phone, err := u.Phone.Open(s.phones, u.ID)
		assert.NoError(s, err)
		assert.Equal(s, phone, fmt.Sprint("+44 ", i+1))
		mail, err := u.Mail.Open(s.mails, u.ID)
		assert.NoError(s, err)
		assert.Equal(s, mail, fmt.Sprintf("User%d@example.com", i+1))
	}
}

// rotate gives encryption and index a new key.
func (s *sealedTable) rotate() {
	s.Helper()
	// Of two keys of one second the later in the set is the current one.
	s.set, _ = s.set.Rotate(keyring.Encryption, time.Now())
	s.set, _ = s.set.Rotate(keyring.Indexing, time.Now())
	assert.NoError(s, s.ring.Reload(s.Context()))
}

// old is how many values are not under the current keys.
func (s *sealedTable) old() int64 {
	s.Helper()
	statuses, err := keyring.Statuses(s.Context(), s.set, time.Now(), s.table)
	assert.NoError(s, err)
	var n int64
	for _, st := range statuses {
		if st.Role != keyring.Signs {
			n += st.Values
		}
	}
	return n
}

func (s *sealedTable) run(b reencrypt.Batcher) (reencrypt.Progress, error) {
	s.Helper()
	return reencrypt.Run(s.Context(), b, reencrypt.Options{
		Batch: 10, Pause: -1, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
}

func sealedFields(s *sealedTable) {
	s.create("TEXT")
	want := s.seal("7", "+44 20", "ann@example.com")
	s.insert(want)
	_, err := s.db.Exec(s.Context(), "INSERT INTO users (id) VALUES ('8')")
	assert.NoError(s, err)
	all, err := db.All[sealedUser](s.Context(), s.db, "SELECT id, phone, mail, mail_index FROM users ORDER BY id")
	assert.NoError(s, err)
	assert.Equal(s, all[0], want)
	assert.Equal(s, all[1].Phone.IsZero(), true)
	_, err = s.db.Exec(s.Context(), "UPDATE users SET phone = $1 WHERE id = '7'", keyring.Encrypted[string]{})
	assert.NoError(s, err)
	n, err := db.Get[int](s.Context(), s.db, "SELECT count(*) FROM users WHERE phone IS NULL")
	assert.NoError(s, err)
	assert.Equal(s, n, 2)
}

func sealedJob(s *sealedTable, keyType string, id func(int) string) {
	s.create(keyType)
	const n = 25
	s.fill(n, id)
	assert.Equal(s, s.old(), int64(0))
	s.rotate()
	s.check(n, id) // values under old keys are found and opened
	assert.Equal(s, s.old(), int64(3*n))
	p, err := s.run(s.table)
	assert.NoError(s, err)
	assert.Equal(s, p, reencrypt.Progress{Rows: n, Changed: 2 * n})
	assert.Equal(s, s.old(), int64(0))
	p, err = s.run(s.table)
	assert.NoError(s, err)
	assert.Equal(s, p, reencrypt.Progress{Rows: n})

	// The old keys can go now.
	for _, k := range s.set.Keys()[:4] {
		if k.Purpose == keyring.Encryption || k.Purpose == keyring.Indexing {
			s.set, err = s.set.Remove(k.ID)
			assert.NoError(s, err)
		}
	}
	assert.NoError(s, s.ring.Reload(s.Context()))
	s.check(n, id)
}

// sealedUUIDs also has a key that is not named id, and a row of its own.
func sealedUUIDs(s *sealedTable) {
	keyType := "TEXT"
	if s.db.Dialect() == db.Postgres {
		keyType = "UUID"
	}
	s.create(keyType)
	id := func(n int) string { return fmt.Sprintf("3f2a9c01-0000-4000-8000-%012d", n*7919%1000) }
	s.fill(25, id)
	_, err := s.db.Exec(s.Context(), "ALTER TABLE users RENAME COLUMN id TO user_id")
	assert.NoError(s, err)
	t := reencrypt.NewTable(s.db, reencrypt.TableOptions{
		Table: "users", Key: "user_id", Job: "phones", Columns: []reencrypt.Column{{Name: "phone", AEAD: s.phones}},
		Row: func(key string) string { return strings.ToLower(key) },
	})
	s.rotate()
	p, err := s.run(t)
	assert.NoError(s, err)
	assert.Equal(s, p, reencrypt.Progress{Rows: 25, Changed: 25})
}

// interrupted is a Batcher that is stopped after some batches.
type interrupted struct {
	*reencrypt.Table
	left int
	then func()
}

func (i *interrupted) Next(ctx context.Context, cursor string, limit int) (reencrypt.Batch, error) {
	if i.left == 0 {
		return reencrypt.Batch{}, context.Canceled
	}
	i.left--
	b, err := i.Table.Next(ctx, cursor, limit)
	if i.then != nil {
		i.then()
	}
	return b, err
}

func sealedResumed(s *sealedTable) {
	s.create("BIGINT")
	s.fill(25, strconv.Itoa)
	s.rotate()
	p, err := s.run(&interrupted{Table: s.table, left: 2})
	assert.ErrorIs(s, err, context.Canceled)
	assert.Equal(s, p.Rows, 20)
	p, err = s.run(s.table) // another process would begin with the same
	assert.NoError(s, err)
	assert.Equal(s, p, reencrypt.Progress{Rows: 5, Changed: 10})
	assert.Equal(s, s.old(), int64(0))
	s.check(25, strconv.Itoa)
}

// A place reached with one key says nothing about the next.
func sealedNewTarget(s *sealedTable) {
	s.create("BIGINT")
	s.fill(25, strconv.Itoa)
	s.rotate()
	_, err := s.run(&interrupted{Table: s.table, left: 1})
	assert.ErrorIs(s, err, context.Canceled)
	s.rotate()
	p, err := s.run(s.table)
	assert.NoError(s, err)
	assert.Equal(s, p, reencrypt.Progress{Rows: 25, Changed: 50})
	assert.Equal(s, s.old(), int64(0))
}

// What the application writes between reading and saving stands.
func sealedOtherWriters(s *sealedTable) {
	s.create("BIGINT")
	s.fill(3, strconv.Itoa)
	s.rotate()
	p, err := s.run(&interrupted{Table: s.table, left: 1, then: func() {
		u := s.seal("2", "+44 new", "new@example.com")
		_, err := s.db.Exec(s.Context(), "UPDATE users SET phone = $1, mail = $2, mail_index = $3 WHERE id = 2", u.Phone, u.Mail, u.MailIndex)
		assert.NoError(s, err)
		_, err = s.db.Exec(s.Context(), "DELETE FROM users WHERE id = 3")
		assert.NoError(s, err)
	}})
	assert.NoError(s, err)
	assert.Equal(s, p, reencrypt.Progress{Rows: 3, Changed: 2})
	u, err := s.find("new@example.com")
	assert.NoError(s, err)
	phone, err := u.Phone.Open(s.phones, "2")
	assert.NoError(s, err)
	assert.Equal(s, phone, "+44 new")
	assert.Equal(s, s.old(), int64(0))
}

func sealedUndecryptable(s *sealedTable) {
	s.create("BIGINT")
	s.fill(12, strconv.Itoa)
	var err error
	_, err = s.db.Exec(s.Context(), "UPDATE users SET phone = (SELECT phone FROM users WHERE id = 1) WHERE id = 5")
	assert.NoError(s, err)
	s.rotate()
	p, err := s.run(s.table)
	assert.Contains(s, err.Error(), "1 rows have values that cannot be decrypted and were left as they are: 5")
	assert.Equal(s, p, reencrypt.Progress{Rows: 12, Changed: 23, Failed: 1})
	assert.Equal(s, s.old(), int64(1))
}

func sealedNeverEncrypted(s *sealedTable) {
	s.create("BIGINT")
	s.fill(1, strconv.Itoa)
	for i, plain := range []string{"", "\x01", "plain", "other", "\x02no"} {
		_, err := s.db.Exec(s.Context(), "INSERT INTO users (id, phone) VALUES ($1, $2)", 100+i, []byte(plain))
		assert.NoError(s, err)
	}
	counts, err := s.table.CountKeys(s.Context())
	assert.NoError(s, err)
	assert.Equal(s, counts[""], int64(5))
	assert.Equal(s, len(counts), 3)
}

// Someone who can write the table gives his own row another's phone.
func sealedMovedCiphertext(s *sealedTable) {
	s.create("BIGINT")
	s.fill(2, strconv.Itoa)
	_, err := s.db.Exec(s.Context(), "UPDATE users SET phone = (SELECT phone FROM users WHERE id = 1), mail = (SELECT phone FROM users WHERE id = 2) WHERE id = 2")
	assert.NoError(s, err)
	u, err := s.find("user2@example.com")
	assert.NoError(s, err)
	_, err = u.Phone.Open(s.phones, u.ID)
	assert.ErrorIs(s, err, keyring.ErrInvalid)
	_, err = u.Mail.Open(s.mails, u.ID) // the same row, another column
	assert.ErrorIs(s, err, keyring.ErrInvalid)
}

func sealedWrongNames(s *sealedTable) {
	good := reencrypt.Column{Name: "phone", AEAD: s.phones}
	for _, o := range []reencrypt.TableOptions{
		{Columns: []reencrypt.Column{good}},
		{Table: "users"},
		{Table: "users; DROP TABLE users", Columns: []reencrypt.Column{good}},
		{Table: "users", Key: "id = id --", Columns: []reencrypt.Column{good}},
		{Table: "users", Columns: []reencrypt.Column{{Name: "a b", AEAD: s.phones}}},
		{Table: "users", Columns: []reencrypt.Column{{Name: "1a", AEAD: s.phones}}},
		{Table: "users", Columns: []reencrypt.Column{{Name: "phone"}}},
		{Table: "users", Columns: []reencrypt.Column{{Name: "phone", AEAD: s.phones, IndexName: "x"}}},
		{Table: "users", Columns: []reencrypt.Column{{Name: "phone", AEAD: s.phones, Index: s.index}}},
	} {
		message, _ := assert.Panics(s, func() { reencrypt.NewTable(s.db, o) }).(string)
		assert.Contains(s, message, "reencrypt: ")
	}
	for _, names := range [][2]string{{"users", "phone FROM users --"}, {"a b", "phone"}, {"users", ""}} {
		_, err := reencrypt.Count(s.Context(), s.db, names[0], names[1])
		assert.Contains(s, err.Error(), "is not the name of")
	}
}

// What gale secret counts is declared in the database.
func sealedDeclared(s *sealedTable) {
	none, err := reencrypt.Columns(s.Context(), s.db)
	assert.Equal(s, none, nil)
	assert.Contains(s, err.Error(), "names no column")
	_, err = s.db.Exec(s.Context(), "INSERT INTO keyring_columns (name) VALUES ('users.phone'), ('users.mail')")
	assert.NoError(s, err)
	names, err := reencrypt.Columns(s.Context(), s.db)
	assert.NoError(s, err)
	assert.Equal(s, names, []string{"users.mail", "users.phone"})
	_, err = s.db.Exec(s.Context(), "DROP TABLE keyring_columns")
	assert.NoError(s, err)
	_, err = reencrypt.Columns(s.Context(), s.db)
	assert.Contains(s, err.Error(), "reencrypt: declared columns")
}
