package keyring

import (
	"errors"
	"net/url"
	"strings"
)

// VaultURL returns the source for a secret by its address, as curl would get
// it, for a field of the configuration or a variable:
//
//	https://vault.example.com:8200/v1/secret/data/relay?token_file=/run/relay/token
//
// Here the engine is mounted at secret, and the secret is relay. The query has
// the options of [NewVault] besides:
//
//   - token_file is the file that has the token; required;
//   - field is the field that has the keys, "keys" by default;
//   - ca is a file of authorities, in PEM, in place of the system's;
//   - namespace is that of Vault Enterprise, HCP or OpenBao;
//   - tls=off allows http:// to any address, not only to loopback.
//
// No error shows the address: somebody may have put a token there.
func VaultURL(address string) (*Vault, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Opaque != "" || u.Fragment != "" {
		return nil, errVaultURL
	}
	if u.User != nil {
		return nil, errors.New("vault: the address has a user; a token goes into the file that token_file names")
	}
	base, rest, isAPI := strings.Cut(u.Path, "/v1/")
	mount, path, isData := strings.Cut(rest, "/data/")
	if !isAPI || !isData || mount == "" || strings.Trim(path, "/") == "" {
		return nil, errVaultURL
	}
	o := VaultOptions{Address: u.Scheme + "://" + u.Host + base, Mount: mount, Path: path}
	if err := o.query(u.RawQuery); err != nil {
		return nil, err
	}
	switch {
	case u.Scheme == "https" && !o.Unencrypted:
	case u.Scheme == "https":
		return nil, errors.New("vault: the address has tls=off, but begins with https")
	case u.Scheme != "http":
		return nil, errVaultURL
	case !o.Unencrypted && !isLoopback(u.Hostname()):
		return nil, errors.New("vault: the address begins with http://, by which keys would cross a network in the clear; use https://, or tls=off where nobody else can listen")
	}
	if o.TokenFile == "" {
		return nil, errors.New("vault: the address has no token_file=, the file that has the token")
	}
	return newVault(o)
}

var errVaultURL = errors.New("vault: the address is not like https://vault.example.com:8200/v1/secret/data/relay?token_file=/run/relay/token")

// query takes the options from the query of an address. A slip of the pen must
// not leave something at its default.
func (o *VaultOptions) query(query string) error {
	q, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("vault: the query of the address does not parse; escape special characters as %XX")
	}
	for name, values := range q {
		if len(values) > 1 {
			return errors.New("vault: the address has a parameter twice")
		}
		switch value := values[0]; name {
		case "token_file":
			o.TokenFile = value
		case "field":
			o.Field = value
		case "ca":
			o.CAFile = value
		case "namespace":
			o.Namespace = value
		case "tls":
			if o.Unencrypted = value == "off"; !o.Unencrypted {
				return errors.New("vault: the address has a tls= that is not off")
			}
		case "token":
			return errors.New("vault: the address has a token, which would be shown where addresses are; put it into the file that token_file names")
		default:
			return errors.New("vault: the address has an unknown parameter; known are token_file, field, ca, namespace and tls")
		}
	}
	return nil
}
