package auth

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// errEncoded is returned for what is no hash of a kind that we know, or none
// that we can afford to check.
var errEncoded = errors.New("auth: not a usable password hash")

// params are the costs of argon2id, RFC 9106.
type params struct {
	memory  uint32 // KiB
	time    uint32
	threads uint8
}

// encoded is a parsed hash.
type encoded struct {
	params
	salt, key []byte
}

// What a stored hash may make us spend. The store is ours, but it may have
// been filled by an import, or by somebody who found a hole elsewhere and
// would like each sign-in to take 4 GiB.
const (
	maxMemory  = 256 << 10 // KiB
	maxTime    = 32
	maxThreads = 16
	maxPasses  = 1 << 20 // KiB times passes: about 2 s on one core
)

func (p params) affordable() bool {
	return p.threads >= 1 && p.threads <= maxThreads &&
		p.time >= 1 && p.time <= maxTime &&
		p.memory >= 8*uint32(p.threads) && p.memory <= maxMemory &&
		uint64(p.memory)*uint64(p.time) <= maxPasses
}

// derive returns the key of password, of n bytes.
func (e encoded) derive(password []byte, n int) []byte {
	return argon2.IDKey(password, e.salt, e.time, e.memory, e.threads, uint32(n))
}

func (e encoded) matches(_ string, normal []byte) bool {
	return subtle.ConstantTimeCompare(e.derive(normal, len(e.key)), e.key) == 1
}

func (e encoded) costs(p params) bool { return e.params == p }

var phcEncoding = base64.RawStdEncoding.Strict()

// String returns the PHC string, whose order and spelling the reference
// implementation fixed.
func (e encoded) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		e.memory, e.time, e.threads, phcEncoding.EncodeToString(e.salt), phcEncoding.EncodeToString(e.key))
}

// stored is a stored hash of any kind.
type stored interface {
	// matches reports whether password belongs to the hash. normal is its form
	// under NFKC, which is what this package hashes.
	matches(password string, normal []byte) bool
	// costs reports whether a new hash with the costs p would be no other.
	costs(p params) bool
}

// parseStored reads a hash of this package, or one that other software made.
func parseStored(s string) (stored, error) {
	const maxLen = 256
	if len(s) > maxLen {
		return nil, fmt.Errorf("%w: %d bytes long", errEncoded, len(s))
	}
	switch kind, rest, _ := strings.Cut(s, "$"); kind {
	case "": // $ALGORITHM$
		switch {
		case strings.HasPrefix(rest, "scrypt$"):
			return parseScryptPHC(s)
		case strings.HasPrefix(rest, "2"):
			return parseBcrypt(s)
		}
	case "bcrypt":
		return parseBcrypt(rest)
	case "scrypt":
		return parseScryptDjango(s)
	default:
		if strings.HasPrefix(kind, "scrypt:") {
			return parseScryptWerkzeug(s)
		}
	}
	return parseEncoded(s)
}

// parseEncoded reads a PHC string of argon2id, version 19, in its one spelling.
func parseEncoded(s string) (encoded, error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v=19" {
		return encoded{}, fmt.Errorf("%w: does not begin with $argon2id$v=19$", errEncoded)
	}
	costs := strings.Split(parts[3], ",")
	if len(costs) != 3 {
		return encoded{}, fmt.Errorf("%w: costs are not m, t and p", errEncoded)
	}
	m, okM := cost(costs[0], "m=", 32)
	t, okT := cost(costs[1], "t=", 32)
	p, okP := cost(costs[2], "p=", 8)
	if !okM || !okT || !okP {
		return encoded{}, fmt.Errorf("%w: costs are not m, t and p", errEncoded)
	}
	e := encoded{params: params{memory: uint32(m), time: uint32(t), threads: uint8(p)}}
	if !e.affordable() {
		return encoded{}, fmt.Errorf("%w: costs m=%d, t=%d, p=%d are out of bounds", errEncoded, m, t, p)
	}
	var errSalt, errKey error
	e.salt, errSalt = phcEncoding.DecodeString(parts[4])
	e.key, errKey = phcEncoding.DecodeString(parts[5])
	if errSalt != nil || errKey != nil || len(e.salt) < 8 || len(e.salt) > 64 || len(e.key) < 16 || len(e.key) > 64 ||
		strings.ContainsAny(s, "\r\n") { // base64 skips them
		return encoded{}, fmt.Errorf("%w: salt or key", errEncoded)
	}
	return e, nil
}

// cost reads name and a decimal number without leading zeros.
func cost(s, name string, bits int) (uint64, bool) {
	digits, ok := strings.CutPrefix(s, name)
	n, err := strconv.ParseUint(digits, 10, bits)
	return n, ok && err == nil && digits[0] != '0' && digits[0] != '+'
}
