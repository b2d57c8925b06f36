package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/database"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/keyring"
)

// Keys are made once in development, and nobody else can read them.
func TestKeysOfDevelopment(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, "sqlite:"+filepath.Join(dir, "x.db"))
	file := filepath.Join(dir, "relay.keys")
	first, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
	p.kill()
	start(t, "sqlite:"+filepath.Join(dir, "x.db"))
	second, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("the second start has other keys, %v", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, ".keys-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("drafts are left: %v, %v", left, err)
	}
}

// A start that the keys refuse leaves no trace: no file, no table.
func TestNothingIsWrittenBeforeTheKeysAreRead(t *testing.T) {
	t.Parallel()
	keys := []byte(keyring.NewSet(time.Now()).Lines().Reveal())
	for name, databaseURL := range map[string]string{"sqlite": "sqlite:relay.db", "postgres": postgresSchema(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "keys")
			if err := errors.Join(os.WriteFile(file, keys, 0o600), os.Chmod(file, 0o644)); err != nil {
				t.Fatal(err)
			}
			cmd := command(t, "RELAY_ENV=production", "RELAY_ADDR=127.0.0.1:0", "RELAY_DATABASE_URL="+databaseURL, "RELAY_SECRET_KEYS_FILE="+file,
				"RELAY_PUBLIC_URL=https://relay.example.com", "RELAY_SMTP_URL=smtp://127.0.0.1:1?tls=off")
			text, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(text), "SECRET_KEYS_FILE: ") || !strings.Contains(string(text), "chmod 600") {
				t.Errorf("relay ended with %v and said %s", err, text)
			}
			files, err := os.ReadDir(cmd.Dir)
			if err != nil || len(files) > 0 {
				t.Errorf("there are files: %v, %v", files, err)
			}
			if name == "sqlite" {
				return
			}
			d, err := db.Open(t.Context(), databaseURL, db.Options{Drivers: database.Drivers()})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			n, err := db.Get[int](t.Context(), d, "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema()")
			if err != nil || n > 0 {
				t.Errorf("there are %d tables, %v", n, err)
			}
		})
	}
}

// place is where keys are, and how a test changes them there.
type place struct {
	settings []string
	put      func(set keyring.Set)
}

// keysIn returns each place that relay reads again.
func keysIn(t *testing.T) map[string]place {
	t.Helper()
	write := func(file, text string) {
		t.Helper()
		if err := errors.Join(os.WriteFile(file+".new", []byte(text), 0o600), os.Rename(file+".new", file)); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	file, credential, token := filepath.Join(dir, "keys"), filepath.Join(dir, "RELAY_SECRET_KEYS"), filepath.Join(dir, "token")
	write(token, "hvs.token\n")
	v := &vault{token: "hvs.token"}
	server := httptest.NewServer(v)
	t.Cleanup(server.Close)
	return map[string]place{
		"file":       {[]string{"RELAY_SECRET_KEYS_FILE=" + file}, func(s keyring.Set) { write(file, s.Lines().Reveal()) }},
		"credential": {[]string{"CREDENTIALS_DIRECTORY=" + dir}, func(s keyring.Set) { write(credential, s.Lines().Reveal()) }},
		"vault": {[]string{"RELAY_SECRET_KEYS_URL=" + server.URL + "/v1/secret/data/relay?token_file=" + token}, func(s keyring.Set) {
			text := s.Text().Reveal()
			v.keys.Store(&text)
		}},
	}
}

// vault is a KV version 2 engine with one secret, as far as relay uses one.
type vault struct {
	token string
	keys  atomic.Pointer[string] // nil while it is sealed
}

func (v *vault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	keys := v.keys.Load()
	switch {
	case keys == nil:
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"errors":["Vault is sealed"]}`)
	case r.Header.Get("X-Vault-Token") != v.token:
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"errors":["permission denied"]}`)
	case r.URL.Path != "/v1/secret/data/relay":
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"errors":[]}`)
	default:
		quoted, _ := json.Marshal(*keys) // never fails for a string
		_, _ = fmt.Fprintf(w, `{"data":{"data":{"keys":%s},"metadata":{"deletion_time":"","destroyed":false,"version":1}}}`, quoted)
	}
}

// reload has the process read its keys again, and waits until it has said what
// came of it.
func (p *process) reload(says string) {
	p.t.Helper()
	p.log.expect(says)
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-p.log.found:
	case <-time.After(time.Minute):
		p.t.Fatalf("relay does not say %q", says)
	}
}

// After a rotation and SIGHUP the process has the new keys and knows the old,
// wherever they are.
func TestReloadOfKeys(t *testing.T) {
	t.Parallel()
	for name, place := range keysIn(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := keyring.NewSet(time.Now().Add(-time.Hour))
			place.put(set)
			p := start(t, "sqlite:relay.db", place.settings...)
			header := p.first()
			old := deviceOf(header)
			set, _ = set.Rotate(keyring.Signing, time.Now().Add(-time.Minute))
			place.put(set)
			p.reload("the keys were read again")
			for range 6 { // strangers use up the guesses
				_, _, _, err := p.do(http.MethodPost, "/sign-in", formType, "", "email=ada%40example.com&password=wrong+horse+battery")
				if err != nil {
					t.Fatal(err)
				}
			}
			const right = "email=ada%40example.com&password=correct+horse+battery"
			p.must(http.StatusTooManyRequests, http.MethodPost, "/sign-in", formType, "", right)
			header, _ = p.must(http.StatusSeeOther, http.MethodPost, "/sign-in", formType, "Cookie: __Host-device="+old, right)
			if renewed := deviceOf(header); renewed == "" || keyOf(t, set, renewed) == keyOf(t, set, old) {
				t.Errorf("the cookie is signed by the old key: %q", renewed)
			}
		})
	}
}

// A source that is down, or has damaged keys, costs nobody anything but a line in
// the log and a metric.
func TestKeysStayWhileTheirSourceFails(t *testing.T) {
	t.Parallel()
	set := keyring.NewSet(time.Now().Add(-time.Hour))
	text, damaged := set.Text().Reveal(), "gale1.hunter2"
	v := &vault{token: "hvs.token"}
	v.keys.Store(&text)
	server := httptest.NewServer(v)
	t.Cleanup(server.Close)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(v.token), 0o600); err != nil {
		t.Fatal(err)
	}
	ops := freeAddr(t)
	p := start(t, "sqlite:relay.db", "RELAY_OPS_ADDR="+ops, "RELAY_SECRET_KEYS_URL="+server.URL+"/v1/secret/data/relay?token_file="+token)
	failing := func(want string) {
		t.Helper()
		answer, err := http.Get("http://" + ops + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if text, err := io.ReadAll(answer.Body); err != nil || !strings.Contains(string(text), "\ngale_keyring_reload_failing "+want+"\n") {
			t.Errorf("the metric is not %s, %v", want, err)
		}
	}
	failing("0")
	v.keys.Store(nil)
	p.reload("keyring: reload failed; the keys stay as they are")
	failing("1")
	header := p.first()
	keyOf(t, set, deviceOf(header))
	v.keys.Store(&damaged)
	p.reload("has 2 parts between dots")
	v.keys.Store(&text)
	p.reload("keyring: reload works again")
	failing("0")
	if strings.Contains(p.log.text(), "hunter2") || strings.Contains(p.log.text(), v.token) {
		t.Error("the log shows keys or the token")
	}
}

const formType = "application/x-www-form-urlencoded"

// deviceOf returns the signed cookie of a browser that is known.
func deviceOf(header http.Header) string {
	for _, c := range (&http.Response{Header: header}).Cookies() {
		if c.Name == "__Host-device" {
			return c.Value
		}
	}
	return ""
}

// keyOf returns the id of the key of set that signed the cookie.
func keyOf(t *testing.T, set keyring.Set, cookie string) string {
	t.Helper()
	for _, k := range set.Keys() {
		if strings.Contains(cookie, k.ID) {
			return k.ID
		}
	}
	t.Fatalf("no key of the set has signed %q", cookie)
	return ""
}
