package auth_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/internal/assert"
)

// cheap is for tests that are not about the cost.
var cheap = auth.HasherOptions{MemoryKiB: 64, Time: 1}

func TestHashAndVerify(t *testing.T) {
	t.Parallel()
	h := auth.NewHasher(auth.HasherOptions{})
	one, err := h.Hash(t.Context(), "correct horse")
	assert.NoError(t, err)
	assert.True(t, strings.HasPrefix(one, "$argon2id$v=19$m=19456,t=2,p=1$"), one)
	two, err := h.Hash(t.Context(), "correct horse")
	assert.NoError(t, err)
	assert.True(t, one != two, "two hashes have one salt")

	ok, rehash, err := h.Verify(t.Context(), "correct horse", one)
	assert.NoError(t, err)
	assert.True(t, ok && !rehash, "the password is refused, or the hash is old")
	for _, wrong := range []string{"", "correct hors", "correct horse ", "Correct horse", "correct horse\x00"} {
		ok, _, err := h.Verify(t.Context(), wrong, one)
		assert.NoError(t, err)
		assert.True(t, !ok, "accepted: "+wrong)
	}
}

// The reference implementation's: echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 -e
func TestVerifyKnowsTheReferenceHash(t *testing.T) {
	t.Parallel()
	const reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	ok, rehash, err := auth.NewHasher(cheap).Verify(t.Context(), "password", reference)
	assert.NoError(t, err)
	assert.True(t, ok && rehash, "the reference hash is refused, or seems up to date")
}

func TestOldCostsAskForARehash(t *testing.T) {
	t.Parallel()
	old, err := auth.NewHasher(cheap).Hash(t.Context(), "correct horse")
	assert.NoError(t, err)
	h := auth.NewHasher(auth.HasherOptions{MemoryKiB: 128, Time: 1})
	ok, rehash, err := h.Verify(t.Context(), "correct horse", old)
	assert.NoError(t, err)
	assert.True(t, ok && rehash, "no rehash")
	ok, rehash, err = h.Verify(t.Context(), "wrong horse", old)
	assert.NoError(t, err)
	assert.True(t, !ok && !rehash, "a wrong password asks for a rehash")
}

func TestOneSpellingOfAPassword(t *testing.T) {
	t.Parallel()
	h := auth.NewHasher(cheap)
	hash, err := h.Hash(t.Context(), "caf\u00e9 au lait")
	assert.NoError(t, err)
	ok, _, err := h.Verify(t.Context(), "cafe\u0301 au lait", hash)
	assert.NoError(t, err)
	assert.True(t, ok, "the other spelling is refused")
}

func TestNobodyHasAPasswordWithoutAHash(t *testing.T) {
	t.Parallel()
	h := auth.NewHasher(cheap)
	for _, password := range []string{"", "password", "\x00"} {
		ok, rehash, err := h.Verify(t.Context(), password, "")
		assert.NoError(t, err)
		assert.True(t, !ok && !rehash, "signed in without a hash")
		assert.NoError(t, h.VerifyDummy(t.Context(), password))
	}
}

func TestHostileHashesAreNotComputed(t *testing.T) {
	t.Parallel()
	const tail = "$c29tZXNhbHRzb21lc2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	h := auth.NewHasher(cheap)
	for name, stored := range map[string]string{
		"4 GiB":         "$argon2id$v=19$m=4194304,t=1,p=1" + tail,
		"m overflows":   "$argon2id$v=19$m=4294967297,t=1,p=1" + tail,
		"4e9 passes":    "$argon2id$v=19$m=64,t=4294967295,p=1" + tail,
		"m times t":     "$argon2id$v=19$m=262144,t=32,p=1" + tail,
		"no passes":     "$argon2id$v=19$m=64,t=0,p=1" + tail,
		"no threads":    "$argon2id$v=19$m=64,t=1,p=0" + tail,
		"many threads":  "$argon2id$v=19$m=4096,t=1,p=255" + tail,
		"little memory": "$argon2id$v=19$m=8,t=1,p=2" + tail,
		"order":         "$argon2id$v=19$t=1,m=64,p=1" + tail,
		"leading zero":  "$argon2id$v=19$m=064,t=1,p=1" + tail,
		"extra cost":    "$argon2id$v=19$m=64,t=1,p=1,x=1" + tail,
		"empty cost":    "$argon2id$v=19$m=,t=1,p=1" + tail,
		"argon2i":       "$argon2i$v=19$m=64,t=1,p=1" + tail,
		"old version":   "$argon2id$v=16$m=64,t=1,p=1" + tail,
		"no key":        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$",
		"short key":     "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$AAAA",
		"no salt":       "$argon2id$v=19$m=64,t=1,p=1$$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"newline":       "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRz\nb21lc2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"padding":       "$argon2id$v=19$m=64,t=1,p=1" + tail + "=",
		"huge":          "$argon2id$v=19$m=64,t=1,p=1" + tail + strings.Repeat("A", 1<<20),
		"plain text":    "password",
		"bcrypt":        "$2y$10$abcdefghijklmnopqrstuv",
	} {
		ok, _, err := h.Verify(t.Context(), "password", stored)
		assert.True(t, err != nil && !ok, name+" is accepted")
		assert.True(t, err == nil || !strings.Contains(err.Error(), "CTFh"), name+": the error shows the hash")
	}
}

func TestHugePasswordsAreNotHashed(t *testing.T) {
	t.Parallel()
	h := auth.NewHasher(cheap)
	_, err := h.Hash(t.Context(), strings.Repeat("x", 1<<20))
	_, isPassword := errors.AsType[*auth.PasswordError](err)
	assert.True(t, isPassword, "a megabyte was hashed")
	ok, _, err := h.Verify(t.Context(), strings.Repeat("x", 1<<20), "")
	assert.True(t, !ok && err == nil, "a megabyte was verified")
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	h := auth.NewHasher(cheap)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := h.Hash(ctx, "correct horse")
	assert.ErrorIs(t, err, context.Canceled)
	_, _, err = h.Verify(ctx, "correct horse", "")
	assert.ErrorIs(t, err, context.Canceled)
}

func TestUnpayableCostsPanic(t *testing.T) {
	t.Parallel()
	for _, o := range []auth.HasherOptions{
		{MemoryKiB: 4 << 20}, {Time: 1000}, {Threads: 255}, {MemoryKiB: 8, Threads: 2}, {Workers: -1}, {Queue: -1},
	} {
		assert.Contains(t, assert.Panics(t, func() { auth.NewHasher(o) }).(string), "auth: ")
	}
}
