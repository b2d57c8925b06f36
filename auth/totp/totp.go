package totp

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pquerna/otp/hotp"

	"github.com/galeweb/gale/web"
)

const (
	period      = 30 // seconds of a step
	skew        = 1  // steps before and after the present one
	digits      = 6
	secretBytes = 20 // the length of SHA-1's result, as RFC 4226 advises

	// enrolWithin is the time to scan the code and type the first one.
	enrolWithin = 15 * time.Minute

	maxName    = 64  // characters
	maxAccount = 128 // characters; a QR code of three times as many bytes is still easy to scan
	maxIssuer  = 64
	maxTyped   = 64 // bytes of a code with its spaces
)

// Sealer encrypts secrets. The AEAD of a keyring is one.
type Sealer interface {
	// Seal encrypts plaintext and binds it to associated.
	Seal(plaintext, associated []byte) ([]byte, error)
	// Open decrypts, and fails when the value is not bound to associated.
	Open(sealed, associated []byte) ([]byte, error)
}

// Options configure a [TOTP].
type Options struct {
	// Issuer is the name of the service, which the app shows above the code: 1
	// to 64 characters, no colon. Required.
	Issuer string
	// Store keeps the authenticators. Required.
	Store Store
	// Sealer encrypts the secrets. Required.
	Sealer Sealer
	// MaxPerUser bounds the authenticators of a user, and with them what a
	// guess may hit. Defaults to 5.
	MaxPerUser int
	// Clock tells the time. Defaults to [time.Now].
	Clock func() time.Time
}

// TOTP enrols authenticators and verifies their codes. It is safe for
// concurrent use.
type TOTP struct{ o Options }

// Authenticator is a confirmed authenticator as lists show it.
type Authenticator struct {
	ID      string
	Name    string
	Created time.Time
	// LastUsed is when a code was last accepted, at first that of Confirm.
	LastUsed time.Time
}

// New returns a TOTP. It panics when an option is missing or makes no sense.
func New(o Options) *TOTP {
	switch {
	case o.Store == nil:
		panic("totp: New without Options.Store; use NewSQLStore")
	case o.Sealer == nil:
		panic("totp: New without Options.Sealer; use the AEAD of a keyring")
	case !printable(o.Issuer, maxIssuer) || strings.Contains(o.Issuer, ":"):
		panic("totp: Options.Issuer must have 1 to 64 characters and no colon; use the name of the service")
	case o.MaxPerUser < 0:
		panic("totp: Options.MaxPerUser is negative; leave it 0 for the default of 5")
	}
	o.MaxPerUser = cmp.Or(o.MaxPerUser, 5)
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &TOTP{o}
}

// Enroll makes an authenticator that counts once [TOTP.Confirm] has seen a code
// of it. account is what the app shows beside the issuer, such as the mail
// address; name tells the user's authenticators apart. Names and accounts that
// are empty, too long or not printable are refused with a [*web.Error] of
// status 422, and one authenticator too many with [ErrTooMany].
func (t *TOTP) Enroll(ctx context.Context, user, account, name string) (Enrollment, error) {
	name = strings.TrimSpace(name)
	if !printable(name, maxName) {
		return Enrollment{}, &web.Error{Status: http.StatusUnprocessableEntity, Code: "bad_name", Message: "Give the authenticator a name of 1 to 64 characters."}
	}
	if err := checkOwner(user, account); err != nil {
		return Enrollment{}, err
	}
	secret := make([]byte, secretBytes)
	rand.Read(secret)
	sealed, err := t.o.Sealer.Seal(secret, []byte(user))
	if err != nil {
		return Enrollment{}, fmt.Errorf("totp: seal: %w", err)
	}
	r := Record{ID: rand.Text(), User: user, Name: name, Sealed: sealed, Created: t.now()}
	if err := t.o.Store.Add(ctx, r, t.o.MaxPerUser); err != nil {
		return Enrollment{}, fmt.Errorf("totp: enrol: %w", err)
	}
	return newEnrollment(r.ID, t.o.Issuer, account, secret), nil
}

// Resume returns the enrolment again, for a page that is shown anew after a
// mistyped code. The error is [ErrNotFound] once it is confirmed, replaced or
// older than 15 minutes.
func (t *TOTP) Resume(ctx context.Context, user, account, id string) (Enrollment, error) {
	if err := checkOwner(user, account); err != nil {
		return Enrollment{}, err
	}
	r, err := t.pending(ctx, user, id)
	if err != nil {
		return Enrollment{}, err
	}
	secret, err := t.o.Sealer.Open(r.Sealed, []byte(user))
	if err != nil {
		return Enrollment{}, fmt.Errorf("totp: open %s: %w", r.ID, err)
	}
	return newEnrollment(r.ID, t.o.Issuer, account, secret), nil
}

// Confirm makes an authenticator count, when the code is one of it; the code is
// used up by that. It returns false for a wrong code, [ErrNotFound] as
// [TOTP.Resume] does, and for what is no code the error of [TOTP.Verify].
func (t *TOTP) Confirm(ctx context.Context, user, id, code string) (bool, error) {
	code, err := normalize(code)
	if err != nil {
		return false, err
	}
	r, err := t.pending(ctx, user, id)
	if err != nil {
		return false, err
	}
	step, ok, err := t.match(r, code)
	if err != nil || !ok {
		return false, err
	}
	ok, err = t.o.Store.Confirm(ctx, user, id, step, t.now())
	if err != nil {
		return false, fmt.Errorf("totp: confirm: %w", err)
	}
	if !ok {
		return false, ErrNotFound
	}
	return true, nil
}

// Verify reports whether code is one of the user's confirmed authenticators,
// and uses it up. It is false for a wrong code and for one that was used, which
// a page had better say: wait for the next code. White space does not matter.
// What is not six ASCII digits is no guess but a mistake, and refused with a
// [*web.Error] of status 422 and the code "malformed_code"; an auth.Throttle
// does not count it.
func (t *TOTP) Verify(ctx context.Context, user, code string) (bool, error) {
	code, err := normalize(code)
	if err != nil {
		return false, err
	}
	all, err := t.confirmed(ctx, user)
	if err != nil {
		return false, err
	}
	type hit struct {
		id   string
		step int64
	}
	var hits []hit
	var broken error
	for _, r := range all {
		step, ok, err := t.match(r, code)
		if err != nil {
			// One secret whose key is gone must not take the others with it.
			broken = errors.Join(broken, err)
		} else if ok {
			hits = append(hits, hit{r.ID, step})
		}
	}
	for _, h := range hits {
		ok, err := t.o.Store.Advance(ctx, user, h.id, h.step, t.now())
		if err != nil {
			return false, fmt.Errorf("totp: verify: %w", err)
		}
		if ok {
			return true, nil
		}
	}
	if len(hits) > 0 {
		return false, nil
	}
	return false, broken
}

// List returns the user's confirmed authenticators, the oldest first. A user
// without any has no second factor of this kind.
func (t *TOTP) List(ctx context.Context, user string) ([]Authenticator, error) {
	all, err := t.confirmed(ctx, user)
	if err != nil {
		return nil, err
	}
	var out []Authenticator
	for _, r := range all {
		out = append(out, Authenticator{ID: r.ID, Name: r.Name, Created: r.Created, LastUsed: r.LastUsed})
	}
	return out, nil
}

// Remove ends an authenticator of the user, or returns [ErrNotFound].
func (t *TOTP) Remove(ctx context.Context, user, id string) error {
	if !printable(id, maxName) { // Postgres takes no NUL
		return ErrNotFound
	}
	ok, err := t.o.Store.Delete(ctx, user, id)
	if err != nil {
		return fmt.Errorf("totp: remove: %w", err)
	}
	if !ok {
		return ErrNotFound
	}
	return nil
}

// RemoveAll ends all authenticators of the user: for an account that is deleted
// or whose factors are reset.
func (t *TOTP) RemoveAll(ctx context.Context, user string) error {
	all, err := t.o.Store.ByUser(ctx, user)
	if err != nil {
		return fmt.Errorf("totp: remove all: %w", err)
	}
	for _, r := range all {
		if _, err := t.o.Store.Delete(ctx, user, r.ID); err != nil {
			return fmt.Errorf("totp: remove all: %w", err)
		}
	}
	return nil
}

// now has the precision of a store.
func (t *TOTP) now() time.Time { return t.o.Clock().UTC().Truncate(time.Millisecond) }

// pending returns the authenticator that waits for its first code.
func (t *TOTP) pending(ctx context.Context, user, id string) (Record, error) {
	all, err := t.o.Store.ByUser(ctx, user)
	if err != nil {
		return Record{}, fmt.Errorf("totp: find: %w", err)
	}
	for _, r := range all {
		if r.ID == id && !r.Confirmed && t.now().Before(r.Created.Add(enrolWithin)) {
			return r, nil
		}
	}
	return Record{}, ErrNotFound
}

// confirmed returns those that count, never more than the bound of what a guess
// may hit, however many rows there are.
func (t *TOTP) confirmed(ctx context.Context, user string) ([]Record, error) {
	all, err := t.o.Store.ByUser(ctx, user)
	if err != nil {
		return nil, fmt.Errorf("totp: find: %w", err)
	}
	var out []Record
	for _, r := range all {
		if r.Confirmed && len(out) < t.o.MaxPerUser {
			out = append(out, r)
		}
	}
	return out, nil
}

// match returns the step at which the authenticator shows the code, used or not.
// It looks at every step whatever it finds.
func (t *TOTP) match(r Record, code string) (step int64, ok bool, err error) {
	secret, err := t.o.Sealer.Open(r.Sealed, []byte(r.User))
	if err != nil {
		return 0, false, fmt.Errorf("totp: open %s: %w", r.ID, err)
	}
	text := base32.StdEncoding.EncodeToString(secret)
	now := t.o.Clock().Unix() / period
	for s := now + skew; s >= now-skew; s-- {
		want, err := hotp.GenerateCode(text, uint64(s))
		if err != nil {
			return 0, false, fmt.Errorf("totp: code of %s: %w", r.ID, err)
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			step, ok = s, true
		}
	}
	return step, ok, nil
}

// normalize returns the six digits of what was typed. Digits of other scripts
// are refused rather than translated: apps show none, so they are a mistake, and
// each code has one form.
func normalize(typed string) (string, error) {
	var code []byte
	for _, r := range typed[:min(len(typed), maxTyped)] {
		switch {
		case unicode.IsSpace(r):
		case r >= '0' && r <= '9':
			code = append(code, byte(r))
		default:
			return "", malformed()
		}
	}
	if len(code) != digits || len(typed) > maxTyped {
		return "", malformed()
	}
	return string(code), nil
}

// malformed never shows what was typed, which may be a password.
func malformed() error {
	return &web.Error{
		Status:  http.StatusUnprocessableEntity,
		Code:    "malformed_code",
		Message: "The code has six digits, 0 to 9. Please type it as the app shows it.",
		Err:     errors.New("totp: not a code"),
	}
}

// checkOwner refuses what an app could not show, or would show as another
// account's.
func checkOwner(user, account string) error {
	if user == "" {
		return errors.New("totp: no user id")
	}
	if !printable(account, maxAccount) || strings.Contains(account, ":") {
		return &web.Error{Status: http.StatusUnprocessableEntity, Code: "bad_account", Message: "The account's name must have 1 to 128 characters and no colon."}
	}
	return nil
}

func printable(s string, most int) bool {
	return s != "" && utf8.ValidString(s) && utf8.RuneCountInString(s) <= most &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
