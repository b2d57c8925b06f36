package keyring_test

import (
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/keyring"
)

func sign(t *testing.T, s *keyring.Signer, payload string) string {
	t.Helper()
	signed, err := s.Sign([]byte(payload))
	assert.NoError(t, err)
	return signed
}

func TestASignedValueComesBack(t *testing.T) {
	t.Parallel()
	s := setup(t).Signer("link", time.Hour)
	for _, payload := range []string{"", "x", "user 7", "\x00\xff.|=/+", strings.Repeat("long", 1000)} {
		signed := sign(t, s, payload)
		got, err := s.Verify(signed)
		assert.NoError(t, err)
		assert.Equal(t, string(got), payload)
		assert.True(t, !strings.ContainsAny(signed, `+/=";, %`), "a character that a cookie or URL would escape")
	}
}

// Whoever changes a single byte, or cuts the value anywhere, gets nothing.
func TestForgedValuesAreRefused(t *testing.T) {
	t.Parallel()
	s := setup(t).Signer("link", time.Hour)
	signed := sign(t, s, "user 7")
	for i := range len(signed) {
		for _, c := range []byte{'A', '0', 'z', '.', '-', signed[i] ^ 1, signed[i] ^ 0x20, 0} {
			if c == signed[i] {
				continue
			}
			_, err := s.Verify(signed[:i] + string(rune(c)) + signed[i+1:])
			assert.True(t, err != nil, "accepted with one byte changed")
		}
		_, err := s.Verify(signed[:i])
		assert.ErrorIs(t, err, keyring.ErrInvalid)
		_, err = s.Verify(signed + signed[i:i+1])
		assert.True(t, err != nil, "accepted with a byte more")
	}
	for _, s2 := range []string{"", ".", "....", "v1....", "v1.00000000.1..", " " + signed, signed + ".", signed + "\n", signed[:len(signed)-3] + "\r\n" + signed[len(signed)-3:]} {
		_, err := s.Verify(s2)
		assert.True(t, err != nil, "accepted "+s2)
	}
	// Another payload under the same signature, and no signature at all.
	parts := strings.Split(signed, ".")
	parts[3] = "dXNlciA4"
	_, err := s.Verify(strings.Join(parts, "."))
	assert.ErrorIs(t, err, keyring.ErrInvalid)
	parts[4] = ""
	_, err = s.Verify(strings.Join(parts, "."))
	assert.ErrorIs(t, err, keyring.ErrInvalid)
}

func TestAValueOfAnotherContextIsRefused(t *testing.T) {
	t.Parallel()
	keys := setup(t)
	signed := sign(t, keys.Signer("unsubscribe", time.Hour), "user 7")
	for _, other := range []string{"password-reset", "unsubscrib", "unsubscribe\x00", "sign\x00unsubscribe"} {
		_, err := keys.Signer(other, time.Hour).Verify(signed)
		assert.ErrorIs(t, err, keyring.ErrInvalid)
	}
}

func TestAValueOfAnotherRingIsRefused(t *testing.T) {
	t.Parallel()
	signed := sign(t, setup(t).Signer("link", time.Hour), "user 7")
	_, err := setup(t).Signer("link", time.Hour).Verify(signed)
	assert.ErrorIs(t, err, keyring.ErrUnknownKey)
}

// The id of a key of another purpose, or of another key of the same, does not
// make a signature valid.
func TestKeysAreNotConfused(t *testing.T) {
	t.Parallel()
	keys := setup(t)
	s := keys.Signer("link", time.Hour)
	signed := sign(t, s, "user 7")
	old := keys.current(keyring.Signing)
	other := keys.rotate(keyring.Signing)
	_, err := s.Verify(strings.Replace(signed, old, other.ID, 1))
	assert.ErrorIs(t, err, keyring.ErrInvalid)
	for _, p := range []keyring.Purpose{keyring.Encryption, keyring.Tokens, keyring.Indexing} {
		_, err := s.Verify(strings.Replace(signed, old, keys.current(p), 1))
		assert.ErrorIs(t, err, keyring.ErrUnknownKey)
	}
	_, err = s.Verify(signed)
	assert.NoError(t, err)
}

func TestAgeIsBounded(t *testing.T) {
	t.Parallel()
	keys := setup(t)
	s, brief := keys.Signer("link", time.Hour), keys.Signer("link", time.Minute)
	signed := sign(t, s, "user 7")
	keys.clock.Advance(time.Minute)
	_, err := brief.Verify(signed)
	assert.NoError(t, err) // exactly as old as it may be
	keys.clock.Advance(time.Second)
	_, err = brief.Verify(signed)
	assert.ErrorIs(t, err, keyring.ErrExpired)
	_, err = s.Verify(signed)
	assert.NoError(t, err)
	keys.clock.Advance(time.Hour)
	_, err = s.Verify(signed)
	assert.ErrorIs(t, err, keyring.ErrExpired)
}

// A value from a clock far ahead would live longer than its age allows.
func TestAValueFromTheFutureIsRefused(t *testing.T) {
	t.Parallel()
	set := keyring.NewSet(start)
	at := func(ahead time.Duration) *keyring.Signer {
		return open(t, keyring.Options{
			Source: keyring.Text(set.Text()), Clock: func() time.Time { return start.Add(ahead) },
		}).Signer("link", time.Hour)
	}
	_, err := at(0).Verify(sign(t, at(5*time.Minute), "x"))
	assert.NoError(t, err)
	_, err = at(0).Verify(sign(t, at(5*time.Minute+time.Second), "x"))
	assert.ErrorIs(t, err, keyring.ErrInvalid)
	assert.Contains(t, err.Error(), "compare the clocks")
}

// Nobody is logged out by a rotation, and everybody by retiring a key.
func TestRotation(t *testing.T) {
	t.Parallel()
	keys := setup(t)
	s := keys.Signer("cookie", 24*time.Hour)
	before, first := sign(t, s, "ann"), keys.current(keyring.Signing)
	second := keys.rotate(keyring.Signing)
	after := sign(t, s, "bob")
	assert.Contains(t, after, second.ID)
	for _, signed := range []string{before, after} {
		_, err := s.Verify(signed)
		assert.NoError(t, err)
	}
	keys.retire(first)
	_, err := s.Verify(before)
	assert.ErrorIs(t, err, keyring.ErrUnknownKey)
	_, err = s.Verify(after)
	assert.NoError(t, err)
}

// During a roll-out one instance has the new key and another has not yet: what
// the first signs must be valid for the second.
func TestTheNextKeySignsOnlyFromItsTime(t *testing.T) {
	t.Parallel()
	keys := setup(t)
	s := keys.Signer("cookie", 24*time.Hour)
	old := keys.current(keyring.Signing)
	set, next := keys.set.Rotate(keyring.Signing, keys.clock.Now().Add(10*time.Minute))
	keys.use(set)
	keys.clock.Advance(10*time.Minute - time.Second)
	assert.Contains(t, sign(t, s, "x"), "v1."+old+".")
	keys.clock.Advance(time.Second)
	assert.Contains(t, sign(t, s, "x"), "v1."+next.ID+".")
}

func TestSigningWithoutAKeyIsAnError(t *testing.T) {
	t.Parallel()
	_, err := setup(t, keyring.Encryption).Signer("link", time.Hour).Sign(nil)
	assert.ErrorIs(t, err, keyring.ErrNoKey)
}

func TestWrongWiringPanics(t *testing.T) {
	t.Parallel()
	keys := setup(t)
	for _, f := range []func(){
		func() { keys.Signer("", time.Hour) },
		func() { keys.Signer("link", 0) },
		func() { keys.AEAD("") },
		func() { keys.BlindIndex("", keyring.IndexOptions{}) },
		func() { keys.BlindIndex("x", keyring.IndexOptions{Bytes: 33}) },
		func() { _, _ = keys.Subkeys("") },
		func() { _, _ = keyring.Open(t.Context(), keyring.Options{}) },
		func() { keyring.Env("") },
		func() { keyring.File("") },
		func() { keyring.Credential("../x") },
		func() { keyring.NewSet(start, "signing") },
	} {
		message, _ := assert.Panics(t, f).(string)
		assert.Contains(t, message, "keyring: ")
	}
}

func TestSubkeysAreOneForEachKeyNewestFirst(t *testing.T) {
	t.Parallel()
	keys := setup(t)
	old := keys.current(keyring.Tokens)
	next := keys.rotate(keyring.Tokens)
	a, err := keys.Subkeys("jwt")
	assert.NoError(t, err)
	b, err := keys.Subkeys("refresh")
	assert.NoError(t, err)
	assert.Equal(t, len(a), 2)
	assert.Equal(t, []string{a[0].ID, a[1].ID}, []string{next.ID, old})
	assert.Equal(t, len(a[0].Key), 32)
	assert.True(t, string(a[0].Key) != string(a[1].Key) && string(a[0].Key) != string(b[0].Key), "two of the keys are the same")
	_, err = setup(t, keyring.Signing).Subkeys("jwt")
	assert.ErrorIs(t, err, keyring.ErrNoKey)
}

func FuzzVerify(f *testing.F) {
	keys, err := keyring.Open(f.Context(), keyring.Options{
		Source: keyring.Text(keyring.NewSet(start).Text()), Clock: func() time.Time { return start },
	})
	assert.NoError(f, err)
	s := keys.Signer("fuzz", time.Hour)
	signed, err := s.Sign([]byte("payload"))
	assert.NoError(f, err)
	f.Add(signed)
	f.Add("v1.93e4a0e1.1795780800.cGF5bG9hZA.")
	f.Add("....")
	f.Fuzz(func(t *testing.T, in string) {
		got, err := s.Verify(in)
		if err == nil && (in != signed || string(got) != "payload") {
			t.Errorf("%q was accepted", in)
		}
	})
}
