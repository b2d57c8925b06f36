package keyring

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/galeweb/gale/config"
)

const (
	tornadoMaxAge   = 31 * 24 * time.Hour
	tornadoMaxAhead = 31 * 24 * time.Hour // of version 1
)

// TornadoOptions say with which secret a Tornado application signs. One of
// Secret and Keys is required.
type TornadoOptions struct {
	// Secret is the cookie_secret when it is a string.
	Secret config.Secret
	// Keys is the cookie_secret when it is a dictionary of key versions.
	Keys map[int]config.Secret
	// KeyVersion is the key_version that signs, one of Keys.
	KeyVersion int
	// MaxAge is how old a value may be. Defaults to 31 days, as in Tornado.
	MaxAge time.Duration
	// AllowV1 also reads version 1 of the format, which is signed by HMAC-SHA1
	// and is what Tornado wrote until 3.1. Off by default, and impossible with
	// Keys.
	AllowV1 bool
	// Clock tells the time. Defaults to [time.Now].
	Clock func() time.Time
}

// Tornado reads and writes the signed values of Tornado, byte for byte
// (create_signed_value and decode_signed_value), so that an application can
// move to gale route by route while both set and read the same cookies. For
// values that no Tornado reads use a [Signer]. It is safe for concurrent use.
type Tornado struct{ o TornadoOptions }

// NewTornado panics when the options make no sense.
func NewTornado(o TornadoOptions) *Tornado {
	o.Keys = maps.Clone(o.Keys)
	switch {
	case o.Secret.IsZero() == (len(o.Keys) == 0):
		panic("keyring: TornadoOptions needs one of Secret and Keys")
	case len(o.Keys) > 0 && o.AllowV1:
		panic("keyring: TornadoOptions.AllowV1 with Keys; version 1 of the format has no key versions")
	case len(o.Keys) == 0 && o.KeyVersion != 0:
		panic("keyring: TornadoOptions.KeyVersion without Keys")
	case o.MaxAge < 0:
		panic("keyring: TornadoOptions.MaxAge is negative; leave it 0 for 31 days")
	}
	for version, secret := range o.Keys {
		if version < 0 || secret.IsZero() {
			panic("keyring: TornadoOptions.Keys has a negative version or an empty secret")
		}
	}
	if _, ok := o.Keys[o.KeyVersion]; !ok && len(o.Keys) > 0 {
		panic(fmt.Sprintf("keyring: TornadoOptions.Keys has no version %d, which is to sign; set KeyVersion", o.KeyVersion))
	}
	o.MaxAge = cmp.Or(o.MaxAge, tornadoMaxAge)
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Tornado{o}
}

// Sign returns the value for the cookie of that name, in version 2 of the
// format. Names are of ASCII, as cookies' are; a name that is not is
// [ErrInvalid], since Tornado could not read what it signs.
func (t *Tornado) Sign(name string, value []byte) (string, error) {
	if !isASCII(name) {
		return "", fmt.Errorf("%w: the name of a cookie has characters that are not ASCII", ErrInvalid)
	}
	var b strings.Builder
	b.WriteString("2|")
	for _, field := range []string{
		strconv.Itoa(t.o.KeyVersion),
		strconv.FormatInt(t.o.Clock().Unix(), 10),
		name,
		base64.StdEncoding.EncodeToString(value),
	} {
		b.WriteString(strconv.Itoa(len(field)) + ":" + field + "|")
	}
	secret := t.o.Secret
	if len(t.o.Keys) > 0 {
		secret = t.o.Keys[t.o.KeyVersion]
	}
	return b.String() + tornadoMAC(secret, b.String()), nil
}

func tornadoMAC(secret config.Secret, signed string) string {
	return hex.EncodeToString(mac([]byte(secret.Reveal()), signed))
}

// Verify returns the value that was signed for the name. The error is
// [ErrInvalid], [ErrExpired] or [ErrUnknownKey]. As in Tornado, a time in the
// future is accepted in version 2, and with a Secret the key version is not
// looked at.
func (t *Tornado) Verify(name, signed string) ([]byte, error) {
	value, _, err := t.verify(name, signed)
	return value, err
}

func (t *Tornado) verify(name, signed string) (value []byte, made time.Time, err error) {
	if isTornadoV1(signed) {
		if !t.o.AllowV1 {
			return nil, time.Time{}, ErrInvalid
		}
		return t.verifyV1(name, signed)
	}
	return t.verifyV2(name, signed)
}

// isTornadoV1 reports what a decoder of Tornado takes for version 1: what does
// not begin with a number and a bar, or with a number beyond 999, which is the
// beginning of base64.
func isTornadoV1(signed string) bool {
	number, _, ok := strings.Cut(signed, "|")
	if !ok || number == "" || number[0] == '0' || len(number) > 3 {
		return true
	}
	return strings.ContainsFunc(number, func(r rune) bool { return r < '0' || r > '9' })
}

func (t *Tornado) verifyV2(name, signed string) ([]byte, time.Time, error) {
	rest, ok := strings.CutPrefix(signed, "2|")
	if !ok {
		return nil, time.Time{}, ErrInvalid
	}
	var fields [4]string
	for i := range fields {
		if fields[i], rest, ok = tornadoField(rest); !ok {
			return nil, time.Time{}, ErrInvalid
		}
	}
	version, ok := tornadoNumber(fields[0])
	if !ok {
		return nil, time.Time{}, ErrInvalid
	}
	secret := t.o.Secret
	if len(t.o.Keys) > 0 {
		if secret, ok = t.o.Keys[int(version)]; !ok {
			return nil, time.Time{}, ErrUnknownKey
		}
	}
	if !hmac.Equal([]byte(rest), []byte(tornadoMAC(secret, signed[:len(signed)-len(rest)]))) {
		return nil, time.Time{}, ErrInvalid
	}
	seconds, ok := tornadoNumber(fields[1])
	if !ok || fields[2] != name {
		return nil, time.Time{}, ErrInvalid
	}
	made := time.Unix(seconds, 0)
	if made.Before(t.o.Clock().Add(-t.o.MaxAge)) {
		return nil, made, ErrExpired
	}
	value, err := base64.StdEncoding.DecodeString(fields[3])
	if err != nil {
		return nil, made, ErrInvalid
	}
	return value, made, nil
}

// tornadoField reads LENGTH:CONTENT| and returns what follows.
func tornadoField(s string) (field, rest string, ok bool) {
	length, after, found := strings.Cut(s, ":")
	n, isNumber := tornadoNumber(length)
	if !found || !isNumber || n >= int64(len(after)) || after[n] != '|' {
		return "", "", false
	}
	return after[:n], after[n+1:], true
}

// tornadoNumber reads a decimal without sign and leading zeros, which is how
// Tornado writes every number.
func tornadoNumber(s string) (int64, bool) {
	const most = 15 // digits, for the time of any cookie
	if s == "" || len(s) > most || s != "0" && s[0] == '0' {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 63)
	return int64(n), err == nil
}

func (t *Tornado) verifyV1(name, signed string) ([]byte, time.Time, error) {
	parts := strings.Split(signed, "|")
	const fields = 3
	if len(parts) != fields {
		return nil, time.Time{}, ErrInvalid
	}
	h := hmac.New(sha1.New, []byte(t.o.Secret.Reveal()))
	h.Write([]byte(name + parts[0] + parts[1]))
	if !hmac.Equal([]byte(parts[2]), []byte(hex.EncodeToString(h.Sum(nil)))) {
		return nil, time.Time{}, ErrInvalid
	}
	// Without separators in what is signed, digits could be moved from the end
	// of the value to the front of the time: hence the two checks that follow.
	seconds, ok := tornadoNumber(parts[1])
	made, now := time.Unix(seconds, 0), t.o.Clock()
	if !ok || made.After(now.Add(tornadoMaxAhead)) {
		return nil, time.Time{}, ErrInvalid
	}
	if made.Before(now.Add(-t.o.MaxAge)) {
		return nil, made, ErrExpired
	}
	value, err := base64.StdEncoding.DecodeString(parts[0])
	if err != nil {
		return nil, made, ErrInvalid
	}
	return value, made, nil
}

// Cookie returns the value of the request's cookie of that name. Of several,
// as there are when Path or Domain differ between the old and the new
// application, it takes the last signed of those that verify: Tornado reads
// the last, [http.Request.Cookie] the first, and either may be a stale one.
// Without a cookie the error is [http.ErrNoCookie], else that of
// [Tornado.Verify].
func (t *Tornado) Cookie(r *http.Request, name string) ([]byte, error) {
	var (
		best  []byte
		when  time.Time
		found bool
	)
	failed := http.ErrNoCookie
	for _, c := range r.CookiesNamed(name) {
		value, made, err := t.verify(name, c.Value)
		if err != nil {
			failed = err
			continue
		}
		if !found || made.After(when) {
			best, when, found = value, made, true
		}
	}
	if !found {
		return nil, failed
	}
	return best, nil
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}
