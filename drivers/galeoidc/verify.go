package galeoidc

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/galeweb/gale/auth/token"
)

// leeway is for how long after its end a verifier still takes a token, since
// clocks differ: for as long a revocation must hold, and be possible.
const leeway = 30 * time.Second

// Verifier returns what checks the access tokens of this server in the same
// program, by its own keys and without a request. Audience is the name of the
// resource server, one of Options.Audience; another panics. Have
// [token.AuthenticatorOptions].Denied be [Server.Denied], or a token that was
// revoked goes on until it expires. Options.Keys are asked for each token, so
// they must answer from memory, as [RingKeys] do.
func (s *Server) Verifier(audience string) *token.Verifier {
	if !slices.Contains(s.o.Audience, audience) {
		panic(fmt.Sprintf("galeoidc: Verifier for %q, which is not in Options.Audience; no token could be meant for it", audience))
	}
	return token.NewVerifier(token.VerifierOptions{
		Issuer: s.o.Issuer, Audience: audience, Keys: &ownKeys{keys: s.o.Keys},
		Algorithms: []token.Algorithm{token.ES256, token.EdDSA, token.RS256}, Clock: s.o.Clock, Leeway: leeway,
	})
}

// Denied reports whether a token that [Server.Verifier] has accepted was
// revoked, or its client disabled or deleted, or, of a token that the client has
// for itself, the user who registered it gone or blocked. Whether the user that a
// token is about is still there is for [token.AuthenticatorOptions].Find to see.
func (s *Server) Denied(ctx context.Context, c token.Claims) (bool, error) {
	revoked, err := s.o.Store.Revoked(ctx, c.ID)
	if err != nil || revoked || strings.Contains(c.ID, ".") {
		return revoked, err // a family works as long as its client does
	}
	if err = gone(s.itself(ctx, c.ClientID)); errors.Is(err, errToken) {
		return true, nil
	}
	return false, err
}

// ownKeys are those of the server as package token takes them.
type ownKeys struct {
	keys   SigningKeys
	cached atomic.Pointer[[]ownKey]
}

type ownKey struct {
	from VerifyingKey
	key  *token.Key
}

// SigningKey implements token.KeySource: the server signs for itself.
func (*ownKeys) SigningKey() (*token.Key, error) {
	return nil, errors.New("galeoidc: these keys only verify")
}

// VerifyKeys implements token.KeySource. A key that is as before is the same
// pointer, by which the verifier knows that what it remembers is still right.
func (o *ownKeys) VerifyKeys() ([]*token.Key, error) {
	now, err := o.keys.Verifying(context.Background())
	if err != nil {
		return nil, err
	}
	var before []ownKey
	if p := o.cached.Load(); p != nil {
		before = *p
	}
	known, all, changed := make([]ownKey, len(now)), make([]*token.Key, len(now)), len(now) != len(before)
	for i, k := range now {
		j := slices.IndexFunc(before, func(b ownKey) bool { return b.from.same(k) })
		if j >= 0 {
			known[i], all[i] = before[j], before[j].key
			continue
		}
		made, err := token.NewVerifyKey(k.ID, token.Algorithm(k.Algorithm), k.Key)
		if err != nil {
			return nil, fmt.Errorf("galeoidc: verify: %w", err)
		}
		known[i], all[i], changed = ownKey{k, made}, made, true
	}
	if changed {
		o.cached.Store(&known)
	}
	return all, nil
}

func (k VerifyingKey) same(other VerifyingKey) bool {
	key, ok := k.Key.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.ID == other.ID && k.Algorithm == other.Algorithm && key.Equal(other.Key)
}
