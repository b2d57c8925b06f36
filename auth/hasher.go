package auth

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
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
	// Workers times MemoryKiB. Defaults to one less than the CPUs, at least
	// 1: with a hash on each CPU other requests wait for the scheduler, which
	// takes a CPU back after 10 ms only.
	Workers int
	// Queue is how many more may wait; beyond it one of them gets [ErrBusy] at
	// once. Defaults to 8 times Workers, about a quarter of a second.
	Queue int
	// Addr returns who has sent the request of a context, for hashes outside of
	// a [Throttle]; pass middleware.ClientAddr. Defaults to nobody: these then
	// count as those of one client.
	Addr func(context.Context) netip.Addr
}

// Hasher makes and checks password hashes with argon2id (RFC 9106). However
// many people sign in at once, it uses the CPUs and the memory of a few: a
// hash takes 19 MiB, so that a thousand at once would be 19 GB. It is safe for
// concurrent use.
//
// Inside of [Throttle.Check] it knows who an attempt comes from: a browser that the
// account is known by, or a network. When too many wait, those whose source has had
// the fewest hashes of late go first, and those who have had the most are sent away:
// a client that sends passwords without end keeps itself waiting, and nobody else.
// Hashes outside of a Throttle, such as those of new passwords, count by
// [HasherOptions].Addr. The context that they come from must be passed on.
type Hasher struct {
	params
	pool  *pool
	dummy string
}

const (
	saltLen = 16
	keyLen  = 32
)

// NewHasher returns a hasher. It panics when the costs are out of bounds.
func NewHasher(o HasherOptions) *Hasher {
	p := params{cmp.Or(o.MemoryKiB, defaultMemory), cmp.Or(o.Time, defaultTime), cmp.Or(o.Threads, 1)}
	if !p.affordable() {
		panic(fmt.Sprintf("auth: hash costs m=%d, t=%d, p=%d are out of bounds; keep m within 8*p and %d KiB, t within %d, p within %d and m*t within %d",
			p.memory, p.time, p.threads, maxMemory, maxTime, maxThreads, maxPasses))
	}
	if o.Workers < 0 || o.Queue < 0 {
		panic("auth: HasherOptions.Workers or Queue is negative; leave them 0 for their defaults")
	}
	workers := cmp.Or(o.Workers, max(1, runtime.GOMAXPROCS(0)-1))
	return &Hasher{
		params: p,
		pool:   newPool(workers, cmp.Or(o.Queue, 8*workers), o.Addr),
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
	if err := h.pool.run(ctx, func() { e.key = e.derive(normal, keyLen) }); err != nil {
		return "", err
	}
	return e.String(), nil
}

// Verify reports whether password belongs to the stored hash. rehash is true
// when it does and the hash was made with other costs than those of h, or by
// other software: then store a new one, and the table gets better with each
// sign-in. An error says that it could not be found out: [ErrBusy], the end of
// ctx, or a stored hash that is damaged, of no known kind, or so dear that it
// could only be an attack (more than about 2 s, or 256 MiB).
//
// Besides its own hashes it knows those of
//   - bcrypt: $2a$, $2b$ and $2y$, also behind Django's "bcrypt$". bcrypt reads
//     72 bytes of a password; whoever has a longer one signs in with its
//     beginning, and with all of it from the next time on.
//   - scrypt: the PHC string $scrypt$ln=…,r=…,p=…$salt$hash of passlib, Werkzeug's
//     scrypt:N:r:p$salt$hex, and Django's scrypt$N$salt$r$p$hash.
//
// These were made of the password as it was typed, and are checked so.
//
// A stored hash of "" belongs to no password and costs the same time. So look
// the user up, and call Verify whether there is one or not: nobody learns from
// the time of the answer who has an account. An imported hash costs another
// time, until its owner has signed in once.
func (h *Hasher) Verify(ctx context.Context, password, stored string) (ok, rehash bool, err error) {
	normal, ok := normalize(password)
	if !ok {
		return false, false, nil // no account has it, and that is no secret
	}
	s, err := parseStored(cmp.Or(stored, h.dummy))
	if err != nil {
		return false, false, err
	}
	if err := h.pool.run(ctx, func() { ok = s.matches(password, normal) }); err != nil || !ok {
		return false, false, err
	}
	return true, !s.costs(h.params), nil
}

// VerifyDummy spends the time of [Hasher.Verify] on a password of nobody.
func (h *Hasher) VerifyDummy(ctx context.Context, password string) error {
	_, _, err := h.Verify(ctx, password, "")
	return err
}
