package totp_test

import (
	"encoding/base32"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp"

	"github.com/galeweb/gale/auth/totp"
	"github.com/galeweb/gale/internal/assert"
)

func TestCodesOfRFC6238(t *testing.T) {
	t.Parallel()
	// Appendix B has eight digits; the last six are the code of six.
	secret := []byte("12345678901234567890")
	for at, code := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471",
		1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		box := sealer()
		sealed, err := box.Seal(secret, []byte("ann"))
		assert.NoError(t, err)
		s := &memory{records: []totp.Record{{ID: "1", User: "ann", Sealed: sealed, Confirmed: true}}}
		f := totp.New(totp.Options{Issuer: "Relay", Store: s, Sealer: box, Clock: func() time.Time { return time.Unix(at, 0) }})
		ok, err := f.Verify(t.Context(), "ann", code)
		assert.NoError(t, err)
		assert.True(t, ok, code+" is refused")
		assert.Equal(t, s.records[0].LastStep, at/30)
	}
}

func TestAnAuthenticatorCountsOnceConfirmed(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	e := k.enroll("ann", " phone ")
	assert.True(t, !k.verify("ann", k.code(e, 0)), "it counts before it is confirmed")
	list, err := k.totp.List(t.Context(), "ann")
	assert.NoError(t, err)
	assert.Equal(t, len(list), 0)

	ok, err := k.totp.Confirm(t.Context(), "ann", e.ID, k.code(e, 10))
	assert.NoError(t, err)
	assert.True(t, !ok, "a wrong code confirmed it")
	again, err := k.totp.Resume(t.Context(), "ann", "ann@example.com", e.ID)
	assert.NoError(t, err)
	assert.Equal(t, again, e)

	code := k.code(e, 0)
	ok, err = k.totp.Confirm(t.Context(), "ann", e.ID, code)
	assert.NoError(t, err)
	assert.True(t, ok, "the right code is refused")
	list, err = k.totp.List(t.Context(), "ann")
	assert.NoError(t, err)
	assert.Equal(t, list, []totp.Authenticator{{ID: e.ID, Name: "phone", Created: start, LastUsed: start}})

	assert.True(t, !k.verify("ann", code), "the code that confirmed it was used again")
	_, err = k.totp.Confirm(t.Context(), "ann", e.ID, k.code(e, 1))
	assert.ErrorIs(t, err, totp.ErrNotFound)
	_, err = k.totp.Resume(t.Context(), "ann", "ann@example.com", e.ID)
	assert.ErrorIs(t, err, totp.ErrNotFound) // else whoever finds a session sees the secret
}

func TestEnrolmentEnds(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	e := k.enroll("ann", "phone")
	for _, user := range []string{"bob", ""} {
		_, err := k.totp.Confirm(t.Context(), user, e.ID, k.code(e, 0))
		assert.ErrorIs(t, err, totp.ErrNotFound)
	}
	_, err := k.totp.Resume(t.Context(), "bob", "bob", e.ID)
	assert.ErrorIs(t, err, totp.ErrNotFound)

	k.clock.Advance(15*time.Minute - 1)
	_, err = k.totp.Resume(t.Context(), "ann", "ann", e.ID)
	assert.NoError(t, err)
	k.clock.Advance(time.Millisecond)
	_, err = k.totp.Confirm(t.Context(), "ann", e.ID, k.code(e, 0))
	assert.ErrorIs(t, err, totp.ErrNotFound)

	first := k.enroll("ann", "phone")
	second := k.enroll("ann", "phone")
	_, err = k.totp.Confirm(t.Context(), "ann", first.ID, k.code(first, 0))
	assert.ErrorIs(t, err, totp.ErrNotFound)
	ok, err := k.totp.Confirm(t.Context(), "ann", second.ID, k.code(second, 0))
	assert.NoError(t, err)
	assert.True(t, ok, "the second enrolment does not work")
}

func TestSkew(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	e := k.enrolled("ann", "phone")
	for _, steps := range []int64{-2, 2, 3, -20} {
		assert.True(t, !k.verify("ann", k.code(e, steps)), fmt.Sprint("accepted ", steps, " steps away"))
	}
	for _, steps := range []int64{-1, 0, 1} { // each newer than the one before
		assert.True(t, k.verify("ann", k.code(e, steps)), fmt.Sprint("refused ", steps, " steps away"))
	}
}

func TestReplayIsRefused(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	e := k.enrolled("ann", "phone")
	before, present, after := k.code(e, -1), k.code(e, 0), k.code(e, 1)
	assert.True(t, k.verify("ann", present), "refused")
	for _, code := range []string{present, " " + present, present[:3] + " " + present[3:], before} {
		assert.True(t, !k.verify("ann", code), "replayed: "+code)
	}
	k.clock.Advance(30 * time.Second) // the same code is still in the window
	assert.True(t, !k.verify("ann", present), "replayed a step later")
	assert.True(t, k.verify("ann", after), "the next code is refused")
	list, err := k.totp.List(t.Context(), "ann")
	assert.NoError(t, err)
	assert.Equal(t, list[0].LastUsed, k.clock.Now())
}

func TestTyping(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	e := k.enrolled("ann", "phone")
	for i, form := range []string{"%s %s", " %s%s\t\n", "%s\u00a0%s", "%s\u202f%s", "%s\u3000%s"} {
		k.clock.Advance(time.Minute)
		code := k.code(e, 0)
		assert.True(t, k.verify("ann", fmt.Sprintf(form, code[:3], code[3:])), fmt.Sprint("refused form ", i))
	}
	k.clock.Advance(time.Minute)
	code := k.code(e, 0)
	wide := strings.Map(func(r rune) rune { return r - '0' + '０' }, code)
	arabic := strings.Map(func(r rune) rune { return r - '0' + '٠' }, code)
	for _, bad := range []string{
		"", " ", wide, arabic, code[:5], code + "0", code + "\x00", "\x00" + code, "-" + code[1:], "+" + code, code[:3] + "-" + code[3:],
		"0x1234", "1e5000", "abcdef", "\xff" + code, "\u200b" + code, code + strings.Repeat(" ", 64), strings.Repeat("1", 1<<20), "' OR 1=1",
	} {
		ok, err := k.totp.Verify(t.Context(), "ann", bad)
		assert.True(t, !ok && isRefused(err, "malformed_code"), fmt.Sprintf("%.20q: %v %v", bad, ok, err))
		assert.True(t, bad == "" || bad == " " || !strings.Contains(err.Error(), bad), "the error shows what was typed")
		_, err = k.totp.Confirm(t.Context(), "ann", e.ID, bad)
		assert.True(t, isRefused(err, "malformed_code"), fmt.Sprintf("%.20q: %v", bad, err))
	}
	assert.True(t, k.verify("ann", code), "a mistake used the code up")
}

func TestSeveralAuthenticators(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	phone, tablet := k.enrolled("ann", "phone"), k.enrolled("ann", "tablet")
	other := k.enrolled("bob", "phone")
	assert.True(t, phone.Secret != tablet.Secret, "two authenticators share a secret")
	assert.True(t, k.verify("ann", k.code(phone, 0)), "the first is refused")
	assert.True(t, k.verify("ann", k.code(tablet, 0)), "the second is refused in the step of the first")
	assert.True(t, !k.verify("ann", k.code(other, 0)), "another user's was accepted")
	assert.True(t, !k.verify("carol", k.code(other, 0)), "a user without any was let in")

	assert.ErrorIs(t, k.totp.Remove(t.Context(), "bob", phone.ID), totp.ErrNotFound)
	assert.ErrorIs(t, k.totp.Remove(t.Context(), "ann", "x\x00"), totp.ErrNotFound)
	assert.NoError(t, k.totp.Remove(t.Context(), "ann", phone.ID))
	assert.ErrorIs(t, k.totp.Remove(t.Context(), "ann", phone.ID), totp.ErrNotFound)
	k.clock.Advance(time.Minute)
	assert.True(t, !k.verify("ann", k.code(phone, 0)), "a removed one was accepted")
	assert.True(t, k.verify("ann", k.code(tablet, 0)), "the one that is left is refused")
	k.enroll("ann", "not confirmed")
	assert.NoError(t, k.totp.RemoveAll(t.Context(), "ann"))
	assert.Equal(t, len(k.store.records), 1) // bob's
}

func TestMaxPerUser(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	var last totp.Enrollment
	for range 5 {
		last = k.enrolled("ann", "phone")
	}
	_, err := k.totp.Enroll(t.Context(), "ann", "ann", "phone")
	assert.ErrorIs(t, err, totp.ErrTooMany)

	// Rows that came in some other way do not make guessing easier.
	f := totp.New(totp.Options{Issuer: "Relay", Store: k.store, Sealer: sealer(), MaxPerUser: 4, Clock: k.clock.Now})
	list, err := f.List(t.Context(), "ann")
	assert.NoError(t, err)
	assert.Equal(t, len(list), 4)
	assert.True(t, list[3].ID != last.ID, "the newest counts")
}

func TestStoredSecretsAreEncryptedAndBound(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	e := k.enrolled("ann", "phone")
	r := &k.store.records[0]
	secret := string(decode(t, e.Secret))
	assert.Equal(t, len(secret), 20)
	assert.True(t, !strings.Contains(string(r.Sealed), secret) && !strings.Contains(string(r.Sealed), e.Secret), "the secret is stored readable")

	r.User = "bob" // by who can write to the database
	ok, err := k.totp.Verify(t.Context(), "bob", k.code(e, 0))
	assert.True(t, !ok && err != nil, "a row moved to another user opens")
}

// TestOneBrokenSecret has an authenticator whose key is gone: the others work on,
// and without them it is an error and not a wrong code.
func TestOneBrokenSecret(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	broken, good := k.enrolled("ann", "old"), k.enrolled("ann", "new")
	for i := range k.store.records {
		if k.store.records[i].ID == broken.ID {
			k.store.records[i].Sealed = []byte("gone")
		}
	}
	assert.True(t, k.verify("ann", k.code(good, 0)), "the good one is refused")
	ok, err := k.totp.Verify(t.Context(), "ann", k.code(broken, 1))
	assert.True(t, !ok && err != nil && statusOf(err) == 0, fmt.Sprint(ok, err))
}

func TestStoreFailures(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	e := k.enrolled("ann", "phone")
	down := errors.New("down")
	k.store.err = down
	_, err := k.totp.Enroll(t.Context(), "ann", "ann", "x")
	assert.ErrorIs(t, err, down)
	ok, err := k.totp.Verify(t.Context(), "ann", k.code(e, 0))
	assert.True(t, !ok, "accepted without a database")
	assert.ErrorIs(t, err, down)
	_, err = k.totp.List(t.Context(), "ann")
	assert.ErrorIs(t, err, down)
	assert.ErrorIs(t, k.totp.Remove(t.Context(), "ann", e.ID), down)
	assert.ErrorIs(t, k.totp.RemoveAll(t.Context(), "ann"), down)
	_, err = k.totp.Resume(t.Context(), "ann", "ann", e.ID)
	assert.ErrorIs(t, err, down)
}

func TestNames(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	for _, name := range []string{"", "  ", strings.Repeat("é", 65), "a\nb", "a\x00", "\xff", "\u202eenohp"} {
		_, err := k.totp.Enroll(t.Context(), "ann", "ann", name)
		assert.True(t, isRefused(err, "bad_name"), fmt.Sprintf("%q: %v", name, err))
	}
	for _, account := range []string{"", strings.Repeat("é", 129), "ann:bob", "a\nb", "\xff"} {
		_, err := k.totp.Enroll(t.Context(), "ann", account, "phone")
		assert.True(t, isRefused(err, "bad_account"), fmt.Sprintf("%q: %v", account, err))
		assert.Equal(t, statusOf(err), http.StatusUnprocessableEntity)
	}
	_, err := k.totp.Enroll(t.Context(), "", "ann", "phone")
	assert.True(t, err != nil, "enrolled for nobody")
	assert.Equal(t, len(k.store.records), 0)
}

func TestURI(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	f := totp.New(totp.Options{Issuer: "Relay & Söhne", Store: k.store, Sealer: sealer()})
	const account = "ann+x?&#/%@example.com ж"
	e, err := f.Enroll(t.Context(), "ann", account, "phone")
	assert.NoError(t, err)
	key, err := otp.NewKeyFromURL(e.URI)
	assert.NoError(t, err)
	assert.Equal(t, key.Type(), "totp")
	assert.Equal(t, key.Issuer(), "Relay & Söhne")
	assert.Equal(t, key.AccountName(), account)
	assert.Equal(t, key.Secret(), e.Secret)
	assert.Equal(t, key.Digits(), otp.DigitsSix)
	assert.Equal(t, key.Period(), 30)
	assert.True(t, !strings.Contains(e.URI, "+"), "some apps show a plus as it is: "+e.URI)
	u, err := url.Parse(e.URI)
	assert.NoError(t, err)
	assert.Equal(t, u.Path, "/Relay & Söhne:"+account)

	b, err := base32.StdEncoding.DecodeString(e.Secret)
	assert.NoError(t, err)
	assert.Equal(t, len(b), 20)
	assert.Equal(t, strings.ReplaceAll(e.Grouped(), " ", ""), e.Secret)
	assert.Equal(t, len(e.Grouped()), 32+7)
}

func TestEnrollmentIsNotPrinted(t *testing.T) {
	t.Parallel()
	e := newKit(t).enroll("ann", "phone")
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("enrolled", "e", e)
	for _, s := range []string{log.String(), fmt.Sprint(e), fmt.Sprintf("%v %+v %#v %s", e, e, e, e)} {
		assert.True(t, !strings.Contains(s, e.Secret), "the secret is printed: "+s)
		assert.Contains(t, s, e.ID)
	}
}

func TestWrongOptionsPanic(t *testing.T) {
	t.Parallel()
	good := totp.Options{Issuer: "Relay", Store: &memory{}, Sealer: sealer()}
	for name, change := range map[string]func(*totp.Options){
		"store":    func(o *totp.Options) { o.Store = nil },
		"sealer":   func(o *totp.Options) { o.Sealer = nil },
		"issuer":   func(o *totp.Options) { o.Issuer = "" },
		"colon":    func(o *totp.Options) { o.Issuer = "a:b" },
		"long":     func(o *totp.Options) { o.Issuer = strings.Repeat("x", 65) },
		"negative": func(o *totp.Options) { o.MaxPerUser = -1 },
	} {
		o := good
		change(&o)
		assert.Contains(t, fmt.Sprint(name, assert.Panics(t, func() { totp.New(o) })), "totp: ")
	}
	assert.Contains(t, fmt.Sprint(assert.Panics(t, func() { totp.NewSQLStore(nil) })), "totp: ")
}

func FuzzVerify(f *testing.F) {
	for _, s := range []string{"123456", " 1 2 3 4 5 6 ", "１２３４５６", "\xff", "12345\x00"} {
		f.Add(s)
	}
	box := sealer()
	sealed, err := box.Seal([]byte("12345678901234567890"), []byte("ann"))
	assert.NoError(f, err)
	s := &memory{records: []totp.Record{{ID: "1", User: "ann", Sealed: sealed, Confirmed: true}}}
	totps := totp.New(totp.Options{Issuer: "Relay", Store: s, Sealer: box, Clock: func() time.Time { return time.Unix(59, 0) }})
	// The three steps of that time; the fuzzer does not know them.
	right := "755224 287082 359152"
	f.Fuzz(func(t *testing.T, typed string) {
		ok, err := totps.Verify(t.Context(), "ann", typed)
		code := strings.Join(strings.Fields(typed), "")
		if err == nil && len(code) != 6 || ok && !strings.Contains(right, code) {
			t.Errorf("%q: %v %v", typed, ok, err)
		}
	})
}
