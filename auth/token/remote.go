package token

import (
	"cmp"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	fetchTimeout = 5 * time.Second
	// fetchPause is between two fetches, however many unknown key ids come:
	// strangers choose those.
	fetchPause = time.Minute
	// freshFor is after how long keys are fetched again, so that the issuer
	// can take one out of use.
	freshFor = 15 * time.Minute
	// staleFor is how long keys serve while the issuer does not answer. A key
	// that was taken out of use must not serve for ever because its owner
	// keeps the fetch from working.
	staleFor     = 24 * time.Hour
	maxSetBytes  = 256 << 10
	maxSetLength = 100
)

// remoteKeys are those that an issuer publishes. Whoever needs them fetches
// them; others wait, or go on with the keys that are there.
type remoteKeys struct {
	url     string
	client  *http.Client
	allowed []Algorithm
	now     func() time.Time

	fetching chan struct{} // holds one token while nobody fetches

	mu      sync.Mutex
	keys    map[keyName]*publicKey
	fetched time.Time // when keys were last read
	tried   time.Time // when that was last tried
	failure error     // why the last try failed
}

type keyName struct {
	id  string
	alg Algorithm
}

func newRemoteKeys(o VerifierOptions) *remoteKeys {
	u, err := url.Parse(o.JWKS)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		panic("token: VerifierOptions.JWKS is not an https URL: who can change the keys on the way can sign tokens")
	}
	client := http.Client{}
	if o.Client != nil {
		client = *o.Client
	}
	// A redirect could lead anywhere, also into the own network.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r := &remoteKeys{url: o.JWKS, client: &client, allowed: o.Algorithms, now: o.Clock, fetching: make(chan struct{}, 1)}
	r.fetching <- struct{}{}
	return r
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (r *remoteKeys) find(ctx context.Context, id string, alg Algorithm) (*publicKey, error) {
	name := keyName{id, alg}
	key, due, err := r.look(name)
	if !due {
		return key, err
	}
	if key != nil {
		// The keys that are there do for now: only one waits for newer ones.
		select {
		case <-r.fetching:
		default:
			return key, nil
		}
	} else {
		select {
		case <-r.fetching:
		case <-ctx.Done():
			return nil, fmt.Errorf("token: wait for keys: %w", ctx.Err())
		}
	}
	defer func() { r.fetching <- struct{}{} }()
	if key, due, err = r.look(name); !due {
		return key, err // another one fetched meanwhile
	}
	r.refresh(ctx)
	key, _, err = r.look(name)
	return key, err
}

// look returns what is known of a key, and whether the set is due to be
// fetched.
func (r *remoteKeys) look(name keyName) (key *publicKey, due bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	age := now.Sub(r.fetched)
	mayTry := r.tried.IsZero() || now.Sub(r.tried) >= fetchPause
	if age >= staleFor { // also when they were never fetched
		return nil, mayTry, fmt.Errorf("%w: %w", ErrUnavailable, cmp.Or(r.failure, errors.New("not fetched yet")))
	}
	if key = r.keys[name]; key != nil {
		return key, mayTry && age >= freshFor, nil
	}
	return nil, mayTry, fmt.Errorf("%w: %q", ErrUnknownKey, name.id)
}

// refresh fetches the set once. It does not end with the request that needs
// it: else a client that hangs up could keep new keys out, once a minute.
func (r *remoteKeys) refresh(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	defer cancel()
	keys, err := r.fetch(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tried, r.failure = r.now(), err
	if err != nil {
		return
	}
	for name, k := range keys {
		if old := r.keys[name]; old != nil && equalKeys(old.key, k.key) {
			keys[name] = old // so that verified tokens stay in the cache
		}
	}
	r.keys, r.fetched = keys, r.tried
}

func equalKeys(a, b crypto.PublicKey) bool {
	x, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && x.Equal(b)
}

func (r *remoteKeys) fetch(ctx context.Context) (map[keyName]*publicKey, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", r.url, resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxSetBytes+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxSetBytes {
		return nil, fmt.Errorf("%s answered more than %d bytes", r.url, maxSetBytes)
	}
	return parseSet(body, r.allowed)
}

// parseSet reads a key set. A key that cannot serve is left out (RFC 7517,
// section 5), as is one that shows a private half; of two with one id and
// algorithm the first counts.
func parseSet(body []byte, allowed []Algorithm) (map[keyName]*publicKey, error) {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, fmt.Errorf("read the key set: %w", err)
	}
	if len(set.Keys) > maxSetLength {
		return nil, fmt.Errorf("the key set has more than %d keys", maxSetLength)
	}
	keys := map[keyName]*publicKey{}
	for _, raw := range set.Keys {
		jwk, ok := parseKey(raw)
		if !ok {
			continue
		}
		for _, alg := range allowed {
			name := keyName{jwk.KeyID, alg}
			if (jwk.Algorithm == "" || jwk.Algorithm == string(alg)) && alg.suits(jwk.Key) && keys[name] == nil {
				keys[name] = &publicKey{id: jwk.KeyID, alg: alg, key: jwk.Key}
			}
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the key set has no key that can serve")
	}
	return keys, nil
}

// parseKey reads one public key that may sign.
func parseKey(raw jsontext.Value) (jwk jose.JSONWebKey, ok bool) {
	var secret struct {
		D   jsontext.Value `json:"d"`
		K   jsontext.Value `json:"k"`
		Ops []string       `json:"key_ops"`
	}
	if err := json.Unmarshal(raw, &secret); err != nil || secret.D != nil || secret.K != nil {
		return jwk, false
	}
	if secret.Ops != nil && !slices.Contains(secret.Ops, "verify") {
		return jwk, false
	}
	if err := jwk.UnmarshalJSON(raw); err != nil {
		return jwk, false
	}
	return jwk, jwk.KeyID != "" && (jwk.Use == "" || jwk.Use == "sig") && jwk.IsPublic() && jwk.Valid()
}
