package keyring_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

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
	assert.Contains(t, failure, "unset one of them")
	t.Setenv("KEYRING_TEST_KEYS", "")
	text, _ = load(t, src)
	assert.Equal(t, text, "from the file")
	t.Setenv("KEYRING_TEST_KEYS_FILE", "hunter2 pasted here")
	_, failure = load(t, src)
	assert.Contains(t, failure, "KEYRING_TEST_KEYS_FILE: the file of keys: ")
	assert.True(t, !strings.Contains(failure, "hunter2"), "the error shows the path")
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

// vault is a KV version 2 engine as far as the source uses one.
type vault struct {
	token, answer string
	status        int
	requests      []*http.Request
}

func (v *vault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.requests = append(v.requests, r)
	if r.Header.Get("X-Vault-Token") != v.token || r.Header.Get("X-Vault-Request") != "true" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	if v.status/100 == 3 {
		w.Header().Set("Location", "/stolen")
	}
	w.WriteHeader(v.status)
	_, _ = io.WriteString(w, v.answer)
}

func serveVault(t *testing.T, answer string) (*vault, string) {
	t.Helper()
	v := &vault{token: "s.token", answer: answer, status: http.StatusOK}
	server := httptest.NewServer(v)
	t.Cleanup(server.Close)
	return v, server.URL
}

const vaultAnswer = `{"data":{"data":{"keys":"abc","n":7},"metadata":{"version":3}}}`

func TestVault(t *testing.T) {
	t.Parallel()
	v, address := serveVault(t, vaultAnswer)
	src := keyring.NewVault(keyring.VaultOptions{
		Address: address, Path: "/relay/prod/", Token: config.NewSecret("s.token"), Namespace: "team",
	})
	text, version, err := src.Load(t.Context())
	assert.NoError(t, err)
	assert.Equal(t, string(text), "abc")
	assert.Equal(t, version, "3")
	assert.Equal(t, v.requests[0].URL.Path, "/v1/secret/data/relay/prod")
	assert.Equal(t, v.requests[0].Header.Get("X-Vault-Namespace"), "team")

	path := filepath.Join(t.TempDir(), "token")
	src = keyring.NewVault(keyring.VaultOptions{Address: address + "/base/", Mount: "kv/", Path: "relay", Field: "n", TokenFile: path})
	_, failure := load(t, src)
	assert.Contains(t, failure, "vault: token: ")
	write(t, path, "old\n", 0o600)
	_, failure = load(t, src)
	assert.Equal(t, failure, "vault: the server answers Forbidden")
	write(t, path, "s.token\n", 0o600) // as an agent renews it
	_, failure = load(t, src)
	assert.Equal(t, failure, `vault: the secret has no text in the field "n"`)
	assert.Equal(t, v.requests[2].URL.Path, "/base/v1/kv/data/relay")
	write(t, path, "a\r\nX-Evil: 1", 0o600)
	_, failure = load(t, src)
	assert.Contains(t, failure, "characters that no token has")
}

func TestVaultAnswersThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status       int
		answer, want string
	}{
		"redirect":    {http.StatusTemporaryRedirect, vaultAnswer, "answers Temporary Redirect"},
		"not found":   {http.StatusNotFound, `{"errors":["hunter2"]}`, "answers Not Found"},
		"not JSON":    {http.StatusOK, "hunter2", "not that of a KV version 2 engine"},
		"version 1":   {http.StatusOK, `{"data":{"keys":"hunter2"}}`, `no text in the field "keys"`},
		"wrong type":  {http.StatusOK, `{"data":{"data":["hunter2"]}}`, "not that of a KV version 2 engine"},
		"no field":    {http.StatusOK, `{"data":{"data":{"key":"hunter2"}}}`, `no text in the field "keys"`},
		"deleted":     {http.StatusOK, `{"data":{"data":null,"metadata":{"version":4}}}`, `no text in the field "keys"`},
		"too much":    {http.StatusOK, strings.Repeat(" ", 1<<20) + vaultAnswer, "more than 262144 bytes"},
		"two answers": {http.StatusOK, vaultAnswer + "hunter2", "not that of a KV version 2 engine"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, address := serveVault(t, test.answer)
			v.status = test.status
			src := keyring.NewVault(keyring.VaultOptions{Address: address, Path: "relay", Token: config.NewSecret("s.token")})
			_, failure := load(t, src)
			assert.Contains(t, failure, test.want)
			assert.True(t, !strings.Contains(failure, "hunter2"), "the error shows the answer")
			assert.Equal(t, len(v.requests), 1) // the token went nowhere else
		})
	}
}

func TestVaultThatDoesNotAnswerIsGivenUp(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	src := keyring.NewVault(keyring.VaultOptions{
		Address: server.URL, Path: "relay", Token: config.NewSecret("s.token"), Timeout: time.Millisecond,
	})
	_, failure := load(t, src)
	assert.Contains(t, failure, "vault: ")
	assert.True(t, !strings.Contains(failure, "s.token"), "the error shows the token")
}

func TestVaultOverTLS(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(&vault{token: "s.token", answer: vaultAnswer, status: http.StatusOK})
	t.Cleanup(server.Close)
	server.Config.ErrorLog = nil
	o := keyring.VaultOptions{Address: server.URL, Path: "relay", Token: config.NewSecret("s.token")}
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	o.Transport = transport
	text, failure := load(t, keyring.NewVault(o))
	assert.Equal(t, failure, "")
	assert.Equal(t, text, "abc")
}

func TestVaultOptionsThatCannotBe(t *testing.T) {
	t.Parallel()
	token := config.NewSecret("s.token")
	for name, o := range map[string]keyring.VaultOptions{
		"no address": {Path: "x", Token: token},
		"plain http": {Address: "http://vault.example.com:8200", Path: "x", Token: token},
		"other":      {Address: "ftp://127.0.0.1", Path: "x", Token: token},
		"user":       {Address: "https://me:pw@vault.example.com", Path: "x", Token: token},
		"no path":    {Address: "https://vault.example.com", Path: "/", Token: token},
		"no token":   {Address: "https://vault.example.com", Path: "x"},
		"two tokens": {Address: "https://vault.example.com", Path: "x", Token: token, TokenFile: "y"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			message, _ := assert.Panics(t, func() { keyring.NewVault(o) }).(string)
			assert.Contains(t, message, "keyring: VaultOptions")
			assert.True(t, !strings.Contains(message, "pw"), "the message shows the address")
		})
	}
	keyring.NewVault(keyring.VaultOptions{Address: "http://[::1]:8100", Path: "x", Token: token})
	keyring.NewVault(keyring.VaultOptions{Address: "http://localhost:8100", Path: "x", Token: token})
}
