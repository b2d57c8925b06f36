package strength_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/auth/strength"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/web"
)

// codeOf returns the code of a refusal, "" for none, or the text of another
// error.
func codeOf(err error) string {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*auth.PasswordError](err); ok {
		return e.Code
	}
	return err.Error()
}

// What an attacker tries first must not be anybody's password.
func TestGuessablePasswordsAreRefused(t *testing.T) {
	t.Parallel()
	c := strength.New(strength.Options{Context: []string{"Relay", "packets.example"}})
	for password, want := range map[string]string{
		"correct horse battery staple":                "",
		"kX9#mQ2p":                                    "",
		"quiet otter sells maps":                      "",
		"我爱北京天安门和长城吗":                                 "",
		"тихая выдра продаёт карты":                   "",
		strings.Repeat("long words and ", 8) + "more": "",

		"short":                    "too_short",
		strings.Repeat("xyzw", 33): "too_long",
		"nul\x00in the middle":     "invalid",
		"iam ann smith":            "personal",

		"password":    "breached",
		"iloveyou1":   "breached",
		"ILoveYou1":   "breached", // the list has it in lower case
		"qwerty123":   "breached",
		"ｉｌｏｖｅｙｏｕ":    "breached", // full-width letters are the same password
		"princess123": "breached",

		"P@ssw0rd1998!":                         "weak", // signs for letters
		"pässwörd1998!":                         "weak",
		"relay2026!":                            "weak", // this service
		"packetsexample":                        "weak",
		"smith1984!":                            "weak", // this user
		"qwertyuiop[]":                          "weak",
		"bbbbbbbbbbbbbbbb":                      "weak",
		"жжжжжжжжжжжж":                          "weak",
		"cdefghijklmnopq":                       "weak",
		"абвгдежзийклмноп":                      "weak",
		strings.Repeat("swordfish", 14):         "weak",
		strings.Repeat("z0", 64):                "weak",
		strings.Repeat("1/1/2000 ", 14):         "weak",
		"13.07.1984":                            "weak",
		"1984-07-13":                            "weak",
		"19840713!":                             "weak",
		"ida 4/7/1999":                          "weak",
		strings.Repeat("\u0301", 3) + "dragons": "weak", // accents alone add nothing
	} {
		err := c.Check(password, "Ann Smith", "ann.smith@example.com")
		assert.Equal(t, password+": "+codeOf(err), password+": "+want)

		e, err := c.Estimate(password, "Ann Smith", "ann.smith@example.com")
		assert.NoError(t, err)
		if passes := want == ""; passes != (e.Score >= 3) || passes != (e.Feedback == "") {
			t.Errorf("%.40q: Check says %q, Estimate says %+v", password, want, e)
		}
	}
}

func TestTheFeedbackNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	c := strength.New(strength.Options{MinScore: 4})
	for password, want := range map[string]string{
		"4nnabelle-77":     "own details",
		"swordfish77":      "many people use",
		"anderson-":        "Names",
		"zxcvfdsaqwer":     "Rows of keys",
		"bbbbbbbbbbbbbb":   "repeated",
		"cdefghijklmnopq":  "Sequences",
		"13/07/1984":       "Dates",
		"gkqvzxwj":         "longer",
		"marvellousness":   "common word",
		"1qaz2wsx3edc":     "stolen",
		"x":                "at least 8",
		"ab\xffcdefghijkl": "cannot be used",
	} {
		e, err := c.Estimate(password, "Annabelle")
		assert.NoError(t, err)
		if !strings.Contains(e.Feedback, want) {
			t.Errorf("%q: %+v, want a word about %q", password, e, want)
		}
	}
}

func TestARefusalIsAnAnswerWithoutThePassword(t *testing.T) {
	t.Parallel()
	c := strength.New(strength.Options{})
	for _, password := range []string{"iloveyou1", "swordfish77"} {
		err := c.Check(password)
		e, ok := errors.AsType[*web.Error](err)
		assert.True(t, ok, "no web.Error")
		assert.Equal(t, e.Status, http.StatusUnprocessableEntity)
		assert.True(t, e.Message != "" && !strings.Contains(e.Message+err.Error()+e.Error(), password), "the answer shows the password")
	}
}

func TestMinScore(t *testing.T) {
	t.Parallel()
	const fair = "gkqvzxwj" // 3
	assert.NoError(t, strength.New(strength.Options{}).Check(fair))
	assert.Equal(t, codeOf(strength.New(strength.Options{MinScore: 4}).Check(fair)), "weak")
	const poor = "relay2026!" // 1
	assert.NoError(t, strength.New(strength.Options{MinScore: 1}).Check(poor))
	assert.Equal(t, codeOf(strength.New(strength.Options{MinScore: 2}).Check(poor)), "weak")
}

// Whatever is typed or stored in a profile: no panic, and a score in bounds.
func FuzzEstimate(f *testing.F) {
	for _, s := range []string{"", "correct horse", "p4$$w0rd", "\xff\xfe", "жжж", "\u0130\u0131\ufdfa", "12/12/2012", "@4(8{[<69!|17105$+7%2"} {
		f.Add(s, s)
	}
	c := strength.New(strength.Options{Context: []string{"relay"}})
	f.Fuzz(func(t *testing.T, password, name string) {
		e, err := c.Estimate(password, name)
		if err != nil || e.Score < 0 || e.Score > 4 || (e.Score >= 3) != (e.Feedback == "") {
			t.Errorf("%q: %+v, %v", password, e, err)
		}
	})
}

func TestWrongOptionsPanic(t *testing.T) {
	t.Parallel()
	for _, o := range []strength.Options{{MinScore: -1}, {MinScore: 5}, {Breached: []*strength.List{nil}}} {
		assert.Contains(t, assert.Panics(t, func() { strength.New(o) }).(string), "strength: ")
	}
}
