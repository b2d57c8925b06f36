package keyring_test

import (
	"bytes"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/keyring"
)

func TestSealedDataComesBack(t *testing.T) {
	t.Parallel()
	a := setup(t).AEAD("users.phone")
	for _, plain := range []string{"", "x", strings.Repeat("long", 10_000)} {
		sealed, err := a.Seal([]byte(plain), []byte("row 7"))
		assert.NoError(t, err)
		assert.Equal(t, len(sealed), len(plain)+45)
		got, err := a.Open(sealed, []byte("row 7"))
		assert.NoError(t, err)
		assert.Equal(t, string(got), plain)
		again, err := a.Seal([]byte(plain), []byte("row 7"))
		assert.NoError(t, err)
		assert.True(t, !bytes.Equal(sealed, again), "equal values have equal ciphertexts")
	}
}

func TestForgedCiphertextsAreRefused(t *testing.T) {
	t.Parallel()
	keys := setup(t)
	a := keys.AEAD("users.phone")
	sealed, err := a.Seal([]byte("+44 20"), []byte("row 7"))
	assert.NoError(t, err)
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		_, err := a.Open(changed, []byte("row 7"))
		assert.True(t, err != nil, "accepted with a bit changed")
		_, err = a.Open(sealed[:i], []byte("row 7"))
		assert.True(t, err != nil, "accepted cut off")
	}
	for name, f := range map[string]func() error{
		"another row":     func() error { _, err := a.Open(sealed, []byte("row 8")); return err },
		"no row":          func() error { _, err := a.Open(sealed, nil); return err },
		"another context": func() error { _, err := keys.AEAD("users.mail").Open(sealed, []byte("row 7")); return err },
		"nothing":         func() error { _, err := a.Open(nil, []byte("row 7")); return err },
		"an index": func() error {
			sum, err := keys.BlindIndex("users.phone", keyring.IndexOptions{Bytes: 32}).Sum("+44 20")
			assert.NoError(t, err)
			_, err = a.Open(sum, []byte("row 7"))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.ErrorIs(t, f(), keyring.ErrInvalid)
		})
	}
}

func TestRotationOfEncryption(t *testing.T) {
	t.Parallel()
	keys := setup(t)
	a := keys.AEAD("users.phone")
	old := keys.current(keyring.Encryption)
	sealed, err := a.Seal([]byte("x"), nil)
	assert.NoError(t, err)
	same, err := a.Renew(sealed, nil)
	assert.NoError(t, err)
	assert.Equal(t, same, sealed)
	next := keys.rotate(keyring.Encryption)
	_, err = a.Open(sealed, nil)
	assert.NoError(t, err)
	_, err = a.Renew(sealed, []byte("another row"))
	assert.ErrorIs(t, err, keyring.ErrInvalid)
	fresh, err := a.Renew(sealed, nil)
	assert.NoError(t, err)
	plain, err := a.Open(fresh, nil)
	assert.NoError(t, err)
	assert.Equal(t, string(plain), "x")
	now, err := a.KeyID()
	assert.NoError(t, err)
	assert.Equal(t, now, next.ID)
	id, ok := keyring.KeyOf(fresh)
	assert.Equal(t, ok, true)
	assert.Equal(t, id, next.ID)
	// The new key's id on the old ciphertext.
	swapped := append(bytes.Clone(fresh[:5]), sealed[5:]...)
	_, err = a.Open(swapped, nil)
	assert.ErrorIs(t, err, keyring.ErrInvalid)

	keys.retire(old)
	_, err = a.Open(sealed, nil)
	assert.ErrorIs(t, err, keyring.ErrUnknownKey)
	assert.Contains(t, err.Error(), old)
	none := setup(t, keyring.Signing).AEAD("x")
	_, err = none.Seal(nil, nil)
	assert.ErrorIs(t, err, keyring.ErrNoKey)
	_, err = none.Renew(sealed, nil)
	assert.ErrorIs(t, err, keyring.ErrNoKey)
}

func TestKeyOf(t *testing.T) {
	t.Parallel()
	for _, stored := range []string{"", "\x01\x02\x03\x04", "\x00abcd", "\x03abcd", "hello"} {
		_, ok := keyring.KeyOf([]byte(stored))
		assert.Equal(t, ok, false)
	}
	id, ok := keyring.KeyOf([]byte("\x02\x00\xab\xcd\xef"))
	assert.Equal(t, ok, true)
	assert.Equal(t, id, "00abcdef")
}

func TestBlindIndex(t *testing.T) {
	t.Parallel()
	keys := setup(t)
	mails := keys.BlindIndex("users.mail", keyring.IndexOptions{})
	sum := func(x *keyring.BlindIndex, value string) string {
		b, err := x.Sum(value)
		assert.NoError(t, err)
		return string(b)
	}
	assert.Equal(t, len(sum(mails, "ann@example.com")), 5+16)
	assert.Equal(t, sum(mails, "ann@example.com"), sum(mails, " ann@example.com\n"))
	assert.Equal(t, sum(mails, "Zoe\u0308"), sum(mails, "Zo\u00eb")) // the same name, decomposed and composed
	assert.True(t, sum(mails, "ann") != sum(mails, "Ann"), "case is folded unasked")
	assert.True(t, sum(mails, "ann") != sum(keys.BlindIndex("users.name", keyring.IndexOptions{}), "ann"), "two fields have the same index")
	short := keys.BlindIndex("users.mail", keyring.IndexOptions{Bytes: 2, Normalize: strings.ToLower})
	assert.Equal(t, len(sum(short, "ann")), 5+2)
	assert.Equal(t, sum(short, "ANN"), sum(short, "ann"))

	before := sum(mails, "ann")
	keys.rotate(keyring.Indexing)
	after := sum(mails, "ann")
	assert.True(t, before != after, "the new key makes the old index")
	sums, err := mails.Sums("ann")
	assert.NoError(t, err)
	assert.Equal(t, []string{string(sums[0]), string(sums[1])}, []string{after, before})
	set, _ := keys.set.Rotate(keyring.Indexing, start.Add(time.Hour))
	keys.use(set)
	sums, err = mails.Sums("ann") // the next key indexes nothing yet
	assert.NoError(t, err)
	assert.Equal(t, len(sums), 3)
	assert.Equal(t, string(sums[0]), after)

	none := setup(t, keyring.Signing).BlindIndex("x", keyring.IndexOptions{})
	_, err = none.Sum("x")
	assert.ErrorIs(t, err, keyring.ErrNoKey)
	_, err = none.Sums("x")
	assert.ErrorIs(t, err, keyring.ErrNoKey)
}

// through sends a value through a database that keeps bytes.
func through[T any](t *testing.T, e keyring.Encrypted[T]) keyring.Encrypted[T] {
	t.Helper()
	v, err := e.Value()
	assert.NoError(t, err)
	var back keyring.Encrypted[T]
	assert.NoError(t, back.Scan(v))
	return back
}

func TestEncryptedTypes(t *testing.T) {
	t.Parallel()
	a := setup(t).AEAD("users.data")
	roundTrip(t, a, "text")
	roundTrip(t, a, "")
	roundTrip(t, a, []byte{0, 1, 2})
	roundTrip(t, a, 42)
	roundTrip(t, a, map[string]int{"a": 1})
	roundTrip(t, a, struct{ Name string }{"Ann"})
	roundTrip(t, a, start)
}

func roundTrip[T any](t *testing.T, a *keyring.AEAD, value T) {
	t.Helper()
	e, err := keyring.Seal(a, value, "7")
	assert.NoError(t, err)
	got, err := through(t, e).Open(a, "7")
	assert.NoError(t, err)
	assert.Equal(t, got, value)
}

func TestEncryptedNull(t *testing.T) {
	t.Parallel()
	var e keyring.Encrypted[string]
	assert.Equal(t, e.IsZero(), true)
	v, err := e.Value()
	assert.NoError(t, err)
	assert.Equal(t, v, driver.Value(nil))
	back := through(t, e)
	got, err := back.Open(setup(t).AEAD("x"), "7")
	assert.NoError(t, err)
	assert.Equal(t, got, "")
	assert.Equal(t, back.KeyID(), "")
}

// Who can write the table may move ciphertexts about.
func TestAnEncryptedValueBelongsToItsRowAndColumn(t *testing.T) {
	t.Parallel()
	keys := setup(t)
	phones := keys.AEAD("users.phone")
	e, err := keyring.Seal(phones, "+44 20", "7")
	assert.NoError(t, err)
	assert.Equal(t, e.KeyID(), keys.current(keyring.Encryption))
	_, err = e.Open(phones, "8")
	assert.ErrorIs(t, err, keyring.ErrInvalid)
	_, err = e.Open(keys.AEAD("users.name"), "7")
	assert.ErrorIs(t, err, keyring.ErrInvalid)
	_, err = e.Open(phones, "")
	assert.Contains(t, err.Error(), "without the id of its row")
	_, err = keyring.Seal(phones, "x", "")
	assert.Contains(t, err.Error(), "without the id of its row")
}

func TestEncryptedRefusesWhatIsNotEncrypted(t *testing.T) {
	t.Parallel()
	var e keyring.Encrypted[int]
	for _, src := range []any{"text", int64(1), []byte("plain text"), []byte{}, []byte("\x02abcdef")} {
		assert.True(t, e.Scan(src) != nil, fmt.Sprintf("%T was taken", src))
	}
	a := setup(t).AEAD("x")
	text, err := keyring.Seal(a, "hunter2", "7")
	assert.NoError(t, err)
	v, err := text.Value()
	assert.NoError(t, err)
	assert.NoError(t, e.Scan(v))
	_, err = e.Open(a, "7")
	assert.Equal(t, err.Error(), "keyring: what was encrypted is not a *int")
	_, err = keyring.Seal(a, func() {}, "7")
	assert.Contains(t, err.Error(), "keyring: encode")
}

func TestEncryptedShowsNothing(t *testing.T) {
	t.Parallel()
	e, err := keyring.Seal(setup(t).AEAD("x"), "hunter2", "7")
	assert.NoError(t, err)
	b, err := json.Marshal(map[string]any{"phone": e, "none": keyring.Encrypted[int]{}})
	assert.NoError(t, err)
	assert.Equal(t, string(b), `{"none":"[null]","phone":"[encrypted]"}`)
	assert.Equal(t, fmt.Sprintf("%v %s %#v", e, e, e), "[encrypted] [encrypted] [encrypted]")
}

func FuzzOpen(f *testing.F) {
	keys, err := keyring.Open(f.Context(), keyring.Options{Source: keyring.Text(keyring.NewSet(start).Text())})
	assert.NoError(f, err)
	a := keys.AEAD("fuzz")
	sealed, err := a.Seal([]byte("plain"), nil)
	assert.NoError(f, err)
	f.Add(sealed)
	f.Add(sealed[:6])
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, in []byte) {
		if _, err := a.Open(in, nil); err == nil && !bytes.Equal(in, sealed) {
			t.Errorf("%x was accepted", in)
		}
	})
}
