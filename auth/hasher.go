package auth

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync/atomic"

	"golang.org/x/crypto/argon2"

	"github.com/galeweb/gale/web"
)

// ErrBusy is returned when too many passwords wait to be hashed. It comes
// inside a [*web.Error] with status 503.
var ErrBusy = errors.New("auth: too many passwords are waiting to be hashed")

// HasherOptions configure a [Hasher]. The defaults of the costs are those of
// the OWASP Password Storage Cheat Sheet, about 30 ms on one core.
type HasherOptions struct {
	// MemoryKiB is the memory of one hash in KiB. Defaults to 19456 (19 MiB).
	MemoryKiB uint32
	// Time is the number of passes over the memory. Defaults to 2.
	Time uint32
	// Threads is the parallelism of one hash. Defaults to 1.
	Threads uint8
	// Workers is how many hashes run at once, which bounds the memory at
	// Workers times MemoryKiB. Defaults to the number of CPUs.
	Workers int
	// Queue is how many more may wait; beyond it the answer is [ErrBusy] at
	// once. Defaults to 8 times Workers, about a quarter of a second.
	Queue int
}

// Hasher makes and checks password hashes with argon2id (RFC 9106). However
// many people sign in at once, it uses the CPUs and the memory of a few: a
// hash takes 19 MiB, so that a thousand at once would be 19 GB. It is safe for
// concurrent use.
type Hasher struct {
	params
	running chan struct{}
	waiting atomic.Int64
	queue   int64
	dummy   string
}

const (
	saltLen = 16
	keyLen  = 32
)

// NewHasher returns a hasher. It panics when the costs are out of bounds.
func NewHasher(o HasherOptions) *Hasher {
	p := params{cmp.Or(o.MemoryKiB, 19456), cmp.Or(o.Time, 2), cmp.Or(o.Threads, 1)}
	if !p.affordable() {
		panic(fmt.Sprintf("auth: hash costs m=%d, t=%d, p=%d are out of bounds; keep m within 8*p and %d KiB, t within %d, p within %d and m*t within %d",
			p.memory, p.time, p.threads, maxMemory, maxTime, maxThreads, maxPasses))
	}
	if o.Workers < 0 || o.Queue < 0 {
		panic("auth: HasherOptions.Workers or Queue is negative; leave them 0 for their defaults")
	}
	workers := cmp.Or(o.Workers, max(1, runtime.GOMAXPROCS(0)-1))
	return &Hasher{
		params:  p,
		running: make(chan struct{}, workers),
		queue:   int64(workers + cmp.Or(o.Queue, 8*workers)),
		// No password has this key, nor does anyone know it.
		dummy: encoded{p, random(saltLen), random(keyLen)}.String(),
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails, see its documentation
	return b
}

// Hash returns the hash of password as a PHC string of about 97 bytes, with a
// salt of its own. It waits for its turn no longer than ctx. It hashes any
// password that [Hasher.Verify] can check; ask [CheckPassword] first whether
// it is a good one.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	normal, ok := normalize(password)
	if !ok {
		return "", &PasswordError{"invalid", "The password has characters that cannot be used, or is far too long."}
	}
	e := encoded{params: h.params, salt: random(saltLen)}
	var err error
	if e.key, err = h.derive(ctx, normal, e, keyLen); err != nil {
		return "", err
	}
	return e.String(), nil
}

// Verify reports whether password belongs to the stored hash. rehash is true
// when it does and the hash was made with other costs than those of h: then
// store a new one. An error says that it could not be found out: [ErrBusy],
// the end of ctx, or a stored hash that is damaged.
//
// A stored hash of "" belongs to no password and costs the same time. So look
// the user up, and call Verify whether there is one or not: nobody learns from
// the time of the answer who has an account.
func (h *Hasher) Verify(ctx context.Context, password, stored string) (ok, rehash bool, err error) {
	normal, ok := normalize(password)
	if !ok {
		return false, false, nil // no account has it, and that is no secret
	}
	e, err := parseEncoded(cmp.Or(stored, h.dummy))
	if err != nil {
		return false, false, err
	}
	key, err := h.derive(ctx, normal, e, uint32(len(e.key)))
	if err != nil {
		return false, false, err
	}
	if subtle.ConstantTimeCompare(key, e.key) != 1 {
		return false, false, nil
	}
	return true, e.params != h.params, nil
}

// VerifyDummy spends the time of [Hasher.Verify] on a password of nobody.
func (h *Hasher) VerifyDummy(ctx context.Context, password string) error {
	_, _, err := h.Verify(ctx, password, "")
	return err
}

// derive runs argon2id on the caller's goroutine when it is its turn. A hash
// that has begun cannot be stopped; it ends in tens of milliseconds.
func (h *Hasher) derive(ctx context.Context, password []byte, e encoded, n uint32) ([]byte, error) {
	defer h.waiting.Add(-1)
	if h.waiting.Add(1) > h.queue {
		return nil, &web.Error{
			Status:  http.StatusServiceUnavailable,
			Code:    "busy",
			Message: "Too many people are signing in at the moment. Please try again.",
			Header:  http.Header{"Retry-After": {"2"}},
			Err:     ErrBusy,
		}
	}
	select {
	case h.running <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("auth: wait to hash: %w", context.Cause(ctx))
	}
	defer func() { <-h.running }()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("auth: wait to hash: %w", context.Cause(ctx))
	}
	return argon2.IDKey(password, e.salt, e.time, e.memory, e.threads, n), nil
}
