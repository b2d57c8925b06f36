package galewebauthn_test

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
	"testing"

	"github.com/galeweb/gale/internal/assert"
)

// COSE algorithms.
const (
	es256 = -7
	edDSA = -8
	rs256 = -257
)

// Flags of authenticator data.
const (
	flagUP = 1 << 0
	flagUV = 1 << 2
	flagBE = 1 << 3
	flagBS = 1 << 4
	flagAT = 1 << 6
	flagED = 1 << 7
)

// authenticator is a soft one: it signs what it is told to, true or not.
type authenticator struct {
	alg    int
	key    crypto.Signer
	id     []byte
	handle []byte // learnt at registration
	rpID   string
	count  uint32
	flags  byte

	// client is the browser's part, which a test may falsify.
	client map[string]any
	// format is that of the attestation; "packed" is a self attestation.
	format string
	// certificate is put into a "packed" attestation.
	certificate []byte
	// tail is appended to the authenticator data.
	tail []byte
}

func newAuthenticator(t testing.TB, alg int) *authenticator {
	t.Helper()
	a := &authenticator{
		alg: alg, id: make([]byte, 32), rpID: "gale.test", flags: flagUP | flagUV, format: "none",
		client: map[string]any{"origin": "https://gale.test", "crossOrigin": false},
	}
	rand.Read(a.id)
	var err error
	switch alg {
	case es256:
		a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case edDSA:
		_, a.key, err = ed25519.GenerateKey(rand.Reader)
	default:
		a.key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	assert.NoError(t, err)
	return a
}

// head is the first bytes of a CBOR item (RFC 8949, §3).
func head(major byte, n int) []byte {
	switch {
	case n < 24:
		return []byte{major<<5 | byte(n)}
	case n < 256:
		return []byte{major<<5 | 24, byte(n)}
	default:
		return binary.BigEndian.AppendUint16([]byte{major<<5 | 25}, uint16(n))
	}
}

func integer(n int) []byte {
	if n < 0 {
		return head(1, -1-n)
	}
	return head(0, n)
}

func byteString(b []byte) []byte { return append(head(2, len(b)), b...) }
func textString(s string) []byte { return append(head(3, len(s)), s...) }

// mapOf is a map of the items, keys and values in turn.
func mapOf(items ...[]byte) []byte {
	out := head(5, len(items)/2)
	for _, item := range items {
		out = append(out, item...)
	}
	return out
}

// cose returns the public key.
func (a *authenticator) cose(t testing.TB) []byte {
	switch public := a.key.Public().(type) {
	case *ecdsa.PublicKey:
		point, err := public.Bytes() // 4, x, y
		assert.NoError(t, err)
		return mapOf(integer(1), integer(2), integer(3), integer(a.alg), integer(-1), integer(1),
			integer(-2), byteString(point[1:33]), integer(-3), byteString(point[33:]))
	case ed25519.PublicKey:
		return mapOf(integer(1), integer(1), integer(3), integer(a.alg), integer(-1), integer(6), integer(-2), byteString(public))
	case *rsa.PublicKey:
		return mapOf(integer(1), integer(3), integer(3), integer(a.alg), integer(-1), byteString(public.N.Bytes()),
			integer(-2), byteString([]byte{1, 0, 1}))
	}
	t.Fatal("no such key")
	return nil
}

func (a *authenticator) sign(t testing.TB, data []byte) []byte {
	var sig []byte
	var err error
	if a.alg == edDSA {
		sig, err = a.key.Sign(rand.Reader, data, crypto.Hash(0))
	} else {
		sum := sha256.Sum256(data)
		sig, err = a.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	}
	assert.NoError(t, err)
	return sig
}

// data returns authenticator data (WebAuthn Level 3, §6.1).
func (a *authenticator) data(more ...byte) []byte {
	sum := sha256.Sum256([]byte(a.rpID))
	flags := a.flags
	if len(more) > 0 {
		flags |= flagAT
	}
	out := append(sum[:], flags)
	out = binary.BigEndian.AppendUint32(out, a.count)
	return append(append(out, more...), a.tail...)
}

func (a *authenticator) clientData(t testing.TB, kind, challenge string) []byte {
	all := map[string]any{"type": kind, "challenge": challenge}
	for name, v := range a.client {
		all[name] = v
	}
	out, err := json.Marshal(all)
	assert.NoError(t, err)
	return out
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func unb64(t testing.TB, s string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(s)
	assert.NoError(t, err)
	return b
}

// begun is the answer to a begin request.
type begun struct {
	State     string
	PublicKey struct {
		Challenge string
		User      struct{ ID string }
	}
}

// message is the body of a finish request.
type message struct {
	State    string
	Name     string
	ID       string
	Response map[string]string
}

// MarshalJSON writes the credential as browsers do.
func (m message) MarshalJSON() ([]byte, error) {
	response := map[string]any{}
	for name, v := range m.Response {
		response[name] = v
	}
	all := map[string]any{"state": m.State, "credential": map[string]any{"id": m.ID, "type": "public-key", "response": response}}
	if m.Name != "" {
		all["name"] = m.Name
	}
	return json.Marshal(all)
}

// create answers a registration.
func (a *authenticator) create(t testing.TB, b begun) message {
	client := a.clientData(t, "webauthn.create", b.PublicKey.Challenge)
	a.handle = unb64(t, b.PublicKey.User.ID)
	attested := append(make([]byte, 16), byte(len(a.id)>>8), byte(len(a.id)))
	attested = append(append(attested, a.id...), a.cose(t)...)
	data := a.data(attested...)
	statement := mapOf()
	if a.format == "packed" {
		sum := sha256.Sum256(client)
		signed := byteString(a.sign(t, append(data[:len(data):len(data)], sum[:]...)))
		items := [][]byte{textString("alg"), integer(a.alg), textString("sig"), signed}
		if a.certificate != nil {
			items = append(items, textString("x5c"), append(head(4, 1), byteString(a.certificate)...))
		}
		statement = mapOf(items...)
	}
	object := mapOf(textString("fmt"), textString(a.format), textString("attStmt"), statement, textString("authData"), byteString(data))
	return message{State: b.State, Name: "soft", ID: b64(a.id), Response: map[string]string{
		"clientDataJSON": b64(client), "attestationObject": b64(object),
	}}
}

// get answers a sign-in.
func (a *authenticator) get(t testing.TB, b begun) message {
	client := a.clientData(t, "webauthn.get", b.PublicKey.Challenge)
	data := a.data()
	sum := sha256.Sum256(client)
	return message{State: b.State, ID: b64(a.id), Response: map[string]string{
		"clientDataJSON": b64(client), "authenticatorData": b64(data), "userHandle": b64(a.handle),
		"signature": b64(a.sign(t, append(data[:len(data):len(data)], sum[:]...))),
	}}
}
