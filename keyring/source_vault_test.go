package keyring_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/config"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/keyring"
)

// vault is a KV version 2 engine as far as the source uses one.
type vault struct {
	mu       sync.Mutex
	token    string
	status   int
	answer   string
	requests []*http.Request
}

func (v *vault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.requests = append(v.requests, r)
	status, answer := v.status, v.answer
	if r.Header.Get("X-Vault-Token") != v.token || r.Header.Get("X-Vault-Request") != "true" {
		status, answer = http.StatusForbidden, `{"errors":["1 error occurred:\n\t* permission denied\n\n"]}`
	}
	w.Header().Set("Content-Type", "application/json")
	if status/100 == 3 {
		w.Header().Set("Location", "/stolen")
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, answer)
}

// put stores the text as the field keys.
func (v *vault) put(text string, version int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.answer = kv2(text, version)
}

// kv2 is how the engine answers, field by field.
func kv2(text string, version int) string {
	quoted, _ := json.Marshal(text) // never fails for a string
	return fmt.Sprintf(`{"request_id":"33a2f7c4-6b5e-f7a1-6a4c-28c1a0a2f3f5","lease_id":"","renewable":false,"lease_duration":0,`+
		`"data":{"data":{"keys":%s,"n":7},"metadata":{"created_time":"2026-11-27T12:00:00.123456789Z","custom_metadata":null,`+
		`"deletion_time":"","destroyed":false,"version":%d}},"wrap_info":null,"warnings":null,"auth":null,"mount_type":"kv"}`+"\n", quoted, version)
}

// serveVault serves a secret that has the text to who has the token "s.token".
func serveVault(t *testing.T, text string) (*vault, string) {
	t.Helper()
	v := &vault{token: "s.token", status: http.StatusOK}
	v.put(text, 3)
	server := httptest.NewServer(v)
	t.Cleanup(server.Close)
	return v, server.URL
}

func TestVault(t *testing.T) {
	t.Parallel()
	v, address := serveVault(t, "abc")
	src := keyring.NewVault(keyring.VaultOptions{
		Address: address, Path: "/relay/prod/", Token: config.NewSecret("s.token"), Namespace: "team",
	})
	text, failure := load(t, src)
	assert.Equal(t, failure, "")
	assert.Equal(t, text, "abc")
	assert.Equal(t, v.requests[0].URL.Path, "/v1/secret/data/relay/prod")
	assert.Equal(t, v.requests[0].Header.Get("X-Vault-Namespace"), "team")

	path := filepath.Join(t.TempDir(), "token")
	src = keyring.NewVault(keyring.VaultOptions{Address: address + "/base/", Mount: "kv/", Path: "relay", Field: "n", TokenFile: path})
	_, failure = load(t, src)
	assert.Contains(t, failure, "vault: token: ")
	write(t, path, "old\n", 0o600)
	_, failure = load(t, src)
	assert.Contains(t, failure, "vault: the server answers 403 Forbidden; the token has ended")
	write(t, path, "s.token\n", 0o600) // as an agent renews it
	_, failure = load(t, src)
	assert.Equal(t, failure, `vault: the secret has no text in the field "n"`)
	assert.Equal(t, v.requests[2].URL.Path, "/base/v1/kv/data/relay")
	write(t, path, "a\r\nX-Evil: 1", 0o600)
	_, failure = load(t, src)
	assert.Contains(t, failure, "characters that no token has")
}

// Who can read the token can read the keys.
func TestATokenThatOthersCanReadIsRefused(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("modes say nothing here")
	}
	v, address := serveVault(t, "abc")
	path := filepath.Join(t.TempDir(), "token")
	write(t, path, "s.token\n", 0o644)
	src := keyring.NewVault(keyring.VaultOptions{Address: address, Path: "relay", TokenFile: path})
	_, failure := load(t, src)
	assert.Contains(t, failure, "vault: token: it has mode 0644")
	assert.Equal(t, len(v.requests), 0)
	write(t, path, "s.token\n", 0o640) // as an agent writes it
	text, _ := load(t, src)
	assert.Equal(t, text, "abc")
}

// A secret that was removed and made anew begins at version 1 again: what counts
// is what it has.
func TestAVaultSecretThatWasMadeAnewIsNoticed(t *testing.T) {
	t.Parallel()
	set := keyring.NewSet(start)
	v, address := serveVault(t, "")
	v.put(set.Text().Reveal(), 1)
	src := keyring.NewVault(keyring.VaultOptions{Address: address, Path: "relay", Token: config.NewSecret("s.token")})
	keys := open(t, keyring.Options{Source: src})
	before := keys.Set()
	assert.NoError(t, keys.Reload(t.Context()))
	assert.Equal(t, keys.Set().String(), before.String())
	set, next := set.Rotate(keyring.Signing, start)
	v.put(set.Text().Reveal(), 1)
	assert.NoError(t, keys.Reload(t.Context()))
	_, ok := keys.Set().Find(next.ID)
	assert.True(t, ok, "the new key is not there")
}

func TestVaultAnswersThatAreRefused(t *testing.T) {
	t.Parallel()
	good := kv2("abc", 3)
	for name, test := range map[string]struct {
		status       int
		answer, want string
	}{
		"redirect":    {http.StatusTemporaryRedirect, good, "answers 307 Temporary Redirect, which is not followed"},
		"no token":    {http.StatusForbidden, `{"errors":["hunter2"]}`, "answers 403 Forbidden; the token"},
		"not found":   {http.StatusNotFound, `{"errors":[]}`, "answers 404 Not Found; there is no secret"},
		"deleted":     {http.StatusNotFound, `{"request_id":"hunter2","data":{"data":null,"metadata":{"deletion_time":"2026-11-27T12:00:00Z","destroyed":false,"version":4}}}`, "its last version was deleted"},
		"failure":     {http.StatusInternalServerError, `{"errors":["hunter2"]}`, "answers 500 Internal Server Error"},
		"sealed":      {http.StatusServiceUnavailable, `{"errors":["Vault is sealed"]}`, "answers 503 Service Unavailable; it is sealed"},
		"its own":     {472, "", "answers 472"}, // of a secondary for disaster recovery
		"no content":  {http.StatusNoContent, "", "answers 204 No Content"},
		"not JSON":    {http.StatusOK, "hunter2", "not that of a KV version 2 engine"},
		"cut off":     {http.StatusOK, good[:len(good)/2], "not that of a KV version 2 engine"},
		"empty":       {http.StatusOK, "", "not that of a KV version 2 engine"},
		"a page":      {http.StatusOK, "<html>hunter2</html>", "not that of a KV version 2 engine"},
		"version 1":   {http.StatusOK, `{"data":{"keys":"hunter2"}}`, `no text in the field "keys"`},
		"wrong type":  {http.StatusOK, `{"data":{"data":["hunter2"]}}`, "not that of a KV version 2 engine"},
		"a list":      {http.StatusOK, `{"data":{"data":{"keys":["hunter2"]}}}`, `no text in the field "keys"`},
		"no field":    {http.StatusOK, `{"data":{"data":{"key":"hunter2"}}}`, `no text in the field "keys"`},
		"no data":     {http.StatusOK, `{"data":{"data":null,"metadata":{"version":4}}}`, `no text in the field "keys"`},
		"empty field": {http.StatusOK, kv2("", 3), `no text in the field "keys"`},
		"too much":    {http.StatusOK, strings.Repeat(" ", 1<<20) + good, "more than 262144 bytes"},
		"two answers": {http.StatusOK, good + "hunter2", "not that of a KV version 2 engine"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, address := serveVault(t, "")
			v.status, v.answer = test.status, test.answer
			src := keyring.NewVault(keyring.VaultOptions{Address: address, Path: "relay", Token: config.NewSecret("s.token")})
			_, failure := load(t, src)
			assert.Contains(t, failure, test.want)
			assert.True(t, !strings.Contains(failure, "hunter2"), "the error shows the answer")
			assert.Equal(t, len(v.requests), 1) // the token went nowhere else
		})
	}
}

// Whether the server says nothing, or begins an answer and does not end it.
func TestVaultThatDoesNotAnswerIsGivenUp(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(w http.ResponseWriter){
		"silent": func(http.ResponseWriter) {},
		"slow": func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, `{"data":{`)
			_ = http.NewResponseController(w).Flush()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			release := make(chan struct{})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				begin(w)
				<-release
			}))
			t.Cleanup(server.Close)
			t.Cleanup(func() { close(release) })
			src := keyring.NewVault(keyring.VaultOptions{
				Address: server.URL, Path: "relay", Token: config.NewSecret("s.token"), Timeout: 100 * time.Millisecond,
			})
			_, failure := load(t, src)
			assert.Contains(t, failure, "vault: ")
			assert.Contains(t, failure, "Client.Timeout")
			assert.True(t, !strings.Contains(failure, "s.token"), "the error shows the token")
		})
	}
}

// The authorities are those of the file, at each load, and no others.
func TestVaultOverTLS(t *testing.T) {
	t.Parallel()
	v := &vault{token: "s.token", status: http.StatusOK}
	v.put("abc", 3)
	server := httptest.NewUnstartedServer(v)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are refused
	server.StartTLS()
	t.Cleanup(server.Close)
	dir := t.TempDir()
	token, ca := filepath.Join(dir, "token"), filepath.Join(dir, "ca.pem")
	write(t, token, "s.token", 0o600)
	address := server.URL + "/v1/secret/data/relay?token_file=" + url.QueryEscape(token)

	src, err := keyring.VaultURL(address)
	assert.NoError(t, err)
	_, failure := load(t, src)
	assert.Contains(t, failure, "certificate")

	src, err = keyring.VaultURL(address + "&ca=" + url.QueryEscape(ca))
	assert.NoError(t, err)
	_, failure = load(t, src)
	assert.Contains(t, failure, "vault: authorities: ")
	write(t, ca, "not one", 0o644)
	_, failure = load(t, src)
	assert.Contains(t, failure, "no certificate in PEM")
	write(t, ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: strangeAuthority(t)})), 0o644)
	_, failure = load(t, src)
	assert.Contains(t, failure, "certificate")
	assert.Equal(t, len(v.requests), 0)
	write(t, ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})), 0o644)
	text, failure := load(t, src)
	assert.Equal(t, failure, "")
	assert.Equal(t, text, "abc")
}

// strangeAuthority is one that has vouched for nobody.
func strangeAuthority(t *testing.T) []byte {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	assert.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	assert.NoError(t, err)
	return der
}

func TestVaultOptionsThatCannotBe(t *testing.T) {
	t.Parallel()
	token := config.NewSecret("s.token")
	for name, o := range map[string]keyring.VaultOptions{
		"no address":      {Path: "x", Token: token},
		"plain http":      {Address: "http://vault.example.com:8200", Path: "x", Token: token},
		"other":           {Address: "ftp://127.0.0.1", Path: "x", Token: token, Unencrypted: true},
		"user":            {Address: "https://me:pw@vault.example.com", Path: "x", Token: token},
		"no path":         {Address: "https://vault.example.com", Path: "/", Token: token},
		"no token":        {Address: "https://vault.example.com", Path: "x"},
		"two tokens":      {Address: "https://vault.example.com", Path: "x", Token: token, TokenFile: "y"},
		"two authorities": {Address: "https://vault.example.com", Path: "x", Token: token, CAFile: "y", Transport: http.DefaultTransport},
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
	keyring.NewVault(keyring.VaultOptions{Address: "http://vault.example.com:8200", Path: "x", Token: token, Unencrypted: true})
}

func TestVaultURL(t *testing.T) {
	t.Parallel()
	v, address := serveVault(t, "abc")
	token := filepath.Join(t.TempDir(), "token")
	write(t, token, "s.token\n", 0o600)
	for path, want := range map[string]string{
		"/v1/secret/data/relay?":                       "",
		"/v1/kv/a/data/relay/prod?field=keys&":         "",
		"/base/v1/secret/data/relay?namespace=team/a&": "team/a",
		"/v1/team/a/secret/data/relay?tls=off&":        "",
	} {
		src, err := keyring.VaultURL(address + path + "token_file=" + url.QueryEscape(token))
		assert.NoError(t, err)
		text, failure := load(t, src)
		assert.Equal(t, failure, "")
		assert.Equal(t, text, "abc")
		r := v.requests[len(v.requests)-1]
		wantPath, _, _ := strings.Cut(path, "?")
		assert.Equal(t, r.URL.Path, wantPath)
		assert.Equal(t, r.URL.RawQuery, "")
		assert.Equal(t, r.Header.Get("X-Vault-Namespace"), want)
	}
	src, err := keyring.VaultURL(address + "/v1/secret/data/relay?field=other&token_file=" + url.QueryEscape(token))
	assert.NoError(t, err)
	_, failure := load(t, src)
	assert.Contains(t, failure, `field "other"`)
}

func TestVaultURLsThatAreRefused(t *testing.T) {
	t.Parallel()
	const path = "/v1/secret/data/hunter2?token_file=/t"
	for address, want := range map[string]string{
		"":                                  "is not like https://",
		"hunter2":                           "is not like https://",
		"https://vault.example.com/hunter2": "is not like https://",
		"https://h/v1/secret/hunter2?token_file=/t":      "is not like https://", // the path of version 1
		"https://h/v1/secret/data/?token_file=/t":        "is not like https://",
		"https://h/v1/data/hunter2?token_file=/t":        "is not like https://",
		"https://h" + path + "#x":                        "is not like https://",
		"https://h:x" + path:                             "is not like https://",
		"ftp://127.0.0.1" + path:                         "is not like https://",
		"ftp://127.0.0.1" + path + "&tls=off":            "is not like https://",
		"http://vault.example.com" + path:                "in the clear; use https://",
		"http://127.0.0.1.example.com" + path:            "in the clear; use https://",
		"http://192.0.2.1" + path:                        "in the clear; use https://",
		"https://h" + path + "&tls=off":                  "tls=off, but begins with https",
		"https://h" + path + "&tls=hunter2":              "a tls= that is not off",
		"https://root:hunter2@h" + path:                  "has a user",
		"https://h/v1/secret/data/relay":                 "no token_file=",
		"https://h/v1/secret/data/relay?token=hunter2":   "has a token",
		"https://h" + path + "&token_file=/hunter2":      "a parameter twice",
		"https://h" + path + "&tokenfile=hunter2":        "unknown parameter",
		"https://h/v1/secret/data/relay?ca=%zz&hunter2=": "does not parse",
	} {
		_, err := keyring.VaultURL(address)
		if err == nil {
			t.Errorf("%q was taken", address)
			continue
		}
		assert.Contains(t, err.Error(), "vault: the ")
		assert.Contains(t, err.Error(), want)
		assert.True(t, !strings.Contains(err.Error(), "hunter2"), "the error shows the address")
	}
	_, err := keyring.VaultURL("http://vault.internal:8200/v1/secret/data/relay?tls=off&token_file=/t")
	assert.NoError(t, err)
}
