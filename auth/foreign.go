package auth

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/scrypt"
)

// What hashes of other software may make us spend: as much as the dearest one
// of argon2id.
const (
	maxBcrypt     = 14      // 2^14 rounds: about 1 s on one core
	maxScryptWork = 1 << 21 // N*r*p: about 1 s, and 128 N r bytes are at most 256 MiB
)

// bcryptHash is a hash as crypt(3) writes it.
type bcryptHash string

// matches sees 72 bytes of password, as all of bcrypt does.
func (b bcryptHash) matches(password string, _ []byte) bool {
	return bcrypt.CompareHashAndPassword([]byte(b), []byte(password)) == nil
}

func (bcryptHash) costs(params) bool { return false }

func parseBcrypt(s string) (stored, error) {
	const alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	if len(s) != 60 || !strings.HasPrefix(s, "$2") || !strings.ContainsRune("aby", rune(s[2])) || s[3] != '$' || s[6] != '$' ||
		strings.Trim(s[7:], alphabet) != "" {
		return nil, fmt.Errorf("%w: not as bcrypt writes it", errEncoded)
	}
	n, ok := cost(strings.TrimPrefix(s[4:6], "0"), "", 8)
	if !ok || n < 4 || n > maxBcrypt {
		return nil, fmt.Errorf("%w: bcrypt's cost is not within 4 to %d", errEncoded, maxBcrypt)
	}
	return bcryptHash(s), nil
}

// scryptHash is a hash of RFC 7914.
type scryptHash struct {
	n, r, p   uint64
	salt, key []byte
}

func (s scryptHash) matches(password string, _ []byte) bool {
	key, err := scrypt.Key([]byte(password), s.salt, int(s.n), int(s.r), int(s.p), len(s.key))
	return err == nil && subtle.ConstantTimeCompare(key, s.key) == 1
}

func (scryptHash) costs(params) bool { return false }

// checked returns s when it can be computed, and at what price.
func (s scryptHash) checked() (stored, error) {
	switch {
	case s.n < 2 || s.n&(s.n-1) != 0 || s.n > maxScryptWork || s.r < 1 || s.r > 1<<10 || s.p < 1 || s.p > 1<<10 ||
		s.n*s.r*s.p > maxScryptWork:
		return nil, fmt.Errorf("%w: scrypt's costs N=%d, r=%d, p=%d are out of bounds", errEncoded, s.n, s.r, s.p)
	case len(s.salt) < 8 || len(s.salt) > 64 || len(s.key) < 16 || len(s.key) > 64:
		return nil, fmt.Errorf("%w: scrypt's salt or key", errEncoded)
	}
	return s, nil
}

// parseScryptPHC reads $scrypt$ln=16,r=8,p=1$salt$key, both in base64.
func parseScryptPHC(s string) (stored, error) {
	parts := strings.Split(s, "$")
	if len(parts) != 5 || strings.ContainsAny(s, "\r\n") { // base64 skips them
		return nil, fmt.Errorf("%w: not as scrypt's PHC string", errEncoded)
	}
	costs := strings.Split(parts[2], ",")
	if len(costs) != 3 {
		return nil, fmt.Errorf("%w: scrypt's costs are not ln, r and p", errEncoded)
	}
	ln, okN := cost(costs[0], "ln=", 5)
	r, okR := cost(costs[1], "r=", 32)
	p, okP := cost(costs[2], "p=", 32)
	salt, errSalt := phcEncoding.DecodeString(parts[3])
	key, errKey := phcEncoding.DecodeString(parts[4])
	if !okN || !okR || !okP || errSalt != nil || errKey != nil {
		return nil, fmt.Errorf("%w: not as scrypt's PHC string", errEncoded)
	}
	return scryptHash{1 << ln, r, p, salt, key}.checked()
}

// parseScryptWerkzeug reads scrypt:32768:8:1$salt$key: the salt is text, the
// key in hex.
func parseScryptWerkzeug(s string) (stored, error) {
	parts := strings.Split(s, "$")
	costs := strings.Split(parts[0], ":")
	if len(parts) != 3 || len(costs) != 4 {
		return nil, fmt.Errorf("%w: not as Werkzeug writes scrypt", errEncoded)
	}
	key, err := hex.DecodeString(parts[2])
	return parseScrypt(costs[1], costs[2], costs[3], parts[1], key, err)
}

// parseScryptDjango reads scrypt$16384$salt$8$1$key: the salt is text, the key
// in base64 with padding.
func parseScryptDjango(s string) (stored, error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || strings.ContainsAny(s, "\r\n") {
		return nil, fmt.Errorf("%w: not as Django writes scrypt", errEncoded)
	}
	key, err := base64.StdEncoding.Strict().DecodeString(parts[5])
	return parseScrypt(parts[1], parts[3], parts[4], parts[2], key, err)
}

func parseScrypt(n, r, p, salt string, key []byte, err error) (stored, error) {
	h := scryptHash{salt: []byte(salt), key: key}
	var okN, okR, okP bool
	h.n, okN = cost(n, "", 32)
	h.r, okR = cost(r, "", 32)
	h.p, okP = cost(p, "", 32)
	if !okN || !okR || !okP || err != nil {
		return nil, fmt.Errorf("%w: scrypt's costs or key", errEncoded)
	}
	return h.checked()
}
