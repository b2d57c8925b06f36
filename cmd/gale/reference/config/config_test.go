package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/galeweb/gale/auth"
	gale "github.com/galeweb/gale/config"

	"github.com/galeweb/gale/cmd/gale/reference/config"
)

func TestPublic(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ publicURL, addr, want string }{
		{"", "", "http://127.0.0.1:8080"},
		{"", "127.0.0.1:9000", "http://127.0.0.1:9000"},
		{"", ":9000", "http://127.0.0.1:9000"},
		{"", "0.0.0.0:9000", "http://127.0.0.1:9000"},
		{"", "[::]:9000", "http://127.0.0.1:9000"},
		{"", "[::1]:9000", "http://[::1]:9000"},
		{"", "127.0.0.1:0", "http://127.0.0.1:8080"},
		{"", "unix:/run/relay/s", "http://127.0.0.1:8080"},
		{"https://relay.example.com/", ":9000", "https://relay.example.com"},
	} {
		if got := (config.Config{PublicURL: test.publicURL, Addr: test.addr}).Public(); got != test.want {
			t.Errorf("%+v: %s", test, got)
		}
	}
}

// What the start would fail at later, with the database migrated, is refused
// here; plain HTTP is for this machine alone.
func TestPublicOfProduction(t *testing.T) {
	t.Parallel()
	for public, ok := range map[string]bool{
		"https://relay.example.com":    true,
		"http://relay.example.com":     false,
		"HTTPS://relay.example.com":    false,
		"http://192.0.2.1":             false,
		"http://localhost.example.com": false,
		"http://127.0.0.1.nip.io":      false,
		"http://localhost:8080":        true,
		"http://127.0.0.1:8080":        true,
		"http://[::1]:8080":            true,
	} {
		_, err := gale.Load[config.Config](gale.Options{Prefix: "RELAY_", EnvFile: os.DevNull, Environ: []string{
			"RELAY_ENV=production", "RELAY_SMTP_URL=smtp://mail.example.com", "RELAY_SECRET_KEYS=x", "RELAY_PUBLIC_URL=" + public,
		}})
		if ok != (err == nil) || err != nil && !strings.Contains(err.Error(), "PUBLIC_URL must be") {
			t.Errorf("%s: %v", public, err)
		}
	}
}

// Costs below the least of OWASP are refused, as those that no sign-in could pay.
func TestPasswordCost(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		env, cost string
		want      auth.HasherOptions
		ok        bool
	}{
		{"production", "", auth.HasherOptions{}, true}, // is measured
		{"dev", "measure", auth.HasherOptions{}, true},
		{"dev", "", auth.HasherOptions{MemoryKiB: 19456, Time: 2}, true},
		{"production", "65536,3", auth.HasherOptions{MemoryKiB: 65536, Time: 3}, true},
		{"production", "262144,4", auth.HasherOptions{MemoryKiB: 262144, Time: 4}, true},
		{"production", "262144,5", auth.HasherOptions{}, false},
		{"production", "19455,2", auth.HasherOptions{}, false},
		{"production", "19456,1", auth.HasherOptions{}, false},
		{"production", "19456,33", auth.HasherOptions{}, false},
		{"production", "65536", auth.HasherOptions{}, false},
		{"production", "-1,2", auth.HasherOptions{}, false},
		{"production", "none", auth.HasherOptions{}, false},
	} {
		got, err := config.Config{Env: test.env, PasswordCost: test.cost}.Hasher()
		if !reflect.DeepEqual(got, test.want) || (err == nil) != test.ok {
			t.Errorf("%s: %+v, %v", fmt.Sprint(test.env, " ", test.cost), got, err)
		} else if err == nil {
			got.Queue = 1
			auth.NewHasher(got) // takes them
		}
	}
}

// Which of several places has the right keys nobody can know, and the wrong ones
// sign everybody out.
func TestKeysComeFromOnePlace(t *testing.T) { // not parallel: it sets variables
	const url = "https://vault.example.com/v1/secret/data/relay?token_file=/t"
	for _, test := range []struct {
		credential, text, file, url string
		production                  bool
		want                        string
	}{
		{want: ""},
		{production: true, want: "SECRET_KEYS is required in production"},
		{text: "x", production: true},
		{file: "x", production: true},
		{url: url, production: true},
		{credential: "RELAY_SECRET_KEYS", production: true},
		{credential: strings.ToLower("RELAY_SECRET_KEYS"), production: true},
		{text: "x", file: "x", want: "SECRET_KEYS and SECRET_KEYS_FILE are set"},
		{text: "x", url: url, want: "SECRET_KEYS and SECRET_KEYS_URL are set"},
		{file: "x", url: url, want: "SECRET_KEYS_FILE and SECRET_KEYS_URL are set"},
		{credential: "RELAY_SECRET_KEYS", text: "x", want: "SECRET_KEYS and the credential RELAY_SECRET_KEYS are set"},
		{credential: "RELAY_SECRET_KEYS", file: "x", want: "the credential RELAY_SECRET_KEYS and SECRET_KEYS_FILE are set"},
		{credential: "RELAY_SECRET_KEYS", url: url, want: "the credential RELAY_SECRET_KEYS and SECRET_KEYS_URL are set"},
		{text: "x", file: "x", url: url, want: "SECRET_KEYS and SECRET_KEYS_FILE and SECRET_KEYS_URL are set"},
		{url: "http://vault.example.com/v1/secret/data/relay?token_file=/hunter2", want: "SECRET_KEYS_URL: vault: the address begins with http://"},
		{url: "https://vault.example.com/v1/secret/data/relay?token=hunter2", want: "SECRET_KEYS_URL: vault: the address has a token"},
	} {
		t.Setenv("CREDENTIALS_DIRECTORY", "")
		if test.credential != "" {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, test.credential), []byte("x"), 0o400); err != nil {
				t.Fatal(err)
			}
			t.Setenv("CREDENTIALS_DIRECTORY", dir)
		}
		for name, value := range map[string]string{
			"ENV": map[bool]string{true: "production", false: "dev"}[test.production], "SMTP_URL": "smtp://mail.example.com",
			"PUBLIC_URL": "https://relay.example.com", "SECRET_KEYS": test.text, "SECRET_KEYS_FILE": test.file, "SECRET_KEYS_URL": test.url,
		} {
			t.Setenv("RELAY_"+name, value)
		}
		cfg, err := config.Load()
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%+v: %v", test, err)
		case test.want == "" && cfg.KeysCredential() != test.credential:
			t.Errorf("%+v: the credential is %q", test, cfg.KeysCredential())
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2")):
			t.Errorf("%+v: %v", test, err)
		}
		vars, _ := gale.Describe[config.Config](gale.Options{Prefix: "RELAY_"})
		for _, v := range vars {
			if strings.HasPrefix(v.Name, "RELAY_SECRET_KEYS") && v.Value != "" && v.Value != "[secret]" {
				t.Errorf("%s is shown as %q", v.Name, v.Value)
			}
		}
	}
}
