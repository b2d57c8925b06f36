package galevalkey

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/valkey-io/valkey-go"
)

// ParseURL returns the options of a client for the stores, from a URL such as
//
//	valkey://user:password@host:6379/0
//	valkeys://:password@host?ca=/etc/app/ca.pem
//	valkeys://user:password@s1:26379?addr=s2:26379&addr=s3:26379&master_set=app&sentinel_password=…
//
// The scheme is valkey or redis, valkeys or rediss for TLS, or unix. More servers
// of a cluster are named by addr in the query. With master_set the URL names the
// sentinels that watch this set; user and password are those of the servers, and
// sentinel_username and sentinel_password the sentinels' own, if they ask.
//
// TLS, which sentinels then speak too, verifies each by the system's authorities,
// or those in the file ca, and by the name or address that it is reached at, or
// server_name where certificates have only that. The files cert and key are the
// client's certificate. The files are read once. Further parameters are db,
// dial_timeout, write_timeout, client_name, client_cache=0, max_retries=0,
// protocol=2 and skip_verify, which has TLS trust anybody.
//
// Errors never show the URL, which has passwords.
func ParseURL(rawURL string) (valkey.ClientOption, error) { return parse(rawURL, nil) }

func parse(rawURL string, base *tls.Config) (valkey.ClientOption, error) {
	option, err := valkey.ParseURL(rawURL)
	u, err2 := url.Parse(rawURL)
	if errors.Join(err, err2) != nil {
		// The library's text shows the URL with its password.
		return option, errors.New("valkey: the URL does not parse; write valkey://user:password@host:6379/0, with special characters escaped as %XX")
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return option, errors.New("valkey: the query of the URL does not parse; escape special characters as %XX")
	}
	for name := range q {
		if !known(name) {
			return option, fmt.Errorf("valkey: the URL has a parameter %q, which means nothing here", name)
		}
	}
	option.Sentinel.Username, option.Sentinel.Password = q.Get("sentinel_username"), q.Get("sentinel_password")
	option.Sentinel.TopologyRefreshInterval = 5 * time.Second
	if option.TLSConfig == nil {
		for _, name := range []string{"ca", "cert", "key", "server_name", "skip_verify"} {
			if q.Has(name) {
				return option, fmt.Errorf("valkey: the URL has %s, but no TLS; begin it with valkeys or rediss", name)
			}
		}
		if base != nil {
			return option, errors.New("valkey: there are settings for TLS, but the URL has none; begin it with valkeys or rediss")
		}
		return option, nil
	}
	config, err := tlsConfig(base, q)
	if err != nil {
		return option, err
	}
	config.InsecureSkipVerify = config.InsecureSkipVerify || option.TLSConfig.InsecureSkipVerify
	option.TLSConfig, option.Sentinel.TLSConfig = config, config
	return option, nil
}

// known reports whether a URL may have a parameter: a slip of the pen must not
// leave something at its default.
func known(parameter string) bool {
	switch parameter {
	case "addr", "db", "dial_timeout", "write_timeout", "client_name", "client_cache", "max_retries", "protocol", "skip_verify",
		"ca", "cert", "key", "server_name", "master_set", "sentinel_username", "sentinel_password":
		return true
	}
	return false
}

// tlsConfig has no ServerName but what was asked for: where there are several
// servers, each has its own.
func tlsConfig(base *tls.Config, q url.Values) (*tls.Config, error) {
	config := &tls.Config{}
	if base != nil {
		config = base.Clone()
	}
	config.MinVersion = cmp.Or(config.MinVersion, tls.VersionTLS12)
	config.ServerName = cmp.Or(q.Get("server_name"), config.ServerName)
	if file := q.Get("ca"); file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("valkey: ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("valkey: ca: %s has no certificate in PEM", file)
		}
	}
	if cert, key := q.Get("cert"), q.Get("key"); cert != "" || key != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("valkey: cert and key: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
