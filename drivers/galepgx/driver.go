package galepgx

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/galeweb/gale/db"
)

// Driver returns the driver for URLs that start with "postgres:" or
// "postgresql:".
func Driver() db.Driver { return pgxDriver{} }

type pgxDriver struct{}

// Schemes implements [db.Driver].
func (pgxDriver) Schemes() []string { return []string{"postgres", "postgresql"} }

// Open implements [db.Driver].
func (pgxDriver) Open(ctx context.Context, url string, o db.DriverOptions) (db.Backend, error) {
	c, err := configure(url)
	if err != nil {
		return nil, err
	}
	if o.MaxConns > 0 {
		c.MaxConns = int32(min(o.MaxConns, 10_000))
	}
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, mapError(ctx, err)
	}
	b := &backend{pool: pool, timeout: o.AcquireTimeout}
	conn, err := b.Acquire(ctx, db.Writer)
	if err == nil {
		_, err = conn.Exec(ctx, "SELECT 1")
		conn.Release()
	}
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("postgres: %s:%d: %w", c.ConnConfig.Host, c.ConnConfig.Port, err)
	}
	return b, nil
}

func configure(raw string) (*pgxpool.Config, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" {
		return nil, errors.New("postgres: the URL does not parse; write postgres://user:password@host/database, with special characters escaped as %XX")
	}
	q := u.Query()
	if schema := q.Get("schema"); schema != "" {
		q.Del("schema")
		q.Set("search_path", schema)
		u.RawQuery = q.Encode()
	}
	c, err := parse(u)
	if err != nil {
		return nil, err
	}
	if !q.Has("sslmode") && os.Getenv("PGSSLMODE") == "" && remote(&c.ConnConfig.Config) {
		q.Set("sslmode", "verify-full")
		u.RawQuery = q.Encode()
		return parse(u)
	}
	return c, nil
}

func parse(u *url.URL) (*pgxpool.Config, error) {
	c, err := pgxpool.ParseConfig(u.String())
	if err == nil {
		return c, nil
	}
	// pgx shows the URL with its best effort to hide the password; what it
	// found wrong is enough.
	text := err.Error()
	if e, ok := errors.AsType[*pgconn.ParseConfigError](err); ok {
		if text = "a parameter is wrong"; e.Unwrap() != nil {
			text = e.Unwrap().Error()
		}
	}
	if password, ok := u.User.Password(); ok && password != "" && strings.Contains(text, password) {
		text = "a parameter is wrong"
	}
	return nil, errors.New("postgres: " + text)
}

// remote reports whether any of the servers is on another machine.
func remote(c *pgconn.Config) bool {
	hosts := []string{c.Host}
	for _, f := range c.Fallbacks {
		hosts = append(hosts, f.Host)
	}
	for _, host := range hosts {
		if strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || host == "localhost" {
			continue
		}
		if addr, err := netip.ParseAddr(host); err == nil && addr.IsLoopback() {
			continue
		}
		return true
	}
	return false
}
