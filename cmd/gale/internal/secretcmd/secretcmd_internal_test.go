package secretcmd

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/drivers/galesqlite"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/keyring"
	"github.com/galeweb/gale/keyring/reencrypt"
)

var start = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// bundle is a folder with a file of keys, and a clock.
type bundle struct {
	*testing.T
	dir, file string
	clock     *galetest.Clock
}

func setup(t *testing.T) *bundle {
	t.Helper()
	dir := t.TempDir()
	return &bundle{T: t, dir: dir, file: filepath.Join(dir, "keys"), clock: galetest.NewClock(t, start)}
}

// gale runs gale secret with the arguments.
func (b *bundle) gale(args ...string) (stdout, stderr, failure string) {
	b.Helper()
	var out, errs bytes.Buffer
	cmd := command(b.clock.Now)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	cmd.SetArgs(args)
	if err := cmd.ExecuteContext(b.Context()); err != nil {
		failure = err.Error()
	}
	return out.String(), errs.String(), failure
}

// ok runs gale secret on the file and returns what it says.
func (b *bundle) ok(args ...string) string {
	b.Helper()
	stdout, stderr, failure := b.gale(append(args, "--file", b.file)...)
	assert.Equal(b, failure, "")
	assert.Equal(b, stderr, "")
	return stdout
}

// refused runs gale secret on the file, which must stay as it is.
func (b *bundle) refused(want string, args ...string) {
	b.Helper()
	before, err := os.ReadFile(b.file)
	assert.NoError(b, err)
	stdout, _, failure := b.gale(append(args, "--file", b.file)...)
	assert.Equal(b, stdout, "")
	assert.Contains(b, failure, want)
	after, err := os.ReadFile(b.file)
	assert.NoError(b, err)
	assert.Equal(b, string(after), string(before))
	b.alone()
}

// alone checks that no temporary file was left.
func (b *bundle) alone() {
	b.Helper()
	_, err := os.Stat(b.file + ".new")
	assert.ErrorIs(b, err, os.ErrNotExist)
}

func (b *bundle) set() keyring.Set {
	b.Helper()
	text, err := os.ReadFile(b.file)
	assert.NoError(b, err)
	set, err := keyring.ParseSet(text)
	assert.NoError(b, err)
	return set
}

func (b *bundle) ring() *keyring.Ring {
	b.Helper()
	r, err := keyring.Open(b.Context(), keyring.Options{Source: keyring.File(b.file), Clock: b.clock.Now})
	assert.NoError(b, err)
	return r
}

func (b *bundle) current(p keyring.Purpose) string {
	b.Helper()
	k, ok := b.set().Current(p, b.clock.Now())
	assert.True(b, ok, "no current key")
	return k.ID
}

func TestNew(t *testing.T) {
	t.Parallel()
	b := setup(t)
	assert.Contains(t, b.ok("new"), "with 4 keys")
	if runtime.GOOS != "windows" {
		info, err := os.Stat(b.file)
		assert.NoError(t, err)
		assert.Equal(t, info.Mode().Perm(), os.FileMode(0o600))
	}
	assert.Equal(t, len(b.set().Keys()), 4)
	b.refused("is there already", "new") // a second one would sign everybody out

	stdout, _, _ := b.gale("new")
	set, err := keyring.ParseSet([]byte(stdout))
	assert.NoError(t, err)
	assert.Equal(t, len(set.Keys()), 4)
	stdout, _, _ = b.gale("new", "--env", "RELAY_KEYS", "--purpose", "sign,token,sign")
	value, ok := strings.CutPrefix(stdout, "RELAY_KEYS=")
	assert.Equal(t, ok, true)
	set, err = keyring.ParseSet([]byte(value))
	assert.NoError(t, err)
	assert.Equal(t, len(set.Keys()), 2)
}

// What the verb is for: nobody is logged out.
func TestRotateLogsNobodyOut(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.ok("new")
	keys := b.ring()
	cookies := keys.Signer("cookie", 24*time.Hour)
	old := b.current(keyring.Signing)
	before, err := cookies.Sign([]byte("ann"))
	assert.NoError(t, err)

	b.clock.Advance(time.Hour)
	said := b.ok("rotate")
	assert.Equal(t, strings.Count(said, "Added "), 2) // sign and token
	assert.Contains(t, said, "from 2026-11-27 13:10:00 UTC on")
	b.alone()
	lagging, err := keyring.Open(t.Context(), keyring.Options{ // an instance that has not loaded the new key
		Source: keyring.Text(keys.Set().Text()), Clock: b.clock.Now,
	})
	assert.NoError(t, err)
	assert.NoError(t, keys.Reload(t.Context()))
	for _, at := range []time.Duration{0, 10 * time.Minute} {
		b.clock.Advance(at)
		_, err = cookies.Verify(before)
		assert.NoError(t, err)
		signed, err := cookies.Sign([]byte("bob"))
		assert.NoError(t, err)
		assert.Equal(t, strings.Contains(signed, old), at == 0)
		_, err = cookies.Verify(signed)
		assert.NoError(t, err)
		_, err = lagging.Signer("cookie", time.Hour).Verify(signed)
		assert.Equal(t, err == nil, at == 0)
	}
	assert.Equal(t, len(b.set().Keys()), 6)
}

func TestRotateWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.ok("new", "--purpose", "sign")
	assert.Equal(t, strings.Count(b.ok("rotate", "--delay", "0"), "Added sign key"), 1)
	assert.Equal(t, len(b.set().Keys()), 2) // no token key where there was none
	assert.Contains(t, b.ok("rotate", "--purpose", "encrypt"), "package reencrypt")
	b.refused("known are sign, encrypt, token, index", "rotate", "--purpose", "signing")
	b.refused("--delay is negative", "rotate", "--delay", "-1s")
}

func TestEnvironment(t *testing.T) { // not parallel: it sets variables
	b := setup(t)
	set := keyring.NewSet(start)
	t.Setenv("SECRETCMD_KEYS", set.Text().Reveal())
	stdout, stderr, failure := b.gale("rotate", "--env", "SECRETCMD_KEYS")
	assert.Equal(t, failure, "")
	assert.Contains(t, stderr, "Added sign key") // and not among what goes into .env
	value, ok := strings.CutPrefix(stdout, "SECRETCMD_KEYS="+set.Text().Reveal()+",")
	assert.Equal(t, ok, true)
	assert.Equal(t, strings.Count(value, "gale1."), 2)
	stdout, _, _ = b.gale("status", "--env", "SECRETCMD_KEYS")
	assert.Equal(t, strings.Count(stdout, "signs"), 4)

	t.Setenv("SECRETCMD_KEYS", "")
	_, _, failure = b.gale("status", "--env", "SECRETCMD_KEYS")
	assert.Contains(t, failure, "SECRETCMD_KEYS is not set")
	t.Setenv("SECRETCMD_KEYS_FILE", b.file)
	_, _, failure = b.gale("rotate", "--env", "SECRETCMD_KEYS")
	assert.Contains(t, failure, "give that by --file")
}

func TestPlacesThatCannotBe(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, verb := range []string{"rotate", "status", "retire"} {
		_, _, failure := b.gale(verb)
		assert.Contains(t, failure, "Give --file, --env or --url")
		_, _, failure = b.gale(verb, "--file", b.file)
		assert.Contains(t, failure, "no such file")
	}
	b.ok("new")
	for _, verb := range []string{"new", "status"} {
		_, _, failure := b.gale(verb, "--file", b.file, "--env", "X")
		assert.Contains(t, failure, "one of --file, --env and --url")
	}
	assert.NoError(t, os.WriteFile(b.file+".new", nil, 0o600))
	_, _, failure := b.gale("rotate", "--file", b.file)
	assert.Contains(t, failure, "another gale secret is at work")
	_, err := os.Stat(b.file + ".new") // which is not ours to remove
	assert.NoError(t, err)
	assert.NoError(t, os.Remove(b.file+".new"))
	if runtime.GOOS != "windows" {
		assert.NoError(t, os.Chmod(b.file, 0o644))
		b.refused("chmod 600", "rotate")
		assert.NoError(t, os.Chmod(b.file, 0o640))
		b.ok("rotate")
		info, err := os.Stat(b.file)
		assert.NoError(t, err)
		assert.Equal(t, info.Mode().Perm(), os.FileMode(0o640)) // as it was
	}
	link := filepath.Join(b.dir, "link")
	if os.Symlink(b.file, link) == nil {
		before := len(b.set().Keys())
		_, _, failure := b.gale("rotate", "--file", link)
		assert.Equal(t, failure, "")
		assert.Equal(t, len(b.set().Keys()), before+2) // the link stays
	}
}

// A secret of Vault is read, and what becomes of it printed: the command writes
// neither to Vault nor anywhere else.
func TestKeysInVault(t *testing.T) { // not parallel: it sets a variable
	b := setup(t)
	b.ok("new", "--purpose", "sign")
	before := b.set()
	var written atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			written.Store(true)
		}
		if r.Header.Get("X-Vault-Token") != "hvs.token" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = fmt.Fprintf(w, `{"data":{"data":{"keys":%q},"metadata":{"version":1}}}`, before.Text().Reveal())
	}))
	t.Cleanup(server.Close)
	token := filepath.Join(b.dir, "token")
	assert.NoError(t, os.WriteFile(token, []byte("hvs.token"), 0o600))
	address := server.URL + "/v1/secret/data/relay?token_file=" + url.QueryEscape(token)
	t.Setenv("SECRETCMD_KEYS_URL", address)
	for _, place := range [][]string{{"--url", address}, {"--env", "SECRETCMD_KEYS"}} {
		stdout, _, failure := b.gale(append(place, "status")...)
		assert.Equal(t, failure, "")
		assert.Contains(t, stdout, b.current(keyring.Signing))
		stdout, stderr, failure := b.gale(append(place, "rotate")...)
		assert.Equal(t, failure, "")
		assert.Contains(t, stderr, "Added sign key ")
		assert.Contains(t, stderr, "Nothing was stored")
		after, err := keyring.ParseSet([]byte(stdout))
		assert.NoError(t, err)
		assert.Equal(t, len(after.Keys()), 2)
		assert.Equal(t, strings.HasPrefix(stdout, before.Text().Reveal()+","), true)
		stdout, _, failure = b.gale(append(place, "retire", b.current(keyring.Signing))...)
		assert.Equal(t, stdout, "") // which may go straight into a secret
		assert.Contains(t, failure, "rotate first")
	}
	for want, args := range map[string][]string{
		"give one of":            {"rotate", "--url", address, "--file", b.file},
		"give one of --file":     {"new", "--url", address, "--env", "SECRETCMD_KEYS"},
		"new does not write":     {"new", "--url", address},
		"no such file":           {"rotate", "--url", address + "x"},
		"the address has no tok": {"rotate", "--url", server.URL + "/v1/secret/data/relay"},
	} {
		stdout, _, failure := b.gale(args...)
		assert.Equal(t, stdout, "")
		assert.Contains(t, failure, want)
	}
	t.Setenv("SECRETCMD_KEYS_FILE", b.file)
	_, _, failure := b.gale("rotate", "--env", "SECRETCMD_KEYS")
	assert.Contains(t, failure, "SECRETCMD_KEYS_FILE and SECRETCMD_KEYS_URL are set")
	assert.Equal(t, b.set().String(), before.String())
	b.alone()
	assert.Equal(t, written.Load(), false)
}

func TestStatusIsATable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.ok("new")
	b.ok("rotate", "--purpose", "sign")
	ids := regexp.MustCompile(`[0-9a-f]{8}`)
	assert.Equal(t, ids.ReplaceAllString(b.ok("status"), "xxxxxxxx"), ""+
		"PURPOSE  ID        SINCE                    ROLE   VALUES\n"+
		"sign     xxxxxxxx  2026-11-27 12:00:00 UTC  signs  -\n"+
		"encrypt  xxxxxxxx  2026-11-27 12:00:00 UTC  signs  ?\n"+
		"token    xxxxxxxx  2026-11-27 12:00:00 UTC  signs  -\n"+
		"index    xxxxxxxx  2026-11-27 12:00:00 UTC  signs  ?\n"+
		"sign     xxxxxxxx  2026-11-27 12:10:00 UTC  next   -\n")
}

func TestRetireSigningKeys(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.ok("new", "--purpose", "sign")
	old := b.current(keyring.Signing)
	b.refused("makes new values; rotate first", "retire", old)
	b.refused("makes new values; rotate first", "retire", "--force", old) // not even so
	b.refused(`there is no key "0badcafe"`, "retire", "0badcafe")
	b.refused("--force needs the IDs", "retire", "--force")
	b.ok("rotate")
	b.refused("makes new values", "retire", old) // the new one does not yet
	next := b.set().Keys()[1].ID
	b.refused("will make new values", "retire", next)
	b.clock.Advance(10 * time.Minute)

	b.refused("which may be with clients; wait until 2027-05-27 12:10:00 UTC", "retire", old)
	said := b.ok("retire")
	assert.Contains(t, said, "Kept sign key "+old)
	assert.Contains(t, said, "Nothing was changed.")
	b.clock.Advance(181*24*time.Hour - time.Second)
	assert.Contains(t, b.ok("retire"), "Nothing was changed.")
	b.clock.Advance(time.Second)
	b.refused("is not retired; retire it first", "retire", "--delete", old)
	assert.Equal(t, b.ok("retire"), "Retired sign key "+old+".\n")
	b.refused("is retired already", "retire", old)
	assert.Equal(t, b.ok("retire", "--delete"), "Deleted sign key "+old+".\n")
	assert.Equal(t, len(b.set().Keys()), 1)
	assert.Equal(t, b.current(keyring.Signing), next)
}

// A key's age counts from its first successor, not from the latest.
func TestRetireCountsFromTheFirstSuccessor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.ok("new", "--purpose", "sign")
	first := b.current(keyring.Signing)
	b.clock.Advance(time.Hour)
	b.ok("rotate", "--delay", "0")
	second := b.current(keyring.Signing)
	b.clock.Advance(time.Hour)
	b.ok("rotate", "--delay", "0")
	b.clock.Advance(181*24*time.Hour - time.Hour)
	said := b.ok("retire")
	assert.Contains(t, said, "Retired sign key "+first)
	assert.Contains(t, said, "Kept sign key "+second)
}

// A stolen key must be gone at once.
func TestAStolenKeyIsRetiredByForce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.ok("new", "--purpose", "sign,token")
	stolen := b.current(keyring.Signing)
	forged, err := b.ring().Signer("cookie", time.Hour).Sign([]byte("admin"))
	assert.NoError(t, err)
	b.clock.Advance(time.Second)
	b.ok("rotate", "--delay", "0")
	b.ok("retire", "--force", stolen)
	_, err = b.ring().Signer("cookie", time.Hour).Verify(forged)
	assert.ErrorIs(t, err, keyring.ErrUnknownKey)
}

// A key under which data is must not be lost.
func TestRetireEncryptionKeysOnlyWhenNothingIsUnderThem(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.ok("new")
	keys := b.ring()
	phones := keys.AEAD("users.phone")
	url := "sqlite:" + filepath.Join(b.dir, "app.db")
	d, err := db.Open(t.Context(), url, db.Options{Drivers: []db.Driver{galesqlite.Driver()}})
	assert.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, d.Close()) })
	_, err = d.Exec(t.Context(), "CREATE TABLE users (id TEXT PRIMARY KEY, phone BLOB);"+reencrypt.Schema)
	assert.NoError(t, err)
	for _, id := range []string{"1", "2", "3"} {
		phone, err := keyring.Seal(phones, "+44", id)
		assert.NoError(t, err)
		_, err = d.Exec(t.Context(), "INSERT INTO users (id, phone) VALUES ($1, $2)", id, phone)
		assert.NoError(t, err)
	}
	count := []string{"--database", url, "--column", "users.phone"}
	old := b.current(keyring.Encryption)
	b.ok("rotate", "--purpose", "encrypt", "--delay", "1m")
	b.clock.Advance(time.Minute)
	assert.NoError(t, keys.Reload(t.Context()))

	assert.Equal(t, regexp.MustCompile(`(?m)^encrypt  `+old+` .* verifies +3$`).MatchString(b.ok(append(count, "status")...)), true)
	b.refused("give --database, or its ID and --force", "retire", old)
	b.refused("has 3 values under it (users.phone 3); let the application move them", append(count, "retire", old)...)
	assert.Contains(t, b.ok(append(count, "retire")...), "Kept encrypt key "+old+": it has 3 values")

	_, err = reencrypt.Run(t.Context(), reencrypt.NewTable(d, reencrypt.TableOptions{
		Table: "users", Columns: []reencrypt.Column{{Name: "phone", AEAD: phones}},
	}), reencrypt.Options{Pause: -1})
	assert.NoError(t, err)
	// The table says itself which columns to count.
	declared := []string{"--database", url}
	b.refused("names no column", append(declared, "retire")...)
	_, err = d.Exec(t.Context(), "INSERT INTO keyring_columns (name) VALUES ('users.phone'), ('users.fax')")
	assert.NoError(t, err)
	b.refused("no such column", append(declared, "retire")...)
	_, err = d.Exec(t.Context(), "ALTER TABLE users ADD COLUMN fax BLOB")
	assert.NoError(t, err)
	shown := b.ok(append(declared, "status")...)
	assert.Contains(t, shown, "\nCOLUMN       ID        ROLE   VALUES\n")
	assert.Contains(t, shown, "\nusers.fax    -         -      0\n")
	assert.Contains(t, shown, "\nusers.phone  "+b.current(keyring.Encryption)+"  signs  3\n")
	assert.Equal(t, b.ok(append(declared, "retire")...), "Retired encrypt key "+old+".\n")
	b.refused("may have values under it", "retire", "--delete", old)
	assert.Equal(t, b.ok(append(count, "retire", "--delete")...), "Deleted encrypt key "+old+".\n")
	status := b.ok(append(count, "status")...)
	assert.Equal(t, regexp.MustCompile(`(?m)^encrypt .* signs +3$`).MatchString(status), true)
	assert.Equal(t, strings.Contains(status, old), false)

	// A key that is lost shows.
	_, err = d.Exec(t.Context(), "UPDATE users SET phone = x'010badcafe00' WHERE id = '1'")
	assert.NoError(t, err)
	_, err = d.Exec(t.Context(), "UPDATE users SET phone = x'2b3434' WHERE id = '2'")
	assert.NoError(t, err)
	status = b.ok(append(count, "status")...)
	assert.Contains(t, status, "?        0badcafe         -                        missing  1\n")
	assert.Contains(t, status, "?        (not encrypted)  -                        missing  1\n")
}

func TestDatabasesThatCannotBeCounted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.ok("new")
	none := filepath.Join(b.dir, "none.db")
	b.refused("--column needs --database", "status", "--column", "users.phone")
	b.refused("no environment variable that is set", "status", "--database", "SECRETCMD_NO_SUCH", "--column", "users.phone")
	b.refused("unknown scheme", "status", "--database", "mysql:x", "--column", "users.phone")
	for _, url := range []string{"sqlite:" + none, "sqlite://" + none, "sqlite:" + none + "?synchronous=full"} {
		b.refused("no such file", "status", "--database", url, "--column", "users.phone")
	}
	_, err := os.Stat(none)
	assert.ErrorIs(t, err, os.ErrNotExist)
	url := "sqlite:" + filepath.Join(b.dir, "app.db")
	d, err := db.Open(t.Context(), url, db.Options{Drivers: []db.Driver{galesqlite.Driver()}})
	assert.NoError(t, err)
	assert.NoError(t, d.Close())
	b.refused("is not TABLE.COLUMN", "status", "--database", url, "--column", "phone")
	b.refused("no such table", "status", "--database", url, "--column", "users.phone")
	b.refused("or name the columns by --column", "status", "--database", url)
	b.refused("is not the name of", "retire", "--database", url, "--column", "users.phone FROM x --")
}

// Whatever the verbs print beside the value itself, it shows no key.
func TestNothingShowsMaterial(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.ok("new")
	text, err := os.ReadFile(b.file)
	assert.NoError(t, err)
	damaged := strings.Replace(string(text), "gale1.sign", "gale1.token", 1)
	var said strings.Builder
	said.WriteString(b.ok("rotate") + b.ok("status") + b.ok("retire"))
	assert.NoError(t, os.WriteFile(b.file, []byte(damaged), 0o600))
	_, _, failure := b.gale("status", "--file", b.file)
	assert.Contains(t, failure, "does not belong to its id and purpose")
	said.WriteString(failure)
	for _, material := range regexp.MustCompile(`[-_0-9A-Za-z]{43}`).FindAllString(string(text), -1) {
		assert.Equal(t, strings.Contains(said.String(), material), false)
	}
}

func TestUnknownVerb(t *testing.T) {
	t.Parallel()
	_, _, failure := setup(t).gale("rotat")
	assert.Contains(t, failure, `there is no command "rotat"; secret --help lists them`)
	stdout, _, _ := setup(t).gale()
	assert.Contains(t, stdout, "gale secret rotate --file keys")
}
