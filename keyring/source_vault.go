package keyring

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
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
	// Mount is where the KV engine, version 2, is mounted. Defaults to
	// "secret".
	Mount string
	// Path is that of the secret below the mount. Required.
	Path string
	// Field is the field of the secret that has the keys. Defaults to "keys".
	Field string
	// Token authenticates. One of Token and TokenFile is required.
	Token config.Secret
	// TokenFile has the token, and is read at each load: an agent renews it.
	TokenFile string
	// Namespace is that of Vault Enterprise, HCP or OpenBao. Optional.
	Namespace string
	// Timeout bounds a request. Defaults to 5 s.
	Timeout time.Duration
	// Transport sends requests, for a certificate authority or a client
	// certificate of one's own. Defaults to one that uses no proxy.
	Transport http.RoundTripper
}

// Vault is a [Source] that reads a secret of HashiCorp Vault, OpenBao or
// whatever speaks their KV version 2 over HTTP.
type Vault struct {
	o      VaultOptions
	url    string
	client *http.Client
}

// NewVault returns the source. It panics when the options make no sense.
func NewVault(o VaultOptions) *Vault {
	u, err := url.Parse(o.Address)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "":
		panic("keyring: VaultOptions.Address is not a URL such as https://vault.example.com:8200")
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		panic("keyring: VaultOptions.Address is not https; keys must not cross a network in the clear")
	case strings.Trim(o.Path, "/") == "":
		panic("keyring: VaultOptions without Path")
	case o.Token.IsZero() == (o.TokenFile == ""):
		panic("keyring: VaultOptions needs one of Token and TokenFile")
	}
	o.Mount = cmp.Or(strings.Trim(o.Mount, "/"), "secret")
	o.Field = cmp.Or(o.Field, "keys")
	o.Timeout = cmp.Or(o.Timeout, 5*time.Second)
	if o.Transport == nil {
		// A connection each time: loads are a minute apart.
		o.Transport = &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: maxText}
	}
	client := &http.Client{
		Transport: o.Transport,
		Timeout:   o.Timeout,
		// A redirect would take the token elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &Vault{o: o, url: u.JoinPath("v1", o.Mount, "data", strings.Trim(o.Path, "/")).String(), client: client}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Load implements [Source]. The version is the secret's own.
func (v *Vault) Load(ctx context.Context) ([]byte, string, error) {
	token, err := v.token()
	if err != nil {
		return nil, "", fmt.Errorf("vault: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.url, nil)
	if err != nil {
		return nil, "", fmt.Errorf("vault: %w", err)
	}
	req.Header.Set("X-Vault-Token", token)
	req.Header.Set("X-Vault-Request", "true") // which an agent may ask for, against forged requests
	if v.o.Namespace != "" {
		req.Header.Set("X-Vault-Namespace", v.o.Namespace)
	}
	resp, err := v.client.Do(req)
	if err != nil {
		return nil, "", fmt.Errorf("vault: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, "", fmt.Errorf("vault: the server answers %s", http.StatusText(resp.StatusCode))
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxVaultBody+1))
	if err != nil {
		return nil, "", fmt.Errorf("vault: read: %w", err)
	}
	if len(body) > maxVaultBody {
		return nil, "", fmt.Errorf("vault: the answer has more than %d bytes", maxVaultBody)
	}
	return v.parse(body)
}

func (v *Vault) token() (string, error) {
	token := v.o.Token.Reveal()
	if v.o.TokenFile != "" {
		text, _, err := readFile(v.o.TokenFile)
		if err != nil {
			return "", fmt.Errorf("token: %w", err)
		}
		token = string(text)
	}
	token = strings.TrimSpace(token)
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", errors.New("the token is empty or has characters that no token has")
	}
	return token, nil
}

// parse reads the answer of a KV version 2 engine. No error quotes it.
func (v *Vault) parse(body []byte) ([]byte, string, error) {
	var answer struct {
		Data struct {
			Data     map[string]any `json:"data"`
			Metadata struct {
				Version int64 `json:"version"`
			} `json:"metadata"`
		} `json:"data"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return nil, "", errors.New("vault: the answer is not that of a KV version 2 engine")
	}
	text, ok := answer.Data.Data[v.o.Field].(string)
	if !ok || text == "" {
		return nil, "", fmt.Errorf("vault: the secret has no text in the field %q", v.o.Field)
	}
	version := ""
	if answer.Data.Metadata.Version > 0 {
		version = strconv.FormatInt(answer.Data.Metadata.Version, 10)
	}
	return []byte(text), version, nil
}
