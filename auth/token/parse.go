package token

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// header is a JOSE header, RFC 7515 section 4. Members that name a key, or ask
// for something that is not done here, are read only to be refused.
type header struct {
	Algorithm Algorithm      `json:"alg"`
	KeyID     string         `json:"kid"`
	Type      string         `json:"typ"`
	Critical  jsontext.Value `json:"crit"`
	B64       jsontext.Value `json:"b64"`
	Zip       jsontext.Value `json:"zip"`
	JWK       jsontext.Value `json:"jwk"`
	JWKURL    jsontext.Value `json:"jku"`
	X5U       jsontext.Value `json:"x5u"`
	X5C       jsontext.Value `json:"x5c"`
}

// maxKeyID is more than the ids of known issuers have.
const maxKeyID = 256

// parseHeader reads the header of one JWS in compact form and proves that the
// token has one form only: no white space, no unused bits. Nothing of it is
// genuine before its signature is verified.
func parseHeader(token string) (header, error) {
	if len(token) > maxBytes {
		return header{}, fmt.Errorf("%w: more than %d bytes", ErrMalformed, maxBytes)
	}
	var parts [3][]byte
	n := 0
	for part := range strings.SplitSeq(token, ".") {
		if n == len(parts) || part == "" {
			return header{}, fmt.Errorf("%w: not three parts", ErrMalformed)
		}
		// The decoder skips line ends.
		raw, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil || strings.ContainsAny(part, "\r\n") {
			return header{}, fmt.Errorf("%w: part %d is not base64url", ErrMalformed, n+1)
		}
		parts[n] = raw
		n++
	}
	if n != len(parts) {
		return header{}, fmt.Errorf("%w: not three parts", ErrMalformed)
	}
	var h header
	if err := json.Unmarshal(parts[0], &h); err != nil {
		return header{}, fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	for _, m := range []struct {
		name  string
		value jsontext.Value
	}{
		{"crit", h.Critical},
		{"b64", h.B64},
		{"zip", h.Zip},
		{"jwk", h.JWK},
		{"jku", h.JWKURL},
		{"x5u", h.X5U},
		{"x5c", h.X5C},
	} {
		if m.value != nil {
			return header{}, fmt.Errorf("%w: has %s", ErrHeader, m.name)
		}
	}
	if h.KeyID == "" || len(h.KeyID) > maxKeyID {
		return header{}, fmt.Errorf("%w: no kid, or one that is too long", ErrUnknownKey)
	}
	return h, nil
}

// sameType compares media types, with or without the prefix that RFC 7515,
// section 4.1.9, lets senders leave out.
func sameType(got, want string) bool {
	const prefix = "application/"
	if len(got) > len(prefix) && strings.EqualFold(got[:len(prefix)], prefix) {
		got = got[len(prefix):]
	}
	return strings.EqualFold(got, want)
}
