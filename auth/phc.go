package auth

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// errEncoded is returned for what is not an argon2id hash that we can afford
// to check.
var errEncoded = errors.New("auth: not a usable argon2id hash")

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

var phcEncoding = base64.RawStdEncoding.Strict()

// String returns the PHC string, whose order and spelling the reference
// implementation fixed.
func (e encoded) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		e.memory, e.time, e.threads, phcEncoding.EncodeToString(e.salt), phcEncoding.EncodeToString(e.key))
}

// parseEncoded reads a PHC string of argon2id, version 19, in its one spelling.
func parseEncoded(s string) (encoded, error) {
	const maxLen = 256
	if len(s) > maxLen {
		return encoded{}, fmt.Errorf("%w: %d bytes long", errEncoded, len(s))
	}
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

func cost(s, name string, bits int) (uint64, bool) {
	digits, ok := strings.CutPrefix(s, name)
	n, err := strconv.ParseUint(digits, 10, bits)
	return n, ok && err == nil && digits[0] != '0' && digits[0] != '+'
}
