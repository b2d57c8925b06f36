package keyring_test

import (
	"testing"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/keyring"
)

func BenchmarkKeyring(b *testing.B) {
	keys, err := keyring.Open(b.Context(), keyring.Options{Source: keyring.Text(keyring.NewSet(time.Now()).Text())})
	assert.NoError(b, err)
	s, a := keys.Signer("bench", time.Hour), keys.AEAD("bench")
	x := keys.BlindIndex("bench", keyring.IndexOptions{})
	payload := []byte("0192e4a0-0000-7000-8000-0123456789ab")
	signed, err := s.Sign(payload)
	assert.NoError(b, err)
	sealed, err := a.Seal(payload, payload)
	assert.NoError(b, err)
	for _, bench := range []struct {
		name string
		run  func() error
	}{
		{"Sign", func() error { _, err := s.Sign(payload); return err }},
		{"Verify", func() error { _, err := s.Verify(signed); return err }},
		{"Seal", func() error { _, err := a.Seal(payload, payload); return err }},
		{"Open", func() error { _, err := a.Open(sealed, payload); return err }},
		{"Index", func() error { _, err := x.Sum("ann@example.com"); return err }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := bench.run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
