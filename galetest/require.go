package galetest

import (
	"cmp"
	"context"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
)

// RequireServices is the environment variable that makes [Require] fail where
// it would skip. Set it to 1 in CI, so that no test is skipped unseen.
const RequireServices = "GALE_REQUIRE_SERVICES"

// services are where a developer's machine has them.
var services = map[string]string{
	"postgres":  "postgres://127.0.0.1:5432/test?sslmode=disable",
	"redis":     "redis://127.0.0.1:6379",
	"nats":      "nats://127.0.0.1:4222",
	"memcached": "memcached://127.0.0.1:11211",
}

// Require returns the URL of a service: postgres, redis, nats or memcached. It
// is that of the environment variable GALE_TEST_POSTGRES (and so on), or one on
// this machine. When nothing answers there it skips the test, or fails it if
// [RequireServices] is set.
func Require(tb testing.TB, service string) string {
	tb.Helper()
	standard, ok := services[service]
	if !ok {
		tb.Fatalf("galetest: Require knows no service %q", service)
	}
	variable := "GALE_TEST_" + strings.ToUpper(service)
	address := cmp.Or(os.Getenv(variable), standard)
	u, err := url.Parse(address)
	if err != nil {
		tb.Fatalf("galetest: %s is not a URL", variable) // it may hold a password
	}
	ctx, cancel := context.WithTimeout(tb.Context(), 2*time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", u.Host)
	if err == nil {
		_ = conn.Close()
		return address
	}
	if os.Getenv(RequireServices) != "" {
		tb.Fatalf("galetest: %s is required (%s) and does not answer: %v; set %s", service, RequireServices, err, variable)
	}
	tb.Skipf("needs %s, which does not answer: %v; set %s", service, err, variable)
	return ""
}
