package galepgx

import (
	"testing"

	"github.com/galeweb/gale/internal/assert"
)

// TestTLSByDefault: a password does not leave the machine in the clear because
// somebody between here and the server says that it has no TLS.
func TestTLSByDefault(t *testing.T) {
	t.Setenv("PGSSLMODE", "")
	for url, want := range map[string]struct{ tls, verified, fallback bool }{
		"postgres://u@db.example.com/x":                 {tls: true, verified: true},
		"postgres://u@10.0.0.7/x":                       {tls: true, verified: true},
		"postgres://u@localhost,db.example.com/x":       {tls: true, verified: true, fallback: true},
		"postgres://u@db.example.com/x?sslmode=require": {tls: true},
		"postgres://u@db.example.com/x?sslmode=disable": {},
		"postgres://u@127.0.0.1/x":                      {tls: true, fallback: true},
		"postgres://u@[::1]/x":                          {tls: true, fallback: true},
		"postgres://u@localhost/x?sslmode=disable":      {},
		"postgres:///x?host=/var/run/postgresql":        {},
	} {
		c, err := configure(url)
		assert.NoError(t, err)
		got := c.ConnConfig.TLSConfig
		if (got != nil) != want.tls {
			t.Errorf("%s: TLS is %v", url, got != nil)
		}
		if got != nil && got.InsecureSkipVerify == want.verified {
			t.Errorf("%s: verified is %v", url, !got.InsecureSkipVerify)
		}
		for _, f := range c.ConnConfig.Fallbacks {
			if want.verified && f.TLSConfig == nil {
				t.Errorf("%s: falls back to plain text at %s", url, f.Host)
			}
		}
		assert.Equal(t, len(c.ConnConfig.Fallbacks) > 0, want.fallback)
	}
}
