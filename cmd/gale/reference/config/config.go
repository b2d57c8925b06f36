// Package config says what relay reads from its environment.
package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/galeweb/gale/auth"
	gale "github.com/galeweb/gale/config"
	"github.com/galeweb/gale/keyring"
)

// Config is everything that can be set, each as RELAY_ and the name; in
// development also from the file .env in the working folder.
type Config struct {
	Env          string        `env:"ENV" default:"dev" oneof:"dev production" desc:"dev or production"`
	Addr         string        `env:"ADDR" desc:"where to listen: host:port or unix:/path; default 127.0.0.1:8080 in dev, :8080 in production"`
	OpsAddr      string        `env:"OPS_ADDR" desc:"where metrics, health and profiles listen; off for nowhere; default 127.0.0.1:9090, in dev another port when that is in use"`
	DatabaseURL  gale.Secret   `env:"DATABASE_URL" default:"sqlite:relay.db" desc:"sqlite:FILE or postgres://…"`
	PublicURL    string        `env:"PUBLIC_URL" desc:"where people reach relay, such as https://relay.example.com: links in mails begin with it; required in production"`
	SecretKeys   gale.Secret   `env:"SECRET_KEYS" desc:"keys that sign what browsers keep and encrypt mail addresses in the database, made by gale secret new; also the credential RELAY_SECRET_KEYS of systemd; this, a file or a URL of them is required in production; default in dev a file beside the database"`
	KeysFile     string        `env:"SECRET_KEYS_FILE" desc:"file of keys, with mode 0600, in place of SECRET_KEYS; read again when it changes"`
	KeysURL      gale.Secret   `env:"SECRET_KEYS_URL" desc:"secret of Vault or OpenBao (KV version 2) that has the keys in its field keys, in place of SECRET_KEYS; read again every minute: https://vault.example.com:8200/v1/secret/data/relay?token_file=FILE, and further field=, ca=FILE, namespace=, tls=off"`
	AuditKey     gale.Secret   `env:"AUDIT_KEY" desc:"32 random characters or more, which never change: with them the hashes of the audit log cannot be computed by who has only the database; default none"`
	Passwords    string        `env:"PASSWORD_LIST" desc:"file of stolen passwords besides the 100,000 that are built in, none of which may be chosen: the download of Have I Been Pwned in the order of hashes, or what strength.Compile made of it"`
	SMTPURL      gale.Secret   `env:"SMTP_URL" desc:"mail server: smtp://user:password@host (STARTTLS), smtps://… (TLS from the start), or smtp://localhost:25?tls=off; required in production; default in dev the page /dev/outbox"`
	MailFrom     string        `env:"MAIL_FROM" desc:"author of mails, such as relay <relay@example.com>; default relay@ and the host of PUBLIC_URL"`
	LimitURL     gale.Secret   `env:"LIMIT_URL" default:"database:" desc:"where failed sign-ins and mails are counted: database:, memory: for one process, or valkey://… for several"`
	LimitAddr    int           `env:"LIMIT_ADDR" default:"6000" desc:"requests a minute from one address; 0 for no limit"`
	LimitKey     int           `env:"LIMIT_KEY" default:"6000" desc:"requests a minute to the API with one key or by one app; 0 for no limit"`
	HubURL       gale.Secret   `env:"HUB_URL" default:"memory:" desc:"what carries live packets between processes: memory: for one alone, nats:embedded?…, nats://… or valkey://… for several"`
	HubPrefix    string        `env:"HUB_PREFIX" default:"relay" desc:"begins all names at that broker; each relay that shares one needs its own"`
	DrainOver    time.Duration `env:"DRAIN_OVER" default:"5s" desc:"over this time those who watch are sent away when relay stops, one by one"`
	PresenceTTL  time.Duration `env:"PRESENCE_TTL" default:"30s" desc:"so long those who watched at a process that died are counted by the others, and a third more at most; 1s or more"`
	TrustedNets  []string      `env:"TRUSTED_PROXIES" desc:"networks of reverse proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8"`
	LogLevel     string        `env:"LOG_LEVEL" default:"info" oneof:"debug info warn error" desc:"least level that is logged"`
	SignUp       bool          `env:"SIGN_UP" default:"true" desc:"whether visitors may create accounts; the first account always may be made, and admins invite others"`
	SessionURL   gale.Secret   `env:"SESSION_URL" default:"database:" desc:"where sessions are kept: database:, cookie: for their values encrypted in cookies, valkey://… or memcached://host:11211"`
	SessionLife  time.Duration `env:"SESSION_LIFE" default:"720h" desc:"after this long everybody must sign in again"`
	SessionCache time.Duration `env:"SESSION_CACHE" default:"0s" desc:"for how long a process believes a session that it has read, such as 1s for one process alone; several would miss what the others change for so long"`
	SessionIdle  time.Duration `env:"SESSION_IDLE" default:"72h" desc:"after this long without a request a session ends"`
	Factor       string        `env:"REQUIRE_FACTOR" oneof:"off admins all" desc:"who must use a second factor, besides those of whose role admins say so: off for nobody, admins for whoever may manage users, all for everybody; default admins in production, off in dev"`
	PasswordCost string        `env:"PASSWORD_COST" desc:"costs of password hashes: KiB of memory and passes, such as 65536,3, the same for all processes on one database; measure for what takes this machine 100 ms with at most 64 MiB, which needs some 0.1 s at the start; default measure in production, 19456,2 in dev, the least that is taken"`
	Providers    Providers
}

// Load reads the configuration; its error names every problem at once.
func Load() (Config, error) {
	return gale.Load[Config](gale.Options{Prefix: "RELAY_"})
}

// Production reports whether relay serves real users.
func (c Config) Production() bool { return c.Env == "production" }

// RequireFactor is who must use a second factor: "off", "admins" or "all".
func (c Config) RequireFactor() string {
	switch {
	case c.Factor != "":
		return c.Factor
	case c.Production():
		return "admins"
	}
	return "off"
}

// KeysCredential is the name of the credential of systemd that has the keys, or
// "". SecretKeys has them too; it is told apart because it can be read again.
func (c Config) KeysCredential() string {
	const variable = "RELAY_SECRET_KEYS"
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	for _, name := range []string{variable, strings.ToLower(variable)} {
		if _, err := os.Stat(filepath.Join(dir, name)); dir != "" && err == nil {
			return name
		}
	}
	return ""
}

// keysProblem says what is wrong with where the keys are, or returns nil.
func (c Config) keysProblem() error {
	var places []string
	credential := c.KeysCredential()
	if !c.SecretKeys.IsZero() && (credential == "" || os.Getenv("RELAY_SECRET_KEYS") != "") {
		places = append(places, "SECRET_KEYS")
	}
	if credential != "" {
		places = append(places, "the credential "+credential)
	}
	if c.KeysFile != "" {
		places = append(places, "SECRET_KEYS_FILE")
	}
	if !c.KeysURL.IsZero() {
		places = append(places, "SECRET_KEYS_URL")
	}
	switch {
	case len(places) > 1:
		return fmt.Errorf("%s are set, but keys come from one place; unset all but one of them", strings.Join(places, " and "))
	case len(places) == 0 && c.Production():
		return errors.New("SECRET_KEYS is required in production: run gale secret new --file relay.keys, and set RELAY_SECRET_KEYS_FILE to the file, or RELAY_SECRET_KEYS_URL to where it is in Vault")
	}
	if !c.KeysURL.IsZero() {
		if _, err := keyring.VaultURL(c.KeysURL.Reveal()); err != nil {
			return fmt.Errorf("SECRET_KEYS_URL: %w", err)
		}
	}
	return nil
}

// Public returns PublicURL without a slash at its end; in development it
// defaults to where relay listens.
func (c Config) Public() string {
	if c.PublicURL != "" {
		return strings.TrimSuffix(c.PublicURL, "/")
	}
	if host, port, err := net.SplitHostPort(c.Addr); err == nil && port != "0" && !strings.HasPrefix(c.Addr, "unix:") {
		if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
			host = "127.0.0.1"
		}
		return "http://" + net.JoinHostPort(host, port)
	}
	return "http://127.0.0.1:8080"
}

// Exposed reports whether other machines may reach relay: it listens for them, as
// at all addresses, in a container, or at a socket, or people reach it elsewhere
// than at this machine, by a proxy or a tunnel that need not tell of itself.
func (c Config) Exposed() bool {
	if !c.local() {
		return true
	}
	if c.Addr == "" {
		return c.Production()
	}
	host, _, err := net.SplitHostPort(c.Addr)
	return err != nil || !LocalHost(host)
}

// LocalHost reports whether a host is this machine's loopback, which no other
// machine can be asked for.
func LocalHost(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || net.ParseIP(host).IsLoopback()
}

// local reports whether relay is reached at this machine only, as the OAuth
// server sees it: elsewhere its address must begin with https.
func (c Config) local() bool {
	u, err := url.Parse(c.Public())
	if err != nil {
		return false
	}
	return LocalHost(u.Hostname())
}

// Hasher returns the costs of password hashes, none where they are to be measured.
func (c Config) Hasher() (costs auth.HasherOptions, err error) {
	switch {
	case c.PasswordCost == "measure", c.PasswordCost == "" && c.Production():
		return costs, nil
	case c.PasswordCost == "":
		return auth.HasherOptions{MemoryKiB: leastMemory, Time: leastPasses}, nil
	}
	memory, passes, _ := strings.Cut(c.PasswordCost, ",")
	m, failed := strconv.ParseUint(memory, 10, 32)
	n, failedToo := strconv.ParseUint(passes, 10, 32)
	if failed != nil || failedToo != nil || m < leastMemory || m > mostMemory || n < leastPasses || n > mostPasses || m*n > mostWork {
		return costs, fmt.Errorf("PASSWORD_COST: %q is not measure, nor KiB from %d to %d, a comma, and passes from %d to %d, together at most %d, such as 65536,3", c.PasswordCost, leastMemory, mostMemory, leastPasses, mostPasses, mostWork)
	}
	return auth.HasherOptions{MemoryKiB: uint32(m), Time: uint32(n)}, nil
}

// Costs of password hashes: the least of OWASP's Password Storage Cheat Sheet,
// and what package auth still verifies.
const (
	leastMemory, leastPasses = 19456, 2
	mostMemory, mostPasses   = 256 << 10, 32
	mostWork                 = 1 << 20 // KiB times passes: about 2 s on one core
)

// Validate is called by Load.
func (c Config) Validate() error {
	var problems []error
	bad := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	for _, network := range c.TrustedNets {
		if _, err := netip.ParsePrefix(network); err != nil {
			bad("TRUSTED_PROXIES: %q is not a network such as 10.0.0.0/8", network)
		}
	}
	if c.SessionIdle <= 0 || c.SessionLife < c.SessionIdle {
		bad("SESSION_IDLE must be positive and at most SESSION_LIFE (%v)", c.SessionLife)
	}
	if u, err := url.Parse(c.Public()); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.ForceQuery || u.User != nil || u.String() != c.Public() {
		bad("PUBLIC_URL must be like https://relay.example.com, without a path")
	}
	if c.Production() && c.PublicURL != "" && strings.HasPrefix(c.Public(), "http:") && !c.local() {
		bad("PUBLIC_URL must be https://… in production: passwords, cookies and tokens of apps must not cross a network in the clear; http:// is for localhost and loopback addresses")
	}
	if c.SessionCache < 0 {
		bad("SESSION_CACHE must not be negative; 0s is no cache")
	}
	if n := len(c.AuditKey.Reveal()); n > 0 && n < 32 {
		bad("AUDIT_KEY has %d characters; use 32 random ones or more", n)
	}
	if c.PresenceTTL < time.Second {
		bad("PRESENCE_TTL must be 1s or more, is %v", c.PresenceTTL)
	}
	if _, err := c.Hasher(); err != nil {
		problems = append(problems, err)
	}
	if c.LimitAddr < 0 || c.LimitKey < 0 {
		bad("LIMIT_ADDR and LIMIT_KEY must not be negative; 0 is no limit")
	}
	if c.Production() && c.PublicURL == "" {
		bad("PUBLIC_URL is required in production, such as https://relay.example.com: links in mails begin with it")
	}
	if c.Production() && c.SMTPURL.IsZero() {
		bad("SMTP_URL is required in production, such as smtp://user:password@mail.example.com: accounts need mail")
	}
	if err := c.keysProblem(); err != nil {
		problems = append(problems, err)
	}
	problems = append(problems, c.Providers.problems(c.Public(), c.Production())...)
	return errors.Join(problems...)
}
