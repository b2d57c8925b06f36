package config_test

import (
	"testing"

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
