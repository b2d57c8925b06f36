package token_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"pgregory.net/rapid"

	"github.com/galeweb/gale/auth/token"
	"github.com/galeweb/gale/internal/assert"
)

// refused checks that a token is, and why.
func refused(t testing.TB, v *token.Verifier, name, jwt string, why error) {
	t.Helper()
	for range 2 { // nothing that is refused may be in the cache afterwards
		_, err := v.Verify(t.Context(), jwt)
		if !errors.Is(err, why) || !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%s: got %v, want %v", name, err, why)
		}
	}
}

func accepted(t testing.TB, v *token.Verifier, jwt string) {
	t.Helper()
	_, err := v.Verify(t.Context(), jwt)
	assert.NoError(t, err)
}

func newEC(t testing.TB) pair {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	assert.NoError(t, err)
	return newPair(t, k)
}

func TestAlgorithmConfusion(t *testing.T) {
	t.Parallel()
	s, p := newSite(t, token.ES256), newEC(t)
	v := s.verify(token.VerifierOptions{Keys: p})
	good := sign(t, jose.ES256, p.private, p.header(), claims())
	accepted(t, v, good)
	body := strings.Split(good, ".")[1]

	for _, alg := range []string{"none", "None", "nOnE", "NONE", "", "es256", "HS256", "ES384", "RS256", "EdDSA"} {
		head := b64(fmt.Sprintf(`{"alg":%q,"typ":"at+jwt","kid":%q}`, alg, p.key.ID()))
		refused(t, v, "no signature by "+alg, head+"."+body+".", token.ErrMalformed)
		sig := strings.Split(good, ".")[2]
		why := token.ErrAlgorithm
		if alg == "EdDSA" {
			why = token.ErrUnknownKey // allowed, and not that key's
		}
		refused(t, v, alg, head+"."+body+"."+sig, why)
	}
	// The public key as a shared secret, in each form that it is known in.
	der, err := x509.MarshalPKIXPublicKey(p.private.Public())
	assert.NoError(t, err)
	for _, secret := range [][]byte{
		pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), der, []byte(strings.Repeat("\x00", 32)),
	} {
		refused(t, v, "HS256", sign(t, jose.HS256, secret, p.header(), claims()), token.ErrAlgorithm)
	}
	// A key of one's own under the id of another's.
	other := newEC(t)
	refused(t, v, "own key", sign(t, jose.ES256, other.private, p.header(), claims()), token.ErrSignature)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	assert.NoError(t, err)
	refused(t, v, "EdDSA for ES256", sign(t, jose.EdDSA, ed, p.header(), claims()), token.ErrUnknownKey)
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	assert.NoError(t, err)
	refused(t, v, "RS256 for ES256", sign(t, jose.RS256, rs, p.header(), claims()), token.ErrAlgorithm)
	refused(t, s.verify(token.VerifierOptions{Keys: p, Algorithms: []token.Algorithm{token.ES256, token.RS256}}),
		"RS256 for ES256, allowed", sign(t, jose.RS256, rs, p.header(), claims()), token.ErrUnknownKey)
	refused(t, s.verify(token.VerifierOptions{Keys: p, Algorithms: []token.Algorithm{token.EdDSA}}), "not in the list", good, token.ErrAlgorithm)
}

func TestHeaderAttacks(t *testing.T) {
	t.Parallel()
	s, p, own := newSite(t, token.ES256), newEC(t), newEC(t)
	v := s.verify(token.VerifierOptions{Keys: p})
	for _, h := range []struct {
		name  string
		value any
		why   error
	}{
		{"jku", "https://evil.example/jwks.json", token.ErrHeader},
		{"x5u", "https://evil.example/cert.pem", token.ErrHeader},
		{"x5c", []string{"MIIB"}, token.ErrHeader},
		{"jwk", jose.JSONWebKey{Key: own.private.Public(), KeyID: p.key.ID()}, token.ErrHeader},
		{"jwk", nil, token.ErrHeader},
		{"crit", []string{"exp"}, token.ErrHeader},
		{"crit", []string{}, token.ErrHeader},
		{"b64", true, token.ErrHeader},
		{"zip", "DEF", token.ErrHeader},
		{"typ", "JWT", token.ErrType},
		{"typ", "", token.ErrType},
		{"typ", "id_token", token.ErrType},
		{"typ", 7, token.ErrMalformed},
		{"kid", "", token.ErrUnknownKey},
		{"kid", "../../../../dev/null", token.ErrUnknownKey},
		{"kid", "' OR 1=1 --", token.ErrUnknownKey},
		{"kid", p.key.ID() + "\x00", token.ErrUnknownKey},
		{"kid", strings.ToUpper(p.key.ID()), token.ErrUnknownKey},
		{"kid", strings.Repeat("k", 300), token.ErrUnknownKey},
		{"kid", []string{p.key.ID()}, token.ErrMalformed},
	} {
		header := p.header()
		header[h.name] = h.value
		// With the right key: it is the header that is refused.
		jwt := rawSign(t, p, header, claims())
		refused(t, v, fmt.Sprintf("%s %v", h.name, h.value), jwt, h.why)
	}
	for _, typ := range []string{"AT+JWT", "application/at+jwt", "Application/AT+JWT"} {
		header := p.header()
		header["typ"] = typ
		accepted(t, v, rawSign(t, p, header, claims()))
	}
	for head, why := range map[string]error{
		fmt.Sprintf(`{"alg":"none","alg":"ES256","typ":"at+jwt","kid":%q}`, p.key.ID()): token.ErrMalformed,
		fmt.Sprintf(`{"alg":"ES256","typ":"at+jwt","kid":"x","kid":%q}`, p.key.ID()):    token.ErrMalformed,
		fmt.Sprintf(`{"alg":"ES256","typ":"at+jwt","kid":%q}{}`, p.key.ID()):            token.ErrMalformed,
		fmt.Sprintf(`{"ALG":"ES256","typ":"at+jwt","kid":%q}`, p.key.ID()):              token.ErrAlgorithm,
		"ES256": token.ErrMalformed, "[]": token.ErrMalformed, "{\"kid\":\"\xff\"}": token.ErrMalformed, "null": token.ErrUnknownKey,
	} {
		refused(t, v, head, b64(head)+"."+b64("{}")+"."+b64("x"), why)
	}
}

func TestClaimAttacks(t *testing.T) {
	t.Parallel()
	s, p := newSite(t, token.ES256), newEC(t)
	v := s.verify(token.VerifierOptions{Keys: p})
	for _, c := range []struct {
		name  string
		value any // nil takes the claim out
		why   error
	}{
		{"iss", "https://evil.example", token.ErrIssuer},
		{"iss", iss + "/", token.ErrIssuer},
		{"iss", strings.ToUpper(iss), token.ErrIssuer},
		{"iss", nil, token.ErrClaims},
		{"iss", []string{iss}, token.ErrClaims},
		{"aud", "https://other.example.com", token.ErrAudience},
		{"aud", aud + ".evil.example", token.ErrAudience},
		{"aud", []string{}, token.ErrAudience},
		{"aud", []string{"a", "b"}, token.ErrAudience},
		{"aud", map[string]any{aud: true}, token.ErrClaims},
		{"aud", nil, token.ErrClaims},
		{"exp", start.Add(-time.Minute).Unix(), token.ErrExpired},
		{"exp", start.Add(-30 * time.Second).Unix(), token.ErrExpired},
		{"exp", nil, token.ErrClaims},
		{"exp", "2099-01-01", token.ErrClaims},
		{"exp", 1e300, token.ErrClaims},
		{"exp", -1, token.ErrClaims},
		{"exp", 253402300800, token.ErrClaims},
		{"nbf", start.Add(time.Minute).Unix(), token.ErrNotYetValid},
		{"iat", start.Add(time.Minute).Unix(), token.ErrNotYetValid},
		{"iat", nil, token.ErrClaims},
		{"sub", nil, token.ErrClaims},
		{"sub", "", token.ErrClaims},
		{"sub", 7, token.ErrClaims},
		{"jti", nil, token.ErrClaims},
		{"client_id", nil, token.ErrClaims},
		{"scope", 7, token.ErrClaims},
	} {
		all := claims()
		all[c.name] = c.value
		if c.value == nil {
			delete(all, c.name)
		}
		refused(t, v, fmt.Sprintf("%s %v", c.name, c.value), rawSign(t, p, p.header(), all), c.why)
	}
	for name, raw := range map[string]string{
		"two subs": `{"iss":"` + iss + `","aud":"` + aud + `","sub":"alice","sub":"root","client_id":"a","jti":"1","iat":1795780800,"exp":1795780860}`,
		"case":     `{"ISS":"` + iss + `","aud":"` + aud + `","sub":"alice","client_id":"a","jti":"1","iat":1795780800,"exp":1795780860}`,
		"trailing": `{}{}`, "null": `null`, "list": `[]`, "text": `hello`,
	} {
		refused(t, v, name, rawSign(t, p, p.header(), raw), token.ErrClaims)
	}
	all := claims()
	all["aud"], all["exp"], all["scope"] = []string{"x", aud}, float64(start.Unix())+0.5, []string{"a", "b"}
	accepted(t, v, rawSign(t, p, p.header(), all))
}

func TestFormAttacks(t *testing.T) {
	t.Parallel()
	s := newSite(t, token.ES256)
	jwt := s.issue()
	parts := strings.Split(jwt, ".")
	for name, bad := range map[string]string{
		"empty": "", "dots": "..", "one part": parts[0], "two parts": parts[0] + "." + parts[1],
		"four parts": jwt + "." + parts[2], "five parts": "a.b.c.d.e", "trailing dot": jwt + ".",
		"space": " " + jwt, "line end": jwt + "\n", "line end inside": parts[0] + ".\n" + parts[1] + "." + parts[2],
		"padding": jwt + "=", "standard base64": strings.ReplaceAll(jwt, ".", "+."), "NUL": jwt + "\x00",
		"JSON form": `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"twice":     jwt + jwt, "no payload": parts[0] + ".." + parts[2], "no signature": parts[0] + "." + parts[1] + ".",
		"oversize":      parts[0] + "." + strings.Repeat("A", 8<<10) + "." + parts[2],
		"a gigabyte":    strings.Repeat("e", 1<<20),
		"a lot of dots": strings.Repeat(".", 8000),
	} {
		refused(t, s.verifier, name, bad, token.ErrMalformed)
	}
}

// Whatever byte is changed, and to what: the token is another, and refused.
func TestATamperedTokenIsRefused(t *testing.T) {
	t.Parallel()
	for _, alg := range []token.Algorithm{token.ES256, token.EdDSA} {
		s := newSite(t, alg)
		jwt := s.issue()
		accepted(t, s.verifier, jwt)
		for i := range len(jwt) { // the last letter has bits that mean nothing
			for _, c := range []byte("AB.") {
				if jwt[i] != c {
					_, err := s.verifier.Verify(t.Context(), jwt[:i]+string(c)+jwt[i+1:])
					assert.ErrorIs(t, err, token.ErrInvalid)
				}
			}
		}
		for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
			if last := len(jwt) - 1; jwt[last] != c {
				_, err := s.verifier.Verify(t.Context(), jwt[:last]+string(c))
				assert.ErrorIs(t, err, token.ErrInvalid)
			}
		}
		rapid.Check(t, func(rt *rapid.T) {
			i := rapid.IntRange(0, len(jwt)-1).Draw(rt, "at")
			c := rapid.Byte().Draw(rt, "byte")
			if jwt[i] == c {
				return
			}
			if _, err := s.verifier.Verify(t.Context(), jwt[:i]+string(rune(c))+jwt[i+1:]); !errors.Is(err, token.ErrInvalid) {
				rt.Fatalf("accepted with byte %d as %q: %v", i, c, err)
			}
		})
	}
}

// rawSign signs any header and payload, also those that a library refuses.
func rawSign(t testing.TB, p pair, header map[string]any, payload any) string {
	t.Helper()
	return signRaw(t, p.private.(*ecdsa.PrivateKey), header, payload)
}

// FuzzVerify: what is accepted was issued.
func FuzzVerify(f *testing.F) {
	s := newSite(f, token.EdDSA)
	jwt := s.issue()
	parts := strings.Split(jwt, ".")
	for _, seed := range []string{
		"", "..", jwt, parts[0] + "." + parts[1] + ".", b64(`{"alg":"none"}`) + ".e30.",
		b64(`{"alg":"EdDSA","kid":"x","typ":"at+jwt"}`) + "." + parts[1] + "." + parts[2],
		b64(`{"alg":"EdDSA","crit":["exp"]}`) + ".e30.e30", parts[0] + ".W10." + parts[2],
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		_, err := s.verifier.Verify(t.Context(), in)
		if (err == nil) != (in == jwt) {
			t.Errorf("%q: %v", in, err)
		}
		if err != nil && !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%q: %v is not a refusal", in, err)
		}
	})
}
