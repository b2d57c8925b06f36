package keyring

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/galeweb/gale/config"
)

// maxVaultBody bounds the answer: the keys, quoted, and some metadata.
const maxVaultBody = 4 * maxText

// VaultOptions configure [NewVault].
type VaultOptions struct {
	// Address is that of the server, such as "https://vault.example.com:8200".
	// Plain HTTP is refused except on a loopback address, where an agent may
	// listen. Required.
	Address string
	// Unencrypted allows plain HTTP to any address: who can listen on the way
	// has the token and all keys. Defaults to false.
	Unencrypted bool
	// Mount is where the KV engine, version 2, is mounted. Defaults to
	// "secret".
	Mount string
	// Path is that of the secret below the mount. Required.
	Path string
	// Field is the field of the secret that has the keys. Defaults to "keys".
	Field string
	// Token authenticates. One of Token and TokenFile is required.
	Token config.Secret
	// TokenFile has the token, and is read at each load: an agent renews it. Its
	// mode must be one that [File] takes, since who has the token has the keys.
	TokenFile string
	// Namespace is that of Vault Enterprise, HCP or OpenBao. Optional.
	Namespace string
	// Timeout bounds a request. Defaults to 5 s.
	Timeout time.Duration
	// CAFile has the authorities that may vouch for the server, in PEM, in place
	// of the system's. It is read at each load. Not with Transport.
	CAFile string
	// Transport sends requests, for a client certificate of one's own. Defaults
	// to one that uses no proxy.
	Transport http.RoundTripper
}

// Vault is a [Source] that reads a secret of HashiCorp Vault, OpenBao or
// whatever speaks their KV version 2 over HTTP. It never writes.
type Vault struct {
	o   VaultOptions
	url string
}

// NewVault returns the source. It panics when the options make no sense.
func NewVault(o VaultOptions) *Vault {
	v, err := newVault(o)
	if err != nil {
		panic("keyring: " + err.Error())
	}
	return v
}

// newVault has no error that shows the address: somebody may have put a
// password there.
func newVault(o VaultOptions) (*Vault, error) {
	u, err := url.Parse(o.Address)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "":
		return nil, errors.New("VaultOptions.Address is not a URL such as https://vault.example.com:8200")
	case u.Scheme != "https" && (u.Scheme != "http" || !o.Unencrypted && !isLoopback(u.Hostname())):
		return nil, errors.New("VaultOptions.Address is not https; keys must not cross a network in the clear")
	case strings.Trim(o.Path, "/") == "":
		return nil, errors.New("VaultOptions without Path")
	case o.Token.IsZero() == (o.TokenFile == ""):
		return nil, errors.New("VaultOptions needs one of Token and TokenFile")
	case o.CAFile != "" && o.Transport != nil:
		return nil, errors.New("VaultOptions has CAFile and Transport; give the authorities to the transport")
	}
	o.Mount = cmp.Or(strings.Trim(o.Mount, "/"), "secret")
	o.Field = cmp.Or(o.Field, "keys")
	o.Timeout = cmp.Or(o.Timeout, 5*time.Second)
	return &Vault{o: o, url: u.JoinPath("v1", o.Mount, "data", strings.Trim(o.Path, "/")).String()}, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// client is a new one for each load, which are a minute apart: it keeps no
// connection, and has the authorities as they are now.
func (v *Vault) client() (*http.Client, error) {
	transport := v.o.Transport
	if transport == nil {
		t := &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: maxText}
		if v.o.CAFile != "" {
			text, err := os.ReadFile(v.o.CAFile)
			if err != nil {
				return nil, fmt.Errorf("authorities: %w", err)
			}
			roots := x509.NewCertPool()
			if !roots.AppendCertsFromPEM(text) {
				return nil, fmt.Errorf("authorities: %s has no certificate in PEM", v.o.CAFile)
			}
			t.TLSClientConfig = &tls.Config{RootCAs: roots}
		}
		transport = t
	}
	return &http.Client{
		Transport: transport,
		Timeout:   v.o.Timeout,
		// A redirect would take the token elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// Load implements [Source].
func (v *Vault) Load(ctx context.Context) ([]byte, string, error) {
	text, err := v.load(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("vault: %w", err)
	}
	// Not the secret's own version, which begins at 1 again when the secret was
	// removed and made anew, and goes back when the server is restored.
	return versioned(text)
}

func (v *Vault) load(ctx context.Context) ([]byte, error) {
	token, err := v.token()
	if err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	client, err := v.client()
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Vault-Token", token)
	req.Header.Set("X-Vault-Request", "true") // which an agent may ask for, against forged requests
	if v.o.Namespace != "" {
		req.Header.Set("X-Vault-Namespace", v.o.Namespace)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answers %d %s%s", resp.StatusCode, http.StatusText(resp.StatusCode), remedy(resp.StatusCode))
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxVaultBody+1))
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	if len(body) > maxVaultBody {
		return nil, fmt.Errorf("the answer has more than %d bytes", maxVaultBody)
	}
	return v.parse(body)
}

// remedy says what a status of Vault means, which its text does not.
func remedy(status int) string {
	switch {
	case status/100 == 3:
		return ", which is not followed, since the token would go with it; give the address of the server that is active"
	case status == http.StatusForbidden:
		return "; the token has ended, or no policy of it may read this path"
	case status == http.StatusNotFound:
		return "; there is no secret at this path, or its last version was deleted"
	case status == http.StatusServiceUnavailable:
		return "; it is sealed, or not ready"
	}
	return ""
}

func (v *Vault) token() (string, error) {
	token := v.o.Token.Reveal()
	if v.o.TokenFile != "" {
		text, err := readSecretFile(v.o.TokenFile)
		if err != nil {
			return "", err
		}
		token = string(text)
	}
	token = strings.TrimSpace(token)
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", errors.New("it is empty or has characters that no token has")
	}
	return token, nil
}

// parse reads the answer of a KV version 2 engine. No error quotes it.
func (v *Vault) parse(body []byte) ([]byte, error) {
	var answer struct {
		Data struct {
			Data map[string]any `json:"data"`
		} `json:"data"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return nil, errors.New("the answer is not that of a KV version 2 engine")
	}
	text, ok := answer.Data.Data[v.o.Field].(string)
	if !ok || text == "" {
		return nil, fmt.Errorf("the secret has no text in the field %q", v.o.Field)
	}
	return []byte(text), nil
}
