package keyring_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/config"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/keyring"
)

const (
	tornadoSecret = "0123456789abcdef-gale-test-secret"
	tornadoTime   = 1700000000
	tornadoAlice  = "2|1:0|10:1700000000|4:user|8:YWxpY2U=|c12b4da702f68fac480da83adf42c021fa6bb45552038469c5a73b88f0f11a3f"
	tornadoAlice3 = "2|1:3|10:1700000000|4:user|8:YWxpY2U=|c0761b41ff3f9d2df79bd4fe755f25b92603ef6891ad793d09fa392da382e098"
	tornadoV1     = "YWxpY2U=|1700000000|cad3dd08e36f72a69fc51e1cfd264e866429d23d"
)

func tornadoAt(seconds float64, o keyring.TornadoOptions) *keyring.Tornado {
	if o.Secret.IsZero() && o.Keys == nil {
		o.Secret = config.NewSecret(tornadoSecret)
	}
	o.Clock = func() time.Time { return time.Unix(0, int64(seconds*1e9)) }
	return keyring.NewTornado(o)
}

func tornadoKeys(versions ...int) map[int]config.Secret {
	keys := map[int]config.Secret{}
	for _, v := range versions {
		keys[v] = config.NewSecret(map[int]string{3: "new-key"}[v] + strings.Repeat("x", v%3))
	}
	return keys
}

// The vectors were made by Tornado 6.6.dev1, but that whose secret is not of
// ASCII, which is by a program written from the description.
func TestTornadoVectors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		o                   keyring.TornadoOptions
		name, value, signed string
	}{
		{name: "user", value: "alice", signed: tornadoAlice},
		{name: "user", value: "ж", signed: "2|1:0|10:1700000000|4:user|4:0LY=|0917478616dd52b4049c2132f54bafae92d320c57d13851f480b16c03b3abd77"},
		{name: "user", value: "", signed: "2|1:0|10:1700000000|4:user|0:|b180ac9fd527f9c4ad19b68bd2ba4085d1387981a75989fef644a090e88b31c6"},
		{name: "sid", value: "\xfa\xfb\xfc\xfd\xfe\xff", signed: "2|1:0|10:1700000000|3:sid|8:+vv8/f7/|aac20187ddb6a1c757edd753af04b5339b02514883e886adc5a3ca3182a310bd"},
		{name: "session_id", value: strings.Repeat("a", 40), signed: "2|1:0|10:1700000000|10:session_id|56:YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYQ==|7af3a90549df0f740e2a74d3d9a77c66c996e4f943469a7e44fc2ac73ceed2df"},
		{o: keyring.TornadoOptions{Secret: config.NewSecret("schlüssel-ж")}, name: "a|1:b", value: "\x00|\xff", signed: "2|1:0|10:1700000000|5:a|1:b|4:AHz/|593f4252dc14c5de54605e4924b3866954d3d2f356e7bd41b907bd1d3c7b4f81"},
		{o: keyring.TornadoOptions{Keys: tornadoKeys(3), KeyVersion: 3}, name: "user", value: "alice", signed: tornadoAlice3},
	} {
		tornado := tornadoAt(tornadoTime, test.o)
		signed, err := tornado.Sign(test.name, []byte(test.value))
		assert.NoError(t, err)
		assert.Equal(t, signed, test.signed)
		assert.Equal(t, (&http.Cookie{Name: "c", Value: signed}).String(), "c="+signed) // bare, which Tornado reads
		value, err := tornado.Verify(test.name, test.signed)
		assert.NoError(t, err)
		assert.Equal(t, string(value), test.value)
	}
}

func TestTornadoVersion1IsReadOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	_, err := tornadoAt(tornadoTime, keyring.TornadoOptions{}).Verify("user", tornadoV1)
	assert.ErrorIs(t, err, keyring.ErrInvalid)
	v1 := tornadoAt(tornadoTime, keyring.TornadoOptions{AllowV1: true})
	value, err := v1.Verify("user", tornadoV1)
	assert.NoError(t, err)
	assert.Equal(t, string(value), "alice")
	_, err = v1.Verify("user", tornadoAlice)
	assert.NoError(t, err)
	for _, signed := range []string{
		strings.ToUpper(tornadoV1), tornadoV1 + "|", tornadoV1[:len(tornadoV1)-1], "0" + tornadoV1,
		strings.Replace(tornadoV1, "1700000000", "1700000001", 1), "", "|", "||", "1|2|3", "x",
	} {
		_, err := v1.Verify("user", signed)
		assert.ErrorIs(t, err, keyring.ErrInvalid)
	}
	_, err = v1.Verify("resu", tornadoV1)
	assert.ErrorIs(t, err, keyring.ErrInvalid)
}

// signV1 signs as version 1 does, for times that a server would not sign.
func signV1(name, value, at string) string {
	h := hmac.New(sha1.New, []byte(tornadoSecret))
	h.Write([]byte(name + value + at))
	return value + "|" + at + "|" + hex.EncodeToString(h.Sum(nil))
}

// In version 1 nothing parts the value from the time: digits can move over.
func TestTornadoVersion1TimesAreBounded(t *testing.T) {
	t.Parallel()
	v1 := tornadoAt(tornadoTime, keyring.TornadoOptions{AllowV1: true})
	assert.Equal(t, signV1("user", "YWxpY2U=", "1700000000"), tornadoV1)
	const month = 31 * 86400
	for at, want := range map[string]error{
		strconv.Itoa(tornadoTime - month):     nil,
		strconv.Itoa(tornadoTime - month - 1): keyring.ErrExpired,
		strconv.Itoa(tornadoTime + month):     nil,
		strconv.Itoa(tornadoTime + month + 1): keyring.ErrInvalid,
		"01700000000":                         keyring.ErrInvalid,
		"21700000000":                         keyring.ErrInvalid, // with a 2 of the value before it
		"-1700000000":                         keyring.ErrInvalid,
		"17e8":                                keyring.ErrInvalid,
		"":                                    keyring.ErrInvalid,
		"9999999999999999999999":              keyring.ErrInvalid,
	} {
		_, err := v1.Verify("user", signV1("user", "YWxpY2U=", at))
		assert.ErrorIs(t, err, want)
	}
	for _, digits := range []string{"1234", "0123", "12345678"} { // base64 that looks like a version
		_, err := v1.Verify("user", signV1("user", digits, "1700000000"))
		assert.NoError(t, err)
	}
	_, err := v1.Verify("user", signV1("user", "not base64", "1700000000"))
	assert.ErrorIs(t, err, keyring.ErrInvalid)
}

func TestTornadoExpiry(t *testing.T) {
	t.Parallel()
	const month = 31 * 86400
	for _, test := range []struct {
		now  float64
		o    keyring.TornadoOptions
		want error
	}{
		{tornadoTime + month, keyring.TornadoOptions{}, nil}, // exactly 31 days still pass
		{tornadoTime + month + 0.5, keyring.TornadoOptions{}, keyring.ErrExpired},
		{tornadoTime + month + 1, keyring.TornadoOptions{}, keyring.ErrExpired},
		{tornadoTime + 60, keyring.TornadoOptions{MaxAge: time.Minute}, nil},
		{tornadoTime + 61, keyring.TornadoOptions{MaxAge: time.Minute}, keyring.ErrExpired},
		{tornadoTime - 10*month, keyring.TornadoOptions{}, nil}, // version 2 does not look at the future
	} {
		_, err := tornadoAt(test.now, test.o).Verify("user", tornadoAlice)
		assert.ErrorIs(t, err, test.want)
	}
}

func TestTornadoKeyVersions(t *testing.T) {
	t.Parallel()
	// With one secret the version is not looked at: this one says 7.
	seven := signV2("2|1:7|10:1700000000|4:user|8:YWxpY2U=|")
	_, err := tornadoAt(tornadoTime, keyring.TornadoOptions{}).Verify("user", seven)
	assert.NoError(t, err)

	both := tornadoAt(tornadoTime, keyring.TornadoOptions{Keys: tornadoKeys(3, 4), KeyVersion: 4})
	_, err = both.Verify("user", tornadoAlice3) // the old version verifies
	assert.NoError(t, err)
	signed, err := both.Sign("user", []byte("alice"))
	assert.NoError(t, err)
	assert.Contains(t, signed, "2|1:4|")
	for _, unknown := range []string{seven, tornadoAlice} {
		_, err = both.Verify("user", unknown)
		assert.ErrorIs(t, err, keyring.ErrUnknownKey)
	}
	for _, signed := range []string{
		strings.Replace(tornadoAlice3, "1:3", "1:4", 1), // one key's value as another's
		tornadoV1, // which names no key
	} {
		_, err = both.Verify("user", signed)
		assert.ErrorIs(t, err, keyring.ErrInvalid)
	}
}

// signV2 signs what a server would not have written.
func signV2(body string) string {
	h := hmac.New(sha256.New, []byte(tornadoSecret))
	h.Write([]byte(body))
	return body + hex.EncodeToString(h.Sum(nil))
}

// A signature does not make up for the form: each value has one.
func TestTornadoSignedAndMalformed(t *testing.T) {
	t.Parallel()
	tornado := tornadoAt(tornadoTime, keyring.TornadoOptions{})
	const good = "2|1:0|10:1700000000|4:user|8:YWxpY2U=|"
	assert.Equal(t, signV2(good), tornadoAlice)
	for name, body := range map[string]string{
		"a zero before the time":    "2|1:0|11:01700000000|4:user|8:YWxpY2U=|",
		"a zero before the version": "2|2:00|10:1700000000|4:user|8:YWxpY2U=|",
		"a zero before a length":    "2|1:0|10:1700000000|04:user|8:YWxpY2U=|",
		"a negative time":           "2|1:0|11:-1700000000|4:user|8:YWxpY2U=|",
		"a fraction":                "2|1:0|12:1700000000.5|4:user|8:YWxpY2U=|",
		"no time":                   "2|1:0|0:|4:user|8:YWxpY2U=|",
		"no version":                "2|0:|10:1700000000|4:user|8:YWxpY2U=|",
		"the URL's alphabet":        "2|1:0|10:1700000000|4:user|8:-vv8_f7_|",
		"no padding":                "2|1:0|10:1700000000|4:user|7:YWxpY2U|",
		"a field less":              "2|1:0|10:1700000000|12:YWxpY2VhbGlj|",
		"a field more":              good + "1:x|",
		"no bar at the end":         good[:len(good)-1],
		"a name by characters":      "2|1:0|10:1700000000|1:ж|8:YWxpY2U=|", // as Tornado counts it
	} {
		for _, asked := range []string{"user", "ж"} {
			_, err := tornado.Verify(asked, signV2(body))
			if !errors.Is(err, keyring.ErrInvalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestTornadoForgeries(t *testing.T) {
	t.Parallel()
	tornado := tornadoAt(tornadoTime, keyring.TornadoOptions{AllowV1: true})
	for i := range len(tornadoAlice) {
		for _, c := range []byte("0|:aA\x00") {
			if c != tornadoAlice[i] {
				_, err := tornado.Verify("user", tornadoAlice[:i]+string(c)+tornadoAlice[i+1:])
				assert.ErrorIs(t, err, keyring.ErrInvalid)
			}
		}
		_, err := tornado.Verify("user", tornadoAlice[:i])
		assert.ErrorIs(t, err, keyring.ErrInvalid)
	}
	dot := strings.LastIndexByte(tornadoAlice, '|')
	for _, signed := range []string{
		tornadoAlice[:dot+1] + strings.ToUpper(tornadoAlice[dot+1:]),
		"3" + tornadoAlice[1:], "02" + tornadoAlice[1:], "999|", "1000|1|", "2|",
		"2|99999999999999999999:0|", "2|-1:0|", "2|01:0|", "2|1:0", "2||||||",
		strings.Replace(tornadoAlice, "|1:0|", "|2:00|", 1),
	} {
		_, err := tornado.Verify("user", signed)
		assert.ErrorIs(t, err, keyring.ErrInvalid)
	}
	for _, name := range []string{"", "use", "users", "User"} { // the cookie under another name
		_, err := tornado.Verify(name, tornadoAlice)
		assert.ErrorIs(t, err, keyring.ErrInvalid)
	}
	for _, name := range []string{"ж", "a\n", "café"} {
		_, err := tornado.Sign(name, nil)
		assert.ErrorIs(t, err, keyring.ErrInvalid)
	}
}

func TestTornadoCookies(t *testing.T) {
	t.Parallel()
	tornado := tornadoAt(tornadoTime+10, keyring.TornadoOptions{})
	newer, err := tornado.Sign("user", []byte("bob"))
	assert.NoError(t, err)
	get := func(headers ...string) (string, error) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Cookie"] = headers
		value, err := tornado.Cookie(r, "user")
		return string(value), err
	}
	for name, headers := range map[string][]string{
		"bare":                  {"user=" + tornadoAlice},
		"quoted":                {`user="` + tornadoAlice + `"`}, // as Python writes what has = in it
		"garbage before":        {"user=x; user=" + tornadoAlice},
		"garbage after":         {"user=" + tornadoAlice + "; a=b; user=x"},
		"garbage in its own":    {"user=x", `user="` + tornadoAlice + `"`},
		"another's beside":      {"resu=" + newer + "; user=" + tornadoAlice},
		"another name's inside": {"user=" + strings.Replace(newer, "user", "resu", 1) + "; user=" + tornadoAlice},
	} {
		value, err := get(headers...)
		assert.NoError(t, err)
		if value != "alice" {
			t.Errorf("%s: got %q", name, value)
		}
	}
	for _, headers := range [][]string{
		{"user=" + newer + "; user=" + tornadoAlice},
		{"user=" + tornadoAlice + "; user=" + newer},
	} {
		value, err := get(headers...)
		assert.NoError(t, err)
		assert.Equal(t, value, "bob") // the newer, wherever it stands
	}
	_, err = get("a=b")
	assert.ErrorIs(t, err, http.ErrNoCookie)
	// Tornado undoes octal escapes, which it writes in no signed value.
	_, err = get(`user="` + strings.Replace(tornadoAlice, "|", `\174`, 1) + `"`)
	assert.ErrorIs(t, err, http.ErrNoCookie)
	_, err = get("user=x; user=y")
	assert.ErrorIs(t, err, keyring.ErrInvalid)
}

func TestTornadoOptionsThatCannotBe(t *testing.T) {
	t.Parallel()
	secret := config.NewSecret(tornadoSecret)
	for name, o := range map[string]keyring.TornadoOptions{
		"none":          {},
		"both":          {Secret: secret, Keys: tornadoKeys(3), KeyVersion: 3},
		"v1 with keys":  {Keys: tornadoKeys(3), KeyVersion: 3, AllowV1: true},
		"version alone": {Secret: secret, KeyVersion: 1},
		"not a version": {Keys: tornadoKeys(3)},
		"negative":      {Keys: map[int]config.Secret{-1: secret}, KeyVersion: -1},
		"empty":         {Keys: map[int]config.Secret{1: {}}, KeyVersion: 1},
		"negative age":  {Secret: secret, MaxAge: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			message, _ := assert.Panics(t, func() { keyring.NewTornado(o) }).(string)
			assert.Contains(t, message, "keyring: TornadoOptions")
		})
	}
}

func FuzzTornado(f *testing.F) {
	both := tornadoAt(tornadoTime, keyring.TornadoOptions{AllowV1: true})
	for _, seed := range []string{tornadoAlice, tornadoAlice3, tornadoV1, "2|1:0|", "1|2|3", "2|9:|"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		_, err := both.Verify("user", in)
		if err == nil && in != tornadoAlice && in != tornadoV1 {
			t.Errorf("%q was accepted", in)
		}
	})
}
