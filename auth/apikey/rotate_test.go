package apikey_test

import (
	"testing"
	"time"

	"github.com/galeweb/gale/auth/apikey"
	"github.com/galeweb/gale/internal/assert"
)

func TestRotationOverlaps(t *testing.T) {
	t.Parallel()
	v, a, old := setup(t)
	next, err := apikey.Rotate("relay", old.ID)
	assert.NoError(t, err)
	assert.Equal(t, next.ID, old.ID)
	assert.True(t, next.Plain != old.Plain, "the secret is the same")
	v.records[old.ID] = apikey.Record{Hash: next.Hash, Previous: old.Hash, PreviousUntil: v.now.Add(time.Hour)}
	accepted := func(k apikey.Key) bool {
		t.Helper()
		_, ok, _ := try(t, a, "/", "X-API-Key", k.Plain)
		return ok
	}
	assert.Equal(t, accepted(old), true)
	assert.Equal(t, accepted(next), true)
	v.now = v.now.Add(time.Hour)
	assert.Equal(t, accepted(old), false)
	assert.Equal(t, accepted(next), true)

	// A record without a hash, and one whose time is set without a hash.
	v.records[old.ID] = apikey.Record{PreviousUntil: v.now.Add(time.Hour)}
	assert.Equal(t, accepted(old), false)
}

func TestRotateRefusesNonsense(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	for _, in := range [][2]string{{"", k.ID}, {"UP", k.ID}, {"relay", ""}, {"relay", k.ID[1:]}, {"relay", "a_b_c_d_e_f_"}} {
		if _, err := apikey.Rotate(in[0], in[1]); err == nil {
			t.Errorf("%q is accepted", in)
		}
	}
}

func TestFindAge(t *testing.T) {
	t.Parallel()
	v, _, k := setup(t)
	a := apikey.NewAuthenticator(apikey.Options[string]{
		Prefix: "relay", Find: v.find, FindAge: time.Second, Clock: func() time.Time { return v.now },
	})
	code := func() string {
		t.Helper()
		_, _, code := try(t, a, "/", "X-API-Key", k.Plain)
		return code
	}
	for range 3 {
		assert.Equal(t, code(), "")
	}
	assert.Equal(t, v.finds, 1)
	revoked := apikey.Record{Hash: k.Hash, Revoked: true}
	v.records[k.ID] = revoked
	a.Forget(k.ID)
	assert.Equal(t, code(), "revoked_key") // at once
	v.records[k.ID] = apikey.Record{Hash: k.Hash}
	a.ForgetAll()
	assert.Equal(t, code(), "")
	v.records[k.ID] = revoked // by another process
	v.now = v.now.Add(time.Second)
	assert.Equal(t, code(), "revoked_key")
}
