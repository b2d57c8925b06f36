package config_test

import (
	"fmt"
	"testing"

	"github.com/galeweb/gale/auth"
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
