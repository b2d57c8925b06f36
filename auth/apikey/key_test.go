package apikey_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/galeweb/gale/auth/apikey"
	"github.com/galeweb/gale/internal/assert"
)

func newKey(t testing.TB) apikey.Key {
	t.Helper()
	k, err := apikey.New("relay")
	assert.NoError(t, err)
	return k
}

func TestNewAndParse(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	assert.Equal(t, len(k.Plain), len("relay_")+12+1+43+6)
	assert.True(t, strings.HasPrefix(k.Plain, "relay_"+k.ID+"_"), k.Plain)
	assert.Equal(t, len(k.Hash), 32)
	got, err := apikey.Parse("relay", k.Plain)
	assert.NoError(t, err)
	assert.True(t, got.ID == k.ID && bytes.Equal(got.Hash, k.Hash) && got.Plain == k.Plain, "Parse returns another key")
	other := newKey(t)
	assert.True(t, other.ID != k.ID && !bytes.Equal(other.Hash, k.Hash), "two keys are equal")
}

func TestEveryTypingErrorIsFound(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	for i := range len(k.Plain) {
		for _, c := range []byte("aZ0_-.\x00") {
			if k.Plain[i] == c {
				continue
			}
			mistyped := k.Plain[:i] + string(c) + k.Plain[i+1:]
			_, err := apikey.Parse("relay", mistyped)
			assert.ErrorIs(t, err, apikey.ErrMalformed)
		}
		_, err := apikey.Parse("relay", k.Plain[:i])
		assert.ErrorIs(t, err, apikey.ErrMalformed)
	}
	for _, s := range []string{k.Plain + "0", " " + k.Plain, k.Plain + "\n", k.Plain + k.Plain, strings.ToUpper(k.Plain)} {
		_, err := apikey.Parse("relay", s)
		assert.ErrorIs(t, err, apikey.ErrMalformed)
		assert.True(t, !strings.Contains(err.Error(), k.Plain), "the error shows the key")
	}
	_, err := apikey.Parse("rela", k.Plain)
	assert.ErrorIs(t, err, apikey.ErrMalformed)
}

func TestAKeyIsNotPrinted(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("made", "key", k)
	secret := k.Plain[len("relay_")+13:]
	for _, s := range []string{fmt.Sprint(k), fmt.Sprintf("%v %+v %#v %s", k, k, k, &k), log.String()} {
		assert.Contains(t, s, k.ID)
		assert.True(t, !strings.Contains(s, secret), s)
	}
}

func TestPrefixes(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "r", "Relay", "re_lay", "1relay", "relay-live", "ж1", strings.Repeat("r", 17)} {
		_, err := apikey.New(bad)
		assert.True(t, err != nil, bad)
		assert.Panics(t, func() { apikey.NewAuthenticator(apikey.Options[string]{Prefix: bad}) })
	}
	assert.Contains(t, assert.Panics(t, func() { apikey.NewAuthenticator(apikey.Options[string]{Prefix: "relay"}) }).(string), "Find is missing")
}

// FuzzParse: what is accepted is exactly what was given, and of the one form.
func FuzzParse(f *testing.F) {
	f.Add("")
	f.Add("relay__")
	f.Add("relay_4mQd0TzkLw81_" + strings.Repeat("0", 49))
	f.Add(newKey(f).Plain)
	f.Fuzz(func(t *testing.T, s string) {
		k, err := apikey.Parse("relay", s)
		if err == nil && (k.Plain != s || len(s) != 68 || !strings.HasPrefix(s, "relay_"+k.ID+"_")) {
			t.Errorf("accepted %q as %q", s, k.Plain)
		}
	})
}
