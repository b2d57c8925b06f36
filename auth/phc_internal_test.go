package auth

import "testing"

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
