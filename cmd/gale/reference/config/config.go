// Package config says what relay reads from its environment.
package config

import (
	"fmt"
	"net/netip"
	"time"

	gale "github.com/galeweb/gale/config"
)

// Config is everything that can be set, each as RELAY_ and the name; in
// development also from the file .env in the working folder.
type Config struct {
	Env         string        `env:"ENV" default:"dev" oneof:"dev production" desc:"dev or production"`
	Addr        string        `env:"ADDR" desc:"where to listen: host:port or unix:/path; default 127.0.0.1:8080 in dev, :8080 in production"`
	OpsAddr     string        `env:"OPS_ADDR" desc:"where metrics, health and profiles listen; off for nowhere; default 127.0.0.1:9090, in dev another port when that is in use"`
	DatabaseURL gale.Secret   `env:"DATABASE_URL" default:"sqlite:relay.db" desc:"sqlite:FILE or postgres://…"`
	HubURL      gale.Secret   `env:"HUB_URL" default:"memory:" desc:"what carries live packets between processes: memory: for one alone, nats:embedded?…, nats://… or valkey://… for several"`
	HubPrefix   string        `env:"HUB_PREFIX" default:"relay" desc:"begins all names at that broker; each relay that shares one needs its own"`
	DrainOver   time.Duration `env:"DRAIN_OVER" default:"5s" desc:"over this time those who watch are sent away when relay stops, one by one"`
	TrustedNets []string      `env:"TRUSTED_PROXIES" desc:"networks of reverse proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8"`
	LogLevel    string        `env:"LOG_LEVEL" default:"info" oneof:"debug info warn error" desc:"least level that is logged"`
	SignUp      bool          `env:"SIGN_UP" default:"true" desc:"whether visitors may create accounts; the first account always may"`
	SessionLife time.Duration `env:"SESSION_LIFE" default:"720h" desc:"after this long everybody must sign in again"`
	SessionIdle time.Duration `env:"SESSION_IDLE" default:"72h" desc:"after this long without a request a session ends"`
}

// Load reads the configuration; its error names every problem at once.
func Load() (Config, error) {
	return gale.Load[Config](gale.Options{Prefix: "RELAY_"})
}

// Production reports whether relay serves real users.
func (c Config) Production() bool { return c.Env == "production" }

// Validate is called by Load.
func (c Config) Validate() error {
	for _, network := range c.TrustedNets {
		if _, err := netip.ParsePrefix(network); err != nil {
			return fmt.Errorf("TRUSTED_PROXIES: %q is not a network such as 10.0.0.0/8", network)
		}
	}
	if c.SessionIdle <= 0 || c.SessionLife < c.SessionIdle {
		return fmt.Errorf("SESSION_IDLE must be positive and at most SESSION_LIFE (%v)", c.SessionLife)
	}
	return nil
}
