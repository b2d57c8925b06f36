package auth

import (
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// FuzzParseEncoded: what is accepted has one spelling and a bounded cost.
func FuzzParseEncoded(f *testing.F) {
	for _, seed := range []string{
		"", "$", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=4294967296,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=+64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ=$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPd",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := parseEncoded(s)
		if err != nil {
			return
		}
		if got := e.String(); got != s {
			t.Errorf("%q is read as %q", s, got)
		}
		if uint64(e.memory)*uint64(e.time) > maxPasses || e.memory > maxMemory || len(e.key) > 64 {
			t.Errorf("%q costs too much", s)
		}
	})
}

// FuzzParseStored: whatever stands in a row, no panic, and what would be
// computed has bounded costs.
func FuzzParseStored(f *testing.F) {
	for _, seed := range []string{
		"", "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e", "bcrypt$$2", "$2", "$2b$",
		"$scrypt$ln=10,r=8,p=1$c29tZXNhbHRzb21lc2FsdA$yALJnsFxauKkuF0VG58vDqriCmlZJaHv3/Yg+rL2eO8",
		"scrypt:1024:8:1$somesalt$d48de38d7e9acf0d690022e5302f1e35", "scrypt$1024$somesalt$8$1$ytETQei6Pjo6kngSMxouNA==",
		"scrypt:4294967295:1024:1024$somesalt$d48de38d7e9acf0d690022e5302f1e35",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, err := parseStored(s)
		if err != nil {
			return
		}
		switch h := h.(type) {
		case encoded:
			if !h.affordable() {
				t.Errorf("%q costs too much", s)
			}
		case bcryptHash:
			if n, err := bcrypt.Cost([]byte(h)); err != nil || n > maxBcrypt {
				t.Errorf("%q: cost %d, %v", s, n, err)
			}
		case scryptHash:
			if 128*h.n*h.r > maxMemory<<10 || h.n*h.r*h.p > maxScryptWork || len(h.key) > 64 {
				t.Errorf("%q costs too much", s)
			}
		}
	})
}
