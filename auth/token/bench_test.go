package token_test

import (
	"testing"

	"github.com/galeweb/gale/auth/token"
)

// BenchmarkVerify is a token that is known, and one that is not.
func BenchmarkVerify(b *testing.B) {
	for _, alg := range []token.Algorithm{token.ES256, token.EdDSA} {
		s := newSite(b, alg)
		jwt := s.issue()
		for name, v := range map[string]*token.Verifier{"known": s.verifier, "new": s.verify(token.VerifierOptions{CacheBytes: -1})} {
			b.Run(string(alg)+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := v.Verify(b.Context(), jwt); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
