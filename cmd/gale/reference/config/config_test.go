package config_test

import (
	"fmt"
	"os"
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
		if got != test.want || (err == nil) != test.ok {
			t.Errorf("%s: %+v, %v", fmt.Sprint(test.env, " ", test.cost), got, err)
		} else if err == nil {
			got.Queue = 1
			auth.NewHasher(got) // takes them
		}
	}
}
