package oauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	// metadataTime is how long a discovery document is used. Keys have an
	// address of their own, and are fetched when an unknown one is met.
	metadataTime = 24 * time.Hour
	// failureTime is how long a provider that failed is not asked again, so
	// that each click does not wait for it.
	failureTime = 5 * time.Second
	tries       = 3
	// firstPause is between the first two tries, and doubles.
	firstPause = 200 * time.Millisecond
)

// metadata is what is known of a provider's endpoints.
type metadata struct {
	oidc     *oidc.Provider
	verifier *oidc.IDTokenVerifier
	endpoint oauth2.Endpoint
	jwks     string
	userinfo string
	issuers  []string // that the parameter iss may name
	announce bool     // the provider always sends iss
}

// discovery is metadata, fetched when it is needed.
type discovery struct {
	// turn is held by who fetches. It is no mutex, so that others can give up.
	turn chan struct{}

	mu      sync.Mutex
	got     *metadata
	at      time.Time // when got was fetched
	failed  error
	retryAt time.Time
}

func newDiscovery() discovery { return discovery{turn: make(chan struct{}, 1)} }

// known returns what need not be fetched: metadata that is young enough, or an
// error that is. Old metadata serves while the provider fails.
func (d *discovery) known(now time.Time) (*metadata, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.got != nil && now.Before(d.at.Add(metadataTime)):
		return d.got, nil
	case !now.Before(d.retryAt):
		return nil, nil
	case d.got != nil:
		return d.got, nil
	}
	return nil, d.failed
}

func (d *discovery) store(m *metadata, err error, now time.Time) (*metadata, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.failed, d.retryAt = err, now.Add(failureTime)
		if d.got != nil {
			return d.got, nil
		}
		return nil, err
	}
	d.got, d.at = m, now
	return m, nil
}

func (c *Client) metadata(ctx context.Context, p *provider) (*metadata, error) {
	if p.kind == kindGitHub {
		return githubMetadata(p), nil
	}
	d := &p.discovery
	if m, err := d.known(c.o.Clock()); m != nil || err != nil {
		return m, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("oauth: wait for discovery: %w", ctx.Err())
	}
	defer func() { <-d.turn }()
	if m, err := d.known(c.o.Clock()); m != nil || err != nil {
		return m, err
	}
	m, err := c.discover(ctx, p)
	if err != nil && errors.Is(context.Cause(ctx), context.Canceled) {
		return nil, err // the browser went away: nothing is known of the provider
	}
	return d.store(m, err, c.o.Clock())
}

// discover fetches the metadata, more than once if need be.
func (c *Client) discover(ctx context.Context, p *provider) (*metadata, error) {
	pause := firstPause
	for try := 1; ; try++ {
		m, err := c.fetchMetadata(ctx, p)
		mismatch, ok := errors.AsType[*oidc.IssuerMismatchError](err)
		switch {
		case err == nil:
			return m, nil
		case ok:
			return nil, fmt.Errorf("oauth: discover %s: its issuer is %.200q, not %q; correct Provider.Issuer", p.Name, mismatch.Discovered, mismatch.Provided)
		case try == tries:
			return nil, fmt.Errorf("oauth: discover %s: %w", p.Name, err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, fmt.Errorf("oauth: discover %s: %w", p.Name, err)
		case <-timer.C:
		}
		pause *= 2
	}
}

// signing are the algorithms that are taken. None is symmetric: HS256 would make
// the client's secret, or a public key taken for one, a key to sign with.
func signing(announced []string) []string {
	var algs []string
	for _, alg := range []string{
		oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512,
		oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA,
	} {
		if slices.Contains(announced, alg) {
			algs = append(algs, alg)
		}
	}
	if algs == nil {
		return []string{oidc.RS256} // which every provider must have
	}
	return algs
}

func (c *Client) fetchMetadata(ctx context.Context, p *provider) (*metadata, error) {
	ctx = oidc.ClientContext(ctx, c.http)
	if p.Issuer != p.Address {
		ctx = oidc.InsecureIssuerURLContext(ctx, p.Issuer) // compared below
	}
	op, err := oidc.NewProvider(ctx, p.Address)
	if err != nil {
		return nil, clipError(err)
	}
	var doc struct {
		Issuer    string   `json:"issuer"`
		Auth      string   `json:"authorization_endpoint"`
		Token     string   `json:"token_endpoint"`
		JWKS      string   `json:"jwks_uri"`
		UserInfo  string   `json:"userinfo_endpoint"`
		Algs      []string `json:"id_token_signing_alg_values_supported"`
		TokenAuth []string `json:"token_endpoint_auth_methods_supported"`
		Iss       bool     `json:"authorization_response_iss_parameter_supported"`
	}
	if err := op.Claims(&doc); err != nil {
		return nil, fmt.Errorf("read the document: %w", err)
	}
	if doc.Issuer != p.Issuer {
		return nil, &oidc.IssuerMismatchError{Provided: p.Issuer, Discovered: doc.Issuer}
	}
	for _, e := range []string{doc.Auth, doc.Token, doc.JWKS, cmp.Or(doc.UserInfo, doc.Token)} {
		if !endpointURL(e, c.o.Insecure) {
			return nil, errors.New("an endpoint in the document is no https URL")
		}
	}
	m := &metadata{
		oidc: op, endpoint: op.Endpoint(), jwks: doc.JWKS, userinfo: doc.UserInfo,
		issuers: []string{p.Issuer}, announce: doc.Iss,
	}
	m.endpoint.AuthStyle = authStyle(p, doc.TokenAuth)
	m.verifier = op.Verifier(&oidc.Config{
		ClientID: p.ClientID, SupportedSigningAlgs: signing(doc.Algs), Now: c.o.Clock,
		SkipIssuerCheck: p.kind == kindMicrosoft, // done by checkTenant
	})
	return m, nil
}

// authStyle chooses how the client proves itself. It is never found out by
// trying: the second try would bring a code that was used.
func authStyle(p *provider, announced []string) oauth2.AuthStyle {
	// RFC 8414, section 2: client_secret_basic where nothing is said.
	if p.Secret.IsZero() || len(announced) > 0 && !slices.Contains(announced, "client_secret_basic") {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader
}

func (m *metadata) config(p *provider) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.ClientID, ClientSecret: p.Secret.Reveal(), Endpoint: m.endpoint,
		RedirectURL: p.redirect, Scopes: p.Scopes,
	}
}

// checkIss looks at the parameter iss. Where the provider does not announce it,
// it may be left out, but must not be another's: then the browser was led here
// by another provider (RFC 9207).
func (m *metadata) checkIss(p *provider, iss string) error {
	switch {
	case iss == "" && !m.announce, slices.Contains(m.issuers, iss):
		return nil
	case iss == "":
		return errors.New("oauth: the answer of " + p.Name + " lacks iss, which it announces")
	case p.kind == kindMicrosoft && microsoftIss(p.tenant, iss):
		return nil
	}
	return fmt.Errorf("oauth: the answer is from %.200q, not from %s (mix-up)", iss, p.Name)
}

// clipError bounds an error that may quote an answer as a whole.
func clipError(err error) error {
	if _, ok := errors.AsType[*oidc.IssuerMismatchError](err); ok || len(err.Error()) < 512 {
		return err
	}
	return fmt.Errorf("%.512q", err.Error())
}
