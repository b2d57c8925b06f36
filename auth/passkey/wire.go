package passkey

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"
)

// binary is bytes in base64url without padding, in their one valid spelling: an
// id with two spellings would be two keys in a store.
type binary []byte

func (b binary) MarshalText() ([]byte, error) { return []byte(encode(b)), nil }

func (b *binary) UnmarshalText(text []byte) error {
	raw, err := base64.RawURLEncoding.DecodeString(string(text))
	if err != nil || encode(raw) != string(text) {
		return errors.New("must be base64url without padding")
	}
	*b = raw
	return nil
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// begun is the answer to a begin request.
type begun[T any] struct {
	State     string `json:"state"`
	PublicKey T      `json:"publicKey"`
}

// finished is the answer to a finish request.
type finished struct {
	Next string `json:"next"`
}

// creationOptions are PublicKeyCredentialCreationOptionsJSON of WebAuthn Level
// 3, §5.1.9.
type creationOptions struct {
	RP struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"rp"`
	User struct {
		ID          binary `json:"id"`
		Name        string `json:"name"`
		DisplayName string `json:"displayName"`
	} `json:"user"`
	Challenge          binary       `json:"challenge"`
	PubKeyCredParams   []parameter  `json:"pubKeyCredParams"`
	Timeout            int64        `json:"timeout"`
	ExcludeCredentials []descriptor `json:"excludeCredentials"`
	Selection          struct {
		ResidentKey        string `json:"residentKey"`
		RequireResidentKey bool   `json:"requireResidentKey"`
		UserVerification   string `json:"userVerification"`
	} `json:"authenticatorSelection"`
	Attestation string `json:"attestation"`
}

// requestOptions are PublicKeyCredentialRequestOptionsJSON of §5.1.10.
type requestOptions struct {
	Challenge        binary       `json:"challenge"`
	Timeout          int64        `json:"timeout"`
	RPID             string       `json:"rpId"`
	AllowCredentials []descriptor `json:"allowCredentials"`
	UserVerification string       `json:"userVerification"`
}

type parameter struct {
	Type string `json:"type"`
	Alg  int    `json:"alg"`
}

type descriptor struct {
	Type       string   `json:"type"`
	ID         string   `json:"id"`
	Transports []string `json:"transports,omitempty"`
}

const publicKey = "public-key"

// algorithms returns the COSE algorithms in order of preference: Ed25519, ES256
// and, for older Windows Hello, RS256.
func algorithms() []int { return []int{-8, -7, -257} }

func parameters() (all []parameter) {
	for _, alg := range algorithms() {
		all = append(all, parameter{publicKey, alg})
	}
	return all
}

func descriptors(creds []Credential) []descriptor {
	all := make([]descriptor, 0, len(creds))
	for _, c := range creds {
		all = append(all, descriptor{publicKey, c.ID, c.Transports})
	}
	return all
}

const timeout = int64(challengeLife / time.Millisecond)

// The members of credentials that are not used are taken, since the toJSON of
// browsers has them.

// registration is the body of a finish request.
type registration struct {
	State      string `json:"state" validate:"required,max=2048"`
	Name       string `json:"name"`
	Credential struct {
		ID       binary `json:"id" validate:"required,max=1023"`
		RawID    binary `json:"rawId"`
		Type     string `json:"type" validate:"eq=public-key"`
		Response struct {
			ClientDataJSON     binary   `json:"clientDataJSON" validate:"required"`
			AttestationObject  binary   `json:"attestationObject" validate:"required"`
			AuthenticatorData  binary   `json:"authenticatorData"`
			PublicKey          binary   `json:"publicKey"`
			PublicKeyAlgorithm int64    `json:"publicKeyAlgorithm"`
			Transports         []string `json:"transports"`
		} `json:"response"`
		AuthenticatorAttachment *string        `json:"authenticatorAttachment"`
		ClientExtensionResults  map[string]any `json:"clientExtensionResults"`
	} `json:"credential"`
}

// assertion is the body of a finish request.
type assertion struct {
	State      string              `json:"state" validate:"required,max=2048"`
	Credential assertionCredential `json:"credential"`
}

type assertionCredential struct {
	ID       binary `json:"id" validate:"required,max=1023"`
	RawID    binary `json:"rawId"`
	Type     string `json:"type" validate:"eq=public-key"`
	Response struct {
		ClientDataJSON    binary  `json:"clientDataJSON" validate:"required"`
		AuthenticatorData binary  `json:"authenticatorData" validate:"required"`
		Signature         binary  `json:"signature" validate:"required"`
		UserHandle        *binary `json:"userHandle"`
	} `json:"response"`
	AuthenticatorAttachment *string        `json:"authenticatorAttachment"`
	ClientExtensionResults  map[string]any `json:"clientExtensionResults"`
}

// transports returns the hints of a client that look like such.
func transports(claimed []string) (kept []string) {
	for _, s := range claimed {
		strange := strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && r != '-' })
		if s != "" && len(s) <= 16 && !strange && !slices.Contains(kept, s) && len(kept) < 8 {
			kept = append(kept, s)
		}
	}
	return kept
}
