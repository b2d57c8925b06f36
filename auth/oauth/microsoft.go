package oauth

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
)

const (
	microsoftPrefix = "https://login.microsoftonline.com/"
	microsoftSuffix = "/v2.0"
	// consumers is the tenant of Microsoft accounts of persons.
	consumers = "9188040d-6c67-4c5b-b112-36a304b66dad"
)

var tenantID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func validTenant(tenant string) bool {
	switch tenant {
	case "common", "organizations", "consumers":
		return true
	}
	return tenantID.MatchString(tenant)
}

// microsoftIssuer is what the discovery document of a tenant has as its issuer:
// for the two that stand for many, a template.
func microsoftIssuer(tenant string) string {
	switch tenant {
	case "common", "organizations":
		tenant = "{tenantid}"
	case "consumers":
		tenant = consumers
	}
	return microsoftPrefix + tenant + microsoftSuffix
}

// takesTenant reports whether an account of tenant id may come by way of the
// configured tenant.
func takesTenant(tenant, id string) bool {
	switch tenant {
	case "common":
		return tenantID.MatchString(id)
	case "organizations":
		return tenantID.MatchString(id) && id != consumers
	case "consumers":
		return id == consumers
	}
	return id == tenant
}

// microsoftIss is checkIss for tenants that stand for many.
func microsoftIss(tenant, iss string) bool {
	id, ok := strings.CutPrefix(iss, microsoftPrefix)
	id, ok2 := strings.CutSuffix(id, microsoftSuffix)
	return ok && ok2 && takesTenant(tenant, id)
}

// checkTenant compares the issuer with the tid claim, the tenant that is let in,
// and the issuer that Microsoft gives for the key: keys of "common" are shared by
// all, but some are good for one tenant only. The signature was verified.
func (c *Client) checkTenant(ctx context.Context, p *provider, m *metadata, raw, issuer, tid string) error {
	if !takesTenant(p.tenant, tid) || issuer != microsoftPrefix+tid+microsoftSuffix {
		return fmt.Errorf("oauth: ID token of the issuer %.200q and tenant %.64q is not for tenant %s", issuer, tid, p.tenant)
	}
	head, _, _ := strings.Cut(raw, ".")
	var header struct {
		Kid string `json:"kid"`
	}
	b, err := base64.RawURLEncoding.DecodeString(head)
	if err == nil {
		err = json.Unmarshal(b, &header)
	}
	if err != nil || header.Kid == "" {
		return errors.New("oauth: ID token does not name its key")
	}
	issuers, ok := p.tenants.find(header.Kid)
	if !ok {
		if err := c.fetchTenantKeys(ctx, p, m); err != nil {
			return fmt.Errorf("oauth: keys: %w", err)
		}
		if issuers, ok = p.tenants.find(header.Kid); !ok {
			return errors.New("oauth: the key of the ID token is gone")
		}
	}
	for _, of := range issuers {
		if strings.ReplaceAll(of, "{tenantid}", tid) != issuer {
			return fmt.Errorf("oauth: the key of the ID token is for %.200q, not for %q", of, issuer)
		}
	}
	return nil
}

// tenantKeys says for which issuers Microsoft's keys are; go-oidc, which
// verifies the signatures, does not read that.
type tenantKeys struct {
	mu   sync.Mutex
	keys map[string][]string // key id to issuers
}

func newTenantKeys() tenantKeys { return tenantKeys{} }

func (k *tenantKeys) find(kid string) ([]string, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	issuers, ok := k.keys[kid]
	return issuers, ok
}

func (c *Client) fetchTenantKeys(ctx context.Context, p *provider, m *metadata) error {
	var set struct {
		Keys []struct {
			Kid    string `json:"kid"`
			Issuer string `json:"issuer"`
		} `json:"keys"`
	}
	if err := c.getJSON(ctx, m.jwks, "", &set); err != nil {
		return err
	}
	keys := map[string][]string{}
	for _, k := range set.Keys {
		// A key that says nothing is for all.
		keys[k.Kid] = append(keys[k.Kid], cmp.Or(k.Issuer, microsoftPrefix+"{tenantid}"+microsoftSuffix))
	}
	p.tenants.mu.Lock()
	defer p.tenants.mu.Unlock()
	p.tenants.keys = keys
	return nil
}

// getJSON reads an answer of 200 into v.
func (c *Client) getJSON(ctx context.Context, address, bearer string, v any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "application/json")
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return statusError(resp.StatusCode)
	}
	return json.NewDecoder(resp.Body).Decode(v)
}

// statusError is an answer other than 200.
type statusError int

// Error implements error.
func (s statusError) Error() string { return fmt.Sprintf("status %d", int(s)) }
