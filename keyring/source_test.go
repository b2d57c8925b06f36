package keyring_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/galeweb/gale/config"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/keyring"
)

// load returns the text of a source, or its error as text.
func load(t *testing.T, s keyring.Source) (text, failure string) {
	t.Helper()
	b, _, err := s.Load(t.Context())
	if err != nil {
		return "", err.Error()
	}
	return string(b), ""
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	assert.NoError(t, os.WriteFile(path+".new", []byte(text), mode))
	assert.NoError(t, os.Chmod(path+".new", mode)) // whatever the umask is
	assert.NoError(t, os.Rename(path+".new", path))
}

func TestText(t *testing.T) {
	t.Parallel()
	text, _ := load(t, keyring.Text(config.NewSecret("abc")))
	assert.Equal(t, text, "abc")
	_, failure := load(t, keyring.Text(config.Secret{}))
	assert.Contains(t, failure, "gale secret new")
}

func TestEnv(t *testing.T) { // not parallel: it sets variables
	path := filepath.Join(t.TempDir(), "keys")
	write(t, path, "from the file", 0o600)
	src := keyring.Env("KEYRING_TEST_KEYS")
	_, failure := load(t, src)
	assert.Contains(t, failure, "KEYRING_TEST_KEYS is not set")
	t.Setenv("KEYRING_TEST_KEYS", "from the variable")
	text, _ := load(t, src)
	assert.Equal(t, text, "from the variable")
	t.Setenv("KEYRING_TEST_KEYS_FILE", path)
	_, failure = load(t, src)
	assert.Contains(t, failure, "unset all but one of them")
	t.Setenv("KEYRING_TEST_KEYS", "")
	text, _ = load(t, src)
	assert.Equal(t, text, "from the file")
	t.Setenv("KEYRING_TEST_KEYS_FILE", "hunter2 pasted here")
	_, failure = load(t, src)
	assert.Contains(t, failure, "KEYRING_TEST_KEYS_FILE: the file of keys: ")
	assert.True(t, !strings.Contains(failure, "hunter2"), "the error shows the path")

	_, address := serveVault(t, "from the vault")
	write(t, path, "s.token", 0o600)
	t.Setenv("KEYRING_TEST_KEYS_URL", address+"/v1/secret/data/relay?token_file="+path)
	_, failure = load(t, src)
	assert.Contains(t, failure, "KEYRING_TEST_KEYS_FILE and KEYRING_TEST_KEYS_URL are set")
	t.Setenv("KEYRING_TEST_KEYS_FILE", "")
	text, _ = load(t, src)
	assert.Equal(t, text, "from the vault")
	t.Setenv("KEYRING_TEST_KEYS_URL", "https://vault.example.com/v1/secret/data/relay?token=hunter2")
	_, failure = load(t, src)
	assert.Contains(t, failure, "KEYRING_TEST_KEYS_URL: vault: the address has a token")
	assert.True(t, !strings.Contains(failure, "hunter2"), "the error shows the token")
}

func TestCredential(t *testing.T) { // not parallel: it sets a variable
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	_, failure := load(t, keyring.Credential("keys"))
	assert.Contains(t, failure, "LoadCredential=")
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	_, failure = load(t, keyring.Credential("keys"))
	assert.Contains(t, failure, "credential keys: ")
	write(t, filepath.Join(dir, "keys"), "abc", 0o444)
	text, _ := load(t, keyring.Credential("keys"))
	assert.Equal(t, text, "abc")
}

func TestAFileThatOthersCanReadIsRefused(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("modes say nothing here")
	}
	path := filepath.Join(t.TempDir(), "keys")
	for mode, ok := range map[os.FileMode]bool{
		0o600: true, 0o400: true, 0o640: true, 0o440: true,
		0o644: false, 0o604: false, 0o660: false, 0o602: false, 0o601: false, 0o777: false,
	} {
		write(t, path, "abc", mode)
		text, failure := load(t, keyring.File(path))
		if ok {
			assert.Equal(t, text, "abc")
		} else {
			assert.Contains(t, failure, fmt.Sprintf("mode %#o", mode))
		}
	}
}

func TestAFileIsReadAgainWhenItChanges(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys")
	set := keyring.NewSet(start)
	write(t, path, set.Lines().Reveal(), 0o600)
	keys := open(t, keyring.Options{Source: keyring.File(path)})
	set, next := set.Rotate(keyring.Signing, start)
	write(t, path, set.Lines().Reveal(), 0o600)
	assert.NoError(t, keys.Reload(t.Context()))
	_, ok := keys.Set().Find(next.ID)
	assert.Equal(t, ok, true)
}

func TestOddFilesAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, failure := load(t, keyring.File(dir))
	assert.True(t, failure != "", "a directory was read")
	_, failure = load(t, keyring.File(filepath.Join(dir, "none")))
	assert.Equal(t, failure, "the file of keys: no such file or directory")
	path := filepath.Join(dir, "large")
	write(t, path, strings.Repeat(" ", 10<<20), 0o600)
	_, err := keyring.Open(t.Context(), keyring.Options{Source: keyring.File(path)})
	assert.Contains(t, err.Error(), "more than 65536 bytes")
}
