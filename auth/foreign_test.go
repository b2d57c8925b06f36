package auth_test

import (
	"strings"
	"testing"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/internal/assert"
)

// Made by libxcrypt, Werkzeug 3 and Python's hashlib.
const (
	bcryptHorse = "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"
	scryptPHC   = "$scrypt$ln=10,r=8,p=1$c29tZXNhbHRzb21lc2FsdA$yALJnsFxauKkuF0VG58vDqriCmlZJaHv3/Yg+rL2eO8"
)

func TestHashesOfOtherSoftwareAreVerifiedAndReplaced(t *testing.T) {
	t.Parallel()
	h := auth.NewHasher(cheap)
	for name, stored := range map[string]string{
		"bcrypt 2b":      bcryptHorse,
		"bcrypt 2a":      strings.Replace(bcryptHorse, "2b", "2a", 1),
		"bcrypt 2y":      strings.Replace(bcryptHorse, "2b", "2y", 1),
		"bcrypt, Django": "bcrypt$" + bcryptHorse,
		"scrypt, PHC":    scryptPHC,
		"scrypt, Werkzeug": "scrypt:1024:8:1$IjDSccA8k0vi8coY$d48de38d7e9acf0d690022e5302f1e357da533babe4b0aa134b5db2a11638bcc" +
			"df306af9a8c42d690ed20c4cfbdeb5ed382ebd9fb7909ad5f9024cdcee21f0a4",
		"scrypt, Django": "scrypt$1024$somesaltsomesalt$8$2$ytETQei6Pjo6kngSMxouNKSWgZqup9i8n5isXNSvKKNtxtbvjOn7oLmyF88CkxkMeSq0/lOVyP4aD48LGEcnlQ==",
	} {
		ok, rehash, err := h.Verify(t.Context(), "correct horse", stored)
		assert.NoError(t, err)
		assert.True(t, ok && rehash, name+" is refused, or is no reason for a new hash")
		for _, wrong := range []string{"", "correct hors", "correct horse ", "Correct horse", "correct horse\x00"} {
			ok, rehash, err := h.Verify(t.Context(), wrong, stored)
			assert.NoError(t, err)
			assert.True(t, !ok && !rehash, name+" accepts "+wrong)
		}
	}
}

// Other software hashed what was typed, not its normal form.
func TestHashesOfOtherSoftwareTakeThePasswordAsTyped(t *testing.T) {
	t.Parallel()
	const decomposed = "$scrypt$ln=10,r=8,p=1$c29tZXNhbHRzb21lc2FsdA$+BrWbD6MiKtVu84Gmu+4k6kCf5eFfJ28nixM+7Bl6Xw"
	h := auth.NewHasher(cheap)
	ok, _, err := h.Verify(t.Context(), "cafe\u0301 au lait", decomposed)
	assert.NoError(t, err)
	assert.True(t, ok, "the password as typed is refused")
	ok, _, err = h.Verify(t.Context(), "caf\u00e9", "$2b$04$abcdefghijklmnopqrstuuusvfeYzFuQdqd.KjimlRKkZ2QcoHWhO")
	assert.NoError(t, err)
	assert.True(t, ok, "a password in UTF-8 is refused")
}

// bcrypt cut the password when the hash was made; its owner must get in still.
func TestBcryptReads72Bytes(t *testing.T) {
	t.Parallel()
	const of100 = "$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i"
	h := auth.NewHasher(cheap)
	for n, want := range map[int]bool{100: true, 72: true, 71: false} {
		ok, _, err := h.Verify(t.Context(), strings.Repeat("x", n), of100)
		assert.NoError(t, err)
		assert.Equal(t, ok, want)
	}
	hash, err := h.Hash(t.Context(), strings.Repeat("x", 100)) // what replaces it reads all
	assert.NoError(t, err)
	ok, _, err := h.Verify(t.Context(), strings.Repeat("x", 99), hash)
	assert.True(t, !ok && err == nil, "the new hash is cut too")
}

// A row that somebody could write must not buy minutes of CPU or gigabytes.
func TestHostileHashesOfOtherSoftwareAreNotComputed(t *testing.T) {
	t.Parallel()
	const key = "$c29tZXNhbHRzb21lc2FsdA$yALJnsFxauKkuF0VG58vDqriCmlZJaHv3/Yg+rL2eO8"
	const hexKey = "$somesalt$d48de38d7e9acf0d690022e5302f1e35"
	h := auth.NewHasher(cheap)
	for name, stored := range map[string]string{
		"bcrypt, cost 31":         strings.Replace(bcryptHorse, "$04$", "$31$", 1),
		"bcrypt, cost 15":         strings.Replace(bcryptHorse, "$04$", "$15$", 1),
		"bcrypt, cost 3":          strings.Replace(bcryptHorse, "$04$", "$03$", 1),
		"bcrypt, cost 00":         strings.Replace(bcryptHorse, "$04$", "$00$", 1),
		"bcrypt, cost +4":         strings.Replace(bcryptHorse, "$04$", "$+4$", 1),
		"bcrypt, version":         strings.Replace(bcryptHorse, "$2b$", "$2x$", 1),
		"bcrypt, first version":   strings.Replace(bcryptHorse, "$2b$", "$2$0", 1),
		"bcrypt, letters":         bcryptHorse[:59] + "=",
		"bcrypt, short":           bcryptHorse[:59],
		"bcrypt, long":            bcryptHorse + "e",
		"scrypt, 4 TiB":           "$scrypt$ln=31,r=1024,p=1" + key,
		"scrypt, 512 MiB":         "$scrypt$ln=19,r=8,p=1" + key,
		"scrypt, many p":          "$scrypt$ln=10,r=8,p=1000" + key,
		"scrypt, p":               "$scrypt$ln=18,r=8,p=2" + key,
		"scrypt, p overflows":     "$scrypt$ln=1,r=1,p=4294967297" + key,
		"scrypt, no r":            "$scrypt$ln=10,r=0,p=1" + key,
		"scrypt, no N":            "$scrypt$ln=0,r=8,p=1" + key,
		"scrypt, order":           "$scrypt$r=8,ln=10,p=1" + key,
		"scrypt, no costs":        "$scrypt$$" + key,
		"scrypt, short key":       "$scrypt$ln=10,r=8,p=1$c29tZXNhbHRzb21lc2FsdA$AAAA",
		"scrypt, no salt":         "$scrypt$ln=10,r=8,p=1$$yALJnsFxauKkuF0VG58vDqriCmlZJaHv3/Yg+rL2eO8",
		"Werkzeug, N":             "scrypt:4294967296:8:1" + hexKey,
		"Werkzeug, 512 MiB":       "scrypt:524288:8:1" + hexKey,
		"Werkzeug, no power of 2": "scrypt:1000:8:1" + hexKey,
		"Werkzeug, short key":     "scrypt:1024:8:1$somesalt$d48d",
		"Werkzeug, no hex":        "scrypt:1024:8:1$somesalt$" + strings.Repeat("x", 64),
		"Werkzeug, pbkdf2":        "pbkdf2:sha256:1000000" + hexKey,
		"Django, N":               "scrypt$524288$somesalt$8$1$ytETQei6Pjo6kngSMxouNA==",
		"Django, costs missing":   "scrypt$1024$somesalt",
		"Django, bcrypt_sha256":   "bcrypt_sha256$" + bcryptHorse,
		"huge":                    "$scrypt$ln=10,r=8,p=1$" + strings.Repeat("A", 1<<20),
	} {
		ok, _, err := h.Verify(t.Context(), "correct horse", stored)
		assert.True(t, err != nil && !ok, name+" is accepted")
		assert.True(t, err == nil || !strings.Contains(err.Error(), "yALJ") && !strings.Contains(err.Error(), "jydOT"), name+": the error shows the hash")
	}
}
