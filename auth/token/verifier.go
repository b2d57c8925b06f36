package token

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/maypok86/otter/v2"
)

// VerifierOptions configure a [Verifier].
type VerifierOptions struct {
	// Issuer is who must have made the token, compared letter by letter.
	// Required.
	Issuer string
	// Audience is this service's name, which must be among the token's.
	// Required: without it a token for any other service would do.
	Audience string
	// Keys are those of an issuer in this program. Either Keys or JWKS is
	// required.
	Keys KeySource
	// JWKS is the https URL of the key set (RFC 7517) of an issuer elsewhere,
	// and never taken from a token. Plain http is for a loopback address only.
	JWKS string
	// Client fetches JWKS; it follows no redirects whatever it is told.
	// Defaults to one with the proxy of the environment.
	Client *http.Client
	// Algorithms are those that are accepted. Defaults to ES256 and EdDSA.
	Algorithms []Algorithm
	// Type is the typ that tokens must have. Defaults to "at+jwt" (RFC 9068).
	// Some issuers write "JWT"; their ID tokens then differ by audience alone.
	Type string
	// Leeway is how far the issuer's clock may be off. Defaults to 30 s; at
	// most 5 minutes.
	Leeway time.Duration
	// CacheBytes bounds the memory for verified tokens, so that one is not
	// verified anew with each request; a hit still checks the times and that
	// the key is in use. Defaults to 8 MiB, some 8,000 tokens; negative turns
	// it off.
	CacheBytes int64
	// Clock tells the time. Defaults to [time.Now].
	Clock func() time.Time
}

// Verifier checks access tokens of one issuer. It is safe for concurrent use.
type Verifier struct {
	o     VerifierOptions
	algs  []jose.SignatureAlgorithm
	keys  keyFinder
	known *otter.Cache[[sha256.Size]byte, verified] // nil when turned off
}

// keyFinder has the public keys of one issuer.
type keyFinder interface {
	// find returns the key, the same pointer until it changes, or
	// ErrUnknownKey.
	find(ctx context.Context, id string, alg Algorithm) (*publicKey, error)
}

// verified is a token whose signature and constant claims were found right.
type verified struct {
	claims Claims
	key    *publicKey
	size   uint32
}

// NewVerifier returns a Verifier; it does no I/O. It panics when an option is
// missing or makes no sense.
func NewVerifier(o VerifierOptions) *Verifier {
	if len(o.Algorithms) == 0 {
		o.Algorithms = []Algorithm{ES256, EdDSA}
	}
	if o.Type == "" {
		o.Type = accessType
	}
	if o.Leeway == 0 {
		o.Leeway = 30 * time.Second
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 8 << 20
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	switch {
	case o.Issuer == "":
		panic("token: VerifierOptions.Issuer is missing; give the iss of the tokens")
	case o.Audience == "":
		panic("token: VerifierOptions.Audience is missing; give this service's name in aud")
	case (o.Keys == nil) == (o.JWKS == ""):
		panic("token: VerifierOptions needs either Keys or JWKS")
	case o.Leeway < 0 || o.Leeway > 5*time.Minute:
		panic("token: VerifierOptions.Leeway is not between 0 and 5 minutes; set the clocks by NTP")
	}
	v := &Verifier{o: o}
	for _, a := range o.Algorithms {
		if !slices.Contains([]Algorithm{ES256, EdDSA, RS256, PS256}, a) {
			panic(fmt.Sprintf("token: VerifierOptions.Algorithms has %q; use ES256, EdDSA, RS256 or PS256", a))
		}
		v.algs = append(v.algs, jose.SignatureAlgorithm(a))
	}
	if o.Keys != nil {
		v.keys = localKeys{o.Keys}
	} else {
		v.keys = newRemoteKeys(o)
	}
	if o.CacheBytes > 0 {
		v.known = otter.Must(&otter.Options[[sha256.Size]byte, verified]{
			MaximumWeight: uint64(o.CacheBytes),
			Weigher:       func(_ [sha256.Size]byte, e verified) uint32 { return e.size },
			// otter would start a goroutine that nobody could wait for.
			Executor: func(f func()) { f() },
		})
	}
	return v
}

// Verify returns the claims of a token that is genuine, meant for this service
// and valid now. Every refusal wraps [ErrInvalid]; [ErrUnavailable] says that
// the issuer's keys could not be fetched, and a context's error is that.
func (v *Verifier) Verify(ctx context.Context, token string) (Claims, error) {
	if len(token) > maxBytes {
		return Claims{}, fmt.Errorf("%w: more than %d bytes", ErrMalformed, maxBytes)
	}
	if v.known == nil {
		e, err := v.verify(ctx, token)
		if err == nil {
			err = v.timely(e.claims)
		}
		if err != nil {
			return Claims{}, err
		}
		return e.claims, nil
	}
	// By its hash, the cache holds nothing that can be used as a token, and a
	// look-up says nothing about tokens that are alike.
	sum := sha256.Sum256([]byte(token))
	if e, ok := v.known.GetIfPresent(sum); ok {
		key, err := v.keys.find(ctx, e.key.id, e.key.alg)
		if err == nil && key == e.key {
			err = v.timely(e.claims)
			if err == nil {
				return e.claims.clone(), nil
			}
		}
		v.known.Invalidate(sum)
	}
	e, err := v.verify(ctx, token)
	if err == nil {
		err = v.timely(e.claims)
	}
	if err != nil {
		return Claims{}, err
	}
	// Only genuine tokens come this far, so nobody fills the cache by guessing.
	v.known.Set(sum, e)
	return e.claims.clone(), nil
}

// verify checks all that does not depend on the time. The signature comes
// before the claims: nothing that a stranger wrote is parsed further than it
// takes to find the key.
func (v *Verifier) verify(ctx context.Context, token string) (verified, error) {
	h, err := parseHeader(token)
	if err != nil {
		return verified{}, err
	}
	if !slices.Contains(v.o.Algorithms, h.Algorithm) {
		return verified{}, fmt.Errorf("%w: %.16q", ErrAlgorithm, h.Algorithm)
	}
	if !sameType(h.Type, v.o.Type) {
		return verified{}, fmt.Errorf("%w: %.32q instead of %q", ErrType, h.Type, v.o.Type)
	}
	key, err := v.keys.find(ctx, h.KeyID, h.Algorithm)
	if err != nil {
		return verified{}, err
	}
	jws, err := jose.ParseSignedCompact(token, v.algs)
	if err != nil {
		return verified{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	raw, err := jws.Verify(key.key)
	if err != nil {
		return verified{}, fmt.Errorf("%w: by key %q", ErrSignature, h.KeyID)
	}
	c, err := parseClaims(raw)
	if err != nil {
		return verified{}, err
	}
	return verified{claims: c, key: key, size: uint32(2*len(raw) + entryOverhead)}, v.meant(c)
}

// entryOverhead is about what an entry costs beside its claims, which are in
// it once as JSON and once as fields.
const entryOverhead = 400

func (v *Verifier) meant(c Claims) error {
	switch {
	case c.Issuer != v.o.Issuer:
		return fmt.Errorf("%w: %.100q instead of %q", ErrIssuer, c.Issuer, v.o.Issuer)
	case !slices.Contains(c.Audience, v.o.Audience):
		return fmt.Errorf("%w: %.100q without %q", ErrAudience, c.Audience, v.o.Audience)
	case sameType(v.o.Type, accessType) && (c.ClientID == "" || c.ID == "" || c.Issued.IsZero()):
		return fmt.Errorf("%w: client_id, jti or iat is missing (RFC 9068, section 2.2)", ErrClaims)
	}
	return nil
}

func (v *Verifier) timely(c Claims) error {
	now := v.o.Clock()
	switch {
	case !now.Add(-v.o.Leeway).Before(c.Expires):
		return fmt.Errorf("%w at %v", ErrExpired, c.Expires)
	case c.NotBefore.After(now.Add(v.o.Leeway)):
		return fmt.Errorf("%w until %v", ErrNotYetValid, c.NotBefore)
	case c.Issued.After(now.Add(v.o.Leeway)):
		return fmt.Errorf("%w: issued at %v; compare the clocks", ErrNotYetValid, c.Issued)
	}
	return nil
}

// localKeys are those of an issuer in this program.
type localKeys struct{ source KeySource }

func (l localKeys) find(_ context.Context, id string, alg Algorithm) (*publicKey, error) {
	keys, err := l.source.VerifyKeys()
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if k.public.id == id && k.public.alg == alg {
			return k.public, nil
		}
	}
	return nil, fmt.Errorf("%w: %q", ErrUnknownKey, id)
}
