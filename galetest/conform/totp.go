package conform

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/pquerna/otp/hotp"

	"github.com/galeweb/gale/auth/totp"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
)

// TOTPStore runs the suite that every [totp.Store] must pass. open returns an
// empty store and registers its closing with t.Cleanup.
func TOTPStore(t *testing.T, open func(t *testing.T) totp.Store) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, totp.Store){
		"RoundTrip":      totpRoundTrip,
		"Unconfirmed":    totpUnconfirmed,
		"TooMany":        totpTooMany,
		"ConfirmOnce":    totpConfirmOnce,
		"OnlyForward":    totpOnlyForward,
		"OneUseWins":     totpOneUseWins,
		"OneCodeOneUse":  totpOneCodeOneUse,
		"OtherUsers":     totpOtherUsers,
		"MovedToAnother": totpMovedToAnother,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var totpBase = time.Date(2026, 11, 28, 12, 0, 0, 123_000_000, time.UTC)

func totpRecord(id, user string) totp.Record {
	return totp.Record{ID: id, User: user, Name: "Ann's ж phone", Sealed: []byte{1, 0, 0xff, '\''}, Created: totpBase}
}

// addTOTP stores a confirmed record and returns it as the store should have it.
func addTOTP(t *testing.T, s totp.Store, r totp.Record, step int64) totp.Record {
	t.Helper()
	assert.NoError(t, s.Add(t.Context(), r, 5))
	at := r.Created.Add(time.Minute)
	ok, err := s.Confirm(t.Context(), r.User, r.ID, step, at)
	assert.NoError(t, err)
	assert.True(t, ok, "a new record is not confirmed")
	r.Confirmed, r.LastStep, r.LastUsed = true, step, at
	return r
}

func equalTOTP(t *testing.T, s totp.Store, user string, want ...totp.Record) {
	t.Helper()
	got, err := s.ByUser(t.Context(), user)
	assert.NoError(t, err)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func totpRoundTrip(t *testing.T, s totp.Store) {
	equalTOTP(t, s, "ann")
	b := totpRecord("b", "ann")
	b.Created = b.Created.Add(time.Second)
	b = addTOTP(t, s, b, 7)
	a := totpRecord("a/ж", "ann")
	assert.NoError(t, s.Add(t.Context(), a, 5))
	equalTOTP(t, s, "ann", a, b)

	ok, err := s.Delete(t.Context(), "ann", "b")
	assert.NoError(t, err)
	assert.True(t, ok, "not deleted")
	ok, err = s.Delete(t.Context(), "ann", "b")
	assert.NoError(t, err)
	assert.True(t, !ok, "deleted twice")
	equalTOTP(t, s, "ann", a)
}

func totpUnconfirmed(t *testing.T, s totp.Store) {
	kept := addTOTP(t, s, totpRecord("1", "ann"), 7)
	other := totpRecord("2", "bob")
	assert.NoError(t, s.Add(t.Context(), other, 5))
	assert.NoError(t, s.Add(t.Context(), totpRecord("3", "ann"), 5))
	last := totpRecord("4", "ann")
	assert.NoError(t, s.Add(t.Context(), last, 5))
	equalTOTP(t, s, "ann", kept, last)
	equalTOTP(t, s, "bob", other)
	ok, err := s.Advance(t.Context(), "ann", "4", 9, totpBase)
	assert.NoError(t, err)
	assert.True(t, !ok, "a record that is not confirmed was used")
}

func totpTooMany(t *testing.T, s totp.Store) {
	for _, id := range []string{"1", "2"} {
		addTOTP(t, s, totpRecord(id, "ann"), 7)
	}
	assert.ErrorIs(t, s.Add(t.Context(), totpRecord("3", "ann"), 2), totp.ErrTooMany)
	assert.NoError(t, s.Add(t.Context(), totpRecord("4", "bob"), 2))
}

func totpConfirmOnce(t *testing.T, s totp.Store) {
	r := addTOTP(t, s, totpRecord("1", "ann"), 7)
	ok, err := s.Confirm(t.Context(), "ann", "1", 3, totpBase)
	assert.NoError(t, err)
	assert.True(t, !ok, "confirmed twice, which would turn the step back")
	equalTOTP(t, s, "ann", r)
}

func totpOnlyForward(t *testing.T, s totp.Store) {
	r := addTOTP(t, s, totpRecord("1", "ann"), 7)
	at := totpBase.Add(time.Hour)
	for _, step := range []int64{7, 6, -1} {
		ok, err := s.Advance(t.Context(), "ann", "1", step, at)
		assert.NoError(t, err)
		assert.True(t, !ok, "a used step was accepted")
	}
	equalTOTP(t, s, "ann", r)
	ok, err := s.Advance(t.Context(), "ann", "1", 8, at)
	assert.NoError(t, err)
	assert.True(t, ok, "the next step was refused")
	r.LastStep, r.LastUsed = 8, at
	equalTOTP(t, s, "ann", r)
}

func totpOneUseWins(t *testing.T, s totp.Store) {
	addTOTP(t, s, totpRecord("1", "ann"), 7)
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			ok, err := s.Advance(t.Context(), "ann", "1", 8, totpBase)
			assert.NoError(t, err)
			if ok {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	assert.Equal(t, won.Load(), 1)
}

// totpOneCodeOneUse is the race seen from outside: one code, sent many times at
// once.
func totpOneCodeOneUse(t *testing.T, s totp.Store) {
	clock := galetest.NewClock(t, totpBase)
	f := totp.New(totp.Options{Issuer: "Relay", Store: s, Sealer: bound{}, Clock: clock.Now})
	e, err := f.Enroll(t.Context(), "ann", "ann@example.com", "phone")
	assert.NoError(t, err)
	ok, err := f.Confirm(t.Context(), "ann", e.ID, totpCode(t, e, clock.Now()))
	assert.NoError(t, err)
	assert.True(t, ok, "the first code is refused")

	clock.Advance(30 * time.Second)
	code := totpCode(t, e, clock.Now())
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			ok, err := f.Verify(t.Context(), "ann", code)
			assert.NoError(t, err)
			if ok {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	assert.Equal(t, won.Load(), 1)
}

func totpCode(t *testing.T, e totp.Enrollment, at time.Time) string {
	t.Helper()
	code, err := hotp.GenerateCode(e.Secret, uint64(at.Unix()/30))
	assert.NoError(t, err)
	return code
}

func totpOtherUsers(t *testing.T, s totp.Store) {
	r := addTOTP(t, s, totpRecord("1", "ann"), 7)
	for _, user := range []string{"bob", "", "ann/1", "ANN", "%"} {
		equalTOTP(t, s, user)
		ok, err := s.Advance(t.Context(), user, "1", 9, totpBase)
		assert.NoError(t, err)
		assert.True(t, !ok, "used by another: "+user)
		ok, err = s.Delete(t.Context(), user, "1")
		assert.NoError(t, err)
		assert.True(t, !ok, "deleted by another: "+user)
	}
	equalTOTP(t, s, "ann", r)
}

// totpMovedToAnother is whoever can write to the database and gives his own
// authenticator to somebody else.
func totpMovedToAnother(t *testing.T, s totp.Store) {
	clock := galetest.NewClock(t, totpBase)
	f := totp.New(totp.Options{Issuer: "Relay", Store: s, Sealer: bound{}, Clock: clock.Now})
	e, err := f.Enroll(t.Context(), "mallory", "mallory", "phone")
	assert.NoError(t, err)
	all, err := s.ByUser(t.Context(), "mallory")
	assert.NoError(t, err)
	r := all[0]
	r.User = "ann"
	addTOTP(t, s, r, 0)
	ok, err := f.Verify(t.Context(), "ann", totpCode(t, e, clock.Now()))
	assert.True(t, !ok && errors.Is(err, errNotBound), "a secret that was sealed for another user opens")
}

var errNotBound = errors.New("not bound to that")

// bound is a sealer that encrypts nothing but checks what a value is bound to.
type bound struct{}

func (bound) Seal(plaintext, associated []byte) ([]byte, error) {
	return append(append(associated[:len(associated):len(associated)], '|'), plaintext...), nil
}

func (bound) Open(sealed, associated []byte) ([]byte, error) {
	plaintext, ok := strings.CutPrefix(string(sealed), string(associated)+"|")
	if !ok {
		return nil, errNotBound
	}
	return []byte(plaintext), nil
}
