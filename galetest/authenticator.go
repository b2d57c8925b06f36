package galetest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"maps"
	"net/url"
	"testing"
)

// COSE algorithms of an [Authenticator].
const (
	ES256   = -7
	Ed25519 = -8
	RS256   = -257
)

// Flags of authenticator data (WebAuthn Level 3, §6.1).
const (
	UserPresent    = 1 << 0
	UserVerified   = 1 << 2
	BackupEligible = 1 << 3
	BackedUp       = 1 << 4
	attestedData   = 1 << 6
	WithExtensions = 1 << 7
)

// Authenticator is a device with one passkey, and the browser in front of it, in
// software. It answers the begin requests of auth/passkey as the script of a page
// would. It signs what its fields say, true or not, so that a test can also
// attack. It belongs to the goroutine of its test.
type Authenticator struct {
	// Origin is the page that the browser shows.
	Origin string
	// RPID is the domain that the passkey is for.
	RPID string
	// ID is that of the credential.
	ID []byte
	// Handle is the user's. Create learns it.
	Handle []byte
	// Key signs. Alg is its COSE algorithm, one of ES256, Ed25519 and RS256.
	Key crypto.Signer
	Alg int
	// Count is the signature counter. 0 stands for a device that has none.
	Count uint32
	// Flags are those of authenticator data. Defaults to UserPresent and
	// UserVerified.
	Flags byte
	// Client has members of the client data that stand instead of the right ones,
	// or besides; nil leaves a member out.
	Client map[string]any
	// Format is that of the attestation. Defaults to "none"; "packed" is signed by
	// the key itself, with Certificate as the chain unless that is nil.
	Format      string
	Certificate []byte
	// Tail is appended to the authenticator data.
	Tail []byte

	tb testing.TB
}

// NewAuthenticator returns one with a new ES256 key, in a browser that shows a
// page of origin, such as "https://example.com".
func NewAuthenticator(tb testing.TB, origin string) *Authenticator {
	tb.Helper()
	u, err := url.Parse(origin)
	if err != nil {
		tb.Fatalf("galetest: an origin: %v", err)
	}
	a := &Authenticator{
		Origin: origin, RPID: u.Hostname(), ID: make([]byte, 32), Alg: ES256, Flags: UserPresent | UserVerified,
		Client: map[string]any{}, Format: "none", tb: tb,
	}
	rand.Read(a.ID) // never fails, see its documentation
	a.Key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatalf("galetest: make a key: %v", err)
	}
	return a
}

// PasskeyBegun is the answer to a begin request, as far as it matters to an
// [Authenticator].
type PasskeyBegun struct {
	State     string
	PublicKey struct {
		Challenge string
		User      struct{ ID string }
	}
}

// PasskeyFinish is the body of a finish request. The members of Response are in
// base64url.
type PasskeyFinish struct {
	State, Name, ID string
	Response        map[string]string
}

// MarshalJSON writes the credential as browsers do.
func (f PasskeyFinish) MarshalJSON() ([]byte, error) {
	all := map[string]any{"state": f.State, "credential": map[string]any{"id": f.ID, "type": "public-key", "response": f.Response}}
	if f.Name != "" {
		all["name"] = f.Name
	}
	return json.Marshal(all)
}

// Create answers a registration, as navigator.credentials.create.
func (a *Authenticator) Create(b PasskeyBegun) PasskeyFinish {
	a.tb.Helper()
	var err error
	if a.Handle, err = base64.RawURLEncoding.DecodeString(b.PublicKey.User.ID); err != nil {
		a.tb.Fatalf("galetest: the handle of the user: %v", err)
	}
	client := a.ClientData("webauthn.create", b.PublicKey.Challenge)
	attested := binary.BigEndian.AppendUint16(make([]byte, 16), uint16(len(a.ID)))
	data := a.Data(append(append(attested, a.ID...), a.PublicKey()...)...)
	statement := cborMap()
	if a.Format == "packed" {
		items := [][]byte{cborText("alg"), cborInt(a.Alg), cborText("sig"), cborBytes(a.Sign(data, client))}
		if a.Certificate != nil {
			items = append(items, cborText("x5c"), append(cborHead(4, 1), cborBytes(a.Certificate)...))
		}
		statement = cborMap(items...)
	}
	object := cborMap(cborText("fmt"), cborText(a.Format), cborText("attStmt"), statement, cborText("authData"), cborBytes(data))
	return PasskeyFinish{State: b.State, Name: "soft", ID: b64(a.ID), Response: map[string]string{
		"clientDataJSON": b64(client), "attestationObject": b64(object),
	}}
}

// Get answers a sign-in or a confirmation, as navigator.credentials.get.
func (a *Authenticator) Get(b PasskeyBegun) PasskeyFinish {
	a.tb.Helper()
	client, data := a.ClientData("webauthn.get", b.PublicKey.Challenge), a.Data()
	return PasskeyFinish{State: b.State, ID: b64(a.ID), Response: map[string]string{
		"clientDataJSON": b64(client), "authenticatorData": b64(data), "userHandle": b64(a.Handle), "signature": b64(a.Sign(data, client)),
	}}
}

// ClientData returns what the browser says of a ceremony.
func (a *Authenticator) ClientData(kind, challenge string) []byte {
	all := map[string]any{"type": kind, "challenge": challenge, "origin": a.Origin, "crossOrigin": false}
	maps.Copy(all, a.Client)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	out, err := json.Marshal(all)
	if err != nil {
		a.tb.Fatalf("galetest: client data: %v", err)
	}
	return out
}

// Data returns authenticator data, with an attested credential if there is one.
func (a *Authenticator) Data(attested ...byte) []byte {
	sum := sha256.Sum256([]byte(a.RPID))
	flags := a.Flags
	if len(attested) > 0 {
		flags |= attestedData
	}
	out := binary.BigEndian.AppendUint32(append(sum[:], flags), a.Count)
	return append(append(out, attested...), a.Tail...)
}

// Sign signs authenticator data together with client data.
func (a *Authenticator) Sign(data, client []byte) []byte {
	sum := sha256.Sum256(client)
	signed, hash := append(data[:len(data):len(data)], sum[:]...), crypto.Hash(0)
	if a.Alg != Ed25519 {
		sum = sha256.Sum256(signed)
		signed, hash = sum[:], crypto.SHA256
	}
	sig, err := a.Key.Sign(rand.Reader, signed, hash)
	if err != nil {
		a.tb.Fatalf("galetest: sign: %v", err)
	}
	return sig
}

// PublicKey returns the public key as a COSE_Key (RFC 9053, §7).
func (a *Authenticator) PublicKey() []byte {
	switch public := a.Key.Public().(type) {
	case *ecdsa.PublicKey:
		point, err := public.Bytes() // 4, x, y
		if err != nil {
			a.tb.Fatalf("galetest: a public key: %v", err)
		}
		return cborMap(cborInt(1), cborInt(2), cborInt(3), cborInt(a.Alg), cborInt(-1), cborInt(1),
			cborInt(-2), cborBytes(point[1:33]), cborInt(-3), cborBytes(point[33:]))
	case ed25519.PublicKey:
		return cborMap(cborInt(1), cborInt(1), cborInt(3), cborInt(a.Alg), cborInt(-1), cborInt(6), cborInt(-2), cborBytes(public))
	case *rsa.PublicKey:
		exponent := binary.BigEndian.AppendUint32(nil, uint32(public.E))
		return cborMap(cborInt(1), cborInt(3), cborInt(3), cborInt(a.Alg), cborInt(-1), cborBytes(public.N.Bytes()), cborInt(-2), cborBytes(exponent[1:]))
	}
	a.tb.Fatalf("galetest: a key of the type %T", a.Key.Public())
	return nil
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// cborHead is the first bytes of a CBOR item (RFC 8949, §3).
func cborHead(major byte, n int) []byte {
	switch {
	case n < 24:
		return []byte{major<<5 | byte(n)}
	case n < 256:
		return []byte{major<<5 | 24, byte(n)}
	default:
		return binary.BigEndian.AppendUint16([]byte{major<<5 | 25}, uint16(n))
	}
}

func cborInt(n int) []byte {
	if n < 0 {
		return cborHead(1, -1-n)
	}
	return cborHead(0, n)
}

func cborBytes(b []byte) []byte { return append(cborHead(2, len(b)), b...) }
func cborText(s string) []byte  { return append(cborHead(3, len(s)), s...) }

// cborMap is a map of the items, keys and values in turn.
func cborMap(items ...[]byte) []byte {
	out := cborHead(5, len(items)/2)
	for _, item := range items {
		out = append(out, item...)
	}
	return out
}
