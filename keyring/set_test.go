package keyring_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/keyring"
)

func parse(t *testing.T, text string) keyring.Set {
	t.Helper()
	s, err := keyring.ParseSet([]byte(text))
	assert.NoError(t, err)
	return s
}

func TestASetComesBackFromItsText(t *testing.T) {
	t.Parallel()
	s := keyring.NewSet(start)
	s, _ = s.Rotate(keyring.Signing, start.Add(time.Hour))
	s, err := s.Mark(s.Keys()[0].ID, keyring.VerifyOnly)
	assert.NoError(t, err)
	line, lines := s.Text().Reveal(), s.Lines().Reveal()
	assert.True(t, !strings.ContainsAny(line, " \n\"'$"), "the line needs quotes in a shell")
	assert.Equal(t, parse(t, line).Lines().Reveal(), lines)
	assert.Equal(t, parse(t, "# made by hand\n\n  "+strings.ReplaceAll(lines, "\n", "\r\n\t# and so on\n")+"\n").Text().Reveal(), line)
	assert.Equal(t, len(s.Keys()), 5)
	assert.Equal(t, strings.Count(lines, "\n"), 4)
}

func TestParseErrorsSayWhichKeyAndShowNothing(t *testing.T) {
	t.Parallel()
	good := keyring.NewSet(start, keyring.Signing)
	line, id := good.Text().Reveal(), good.Keys()[0].ID
	material := line[strings.LastIndexByte(line, '.')+1:]
	flip := func(s string, i int) string {
		c := "A"
		if s[i] == 'A' {
			c = "B"
		}
		return s[:i] + c + s[i+1:]
	}
	other := keyring.NewSet(start, keyring.Signing).Text().Reveal()
	for name, test := range map[string]struct{ text, want string }{
		"empty":           {"", "there are no keys; gale secret new makes some"},
		"only comments":   {"# nothing\n ,", "there are no keys"},
		"no mark":         {"hunter2", `key 1 does not begin with "gale1."`},
		"second":          {other + "," + material, `key 2 does not begin with "gale1."`},
		"cut off":         {strings.TrimSuffix(line, "."+material), "key 1 has 5 parts between dots instead of 6"},
		"run together":    {line + "." + other, "key 1 has 12 parts"},
		"bad id":          {strings.Replace(line, id, "XYZ", 1), "key 1 has an id that is not eight"},
		"unknown purpose": {strings.Replace(line, "sign", "sing", 1), "key 1 (" + id + ") has an unknown purpose"},
		"other purpose":   {strings.Replace(line, "sign", "token", 1), "does not belong to its id and purpose"},
		"unknown state":   {strings.Replace(line, "active", "on", 1), "key 1 (" + id + ") has an unknown state"},
		"bad time":        {strings.Replace(line, "20261127T120000Z", "20261327T120000Z", 1), "has a time that is not of the form"},
		"short material":  {line[:len(line)-1], "key 1 (" + id + ") has material that is not 32 bytes"},
		"mistyped":        {flip(line, len(line)-20), "key 1 (" + id + ") has material that does not belong to its id"},
		"twice":           {line + " " + line, "key 2 (" + id + ") is there twice"},
		"too long":        {strings.Repeat("#", 70_000), "more than 65536 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := keyring.ParseSet([]byte(test.text))
			if err == nil {
				t.Fatal("no error")
			}
			assert.Contains(t, err.Error(), "keyring: ")
			assert.Contains(t, err.Error(), test.want)
			for _, secret := range []string{material[:12], "hunter2"} {
				assert.True(t, !strings.Contains(err.Error(), secret), "the error shows the text: "+err.Error())
			}
		})
	}
	_, err := keyring.ParseSet([]byte("a b c"))
	assert.Equal(t, strings.Count(err.Error(), "\n"), 2) // all three at once
}

// A key that a mistyped character changed would sign everybody out.
func TestEveryMistypedCharacterOfTheMaterialIsNoticed(t *testing.T) {
	t.Parallel()
	line := keyring.NewSet(start, keyring.Encryption).Text().Reveal()
	from := strings.LastIndexByte(line, '.') + 1
	for i := from; i < len(line); i++ {
		for _, c := range "Ag0-_" {
			if byte(c) == line[i] {
				continue
			}
			_, err := keyring.ParseSet([]byte(line[:i] + string(c) + line[i+1:]))
			assert.True(t, err != nil, fmt.Sprintf("character %d as %c was not noticed", i-from, c))
		}
	}
}

func TestNothingPrintsMaterial(t *testing.T) {
	t.Parallel()
	s := keyring.NewSet(start)
	ring := setup(t)
	ring.use(s)
	var secrets []string
	for _, line := range strings.Split(s.Lines().Reveal(), "\n") {
		secrets = append(secrets, line[strings.LastIndexByte(line, '.')+1:])
	}
	type holder struct {
		set  keyring.Set
		keys []keyring.Key
		ring *keyring.Ring
	}
	var out strings.Builder
	log := slog.New(slog.NewJSONHandler(&out, nil))
	for _, v := range []any{s, &s, s.Keys(), s.Keys()[0], holder{s, s.Keys(), ring.Ring}, s.Text()} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%p"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		log.Info("x", "v", v)
		b, err := json.Marshal(v)
		assert.NoError(t, err)
		out.Write(b)
	}
	for i, k := range s.Keys() {
		assert.Contains(t, out.String(), k.ID) // so that the test sees what it prints
		raw := decode64(t, secrets[i])
		for _, form := range []string{secrets[i], string(raw), fmt.Sprintf("%x", raw), fmt.Sprint(raw), strings.Trim(fmt.Sprint(raw[:4]), "[]")} {
			assert.True(t, !strings.Contains(out.String(), form), "material was printed as "+form)
		}
	}
}

func TestMarkAndRemove(t *testing.T) {
	t.Parallel()
	s := keyring.NewSet(start, keyring.Signing)
	first := s.Keys()[0].ID
	for _, state := range []keyring.State{keyring.VerifyOnly, keyring.Retired} {
		_, err := s.Mark(first, state)
		assert.True(t, err != nil, "the last active key was given up")
	}
	_, err := s.Remove(first)
	assert.True(t, err != nil, "the last active key was removed")
	_, err = s.Mark("00000000", keyring.Retired)
	assert.True(t, err != nil, "an unknown key was marked")
	_, err = s.Remove("00000000")
	assert.True(t, err != nil, "an unknown key was removed")
	_, err = s.Mark(first, "gone")
	assert.True(t, err != nil, "an unknown state was set")

	two, second := s.Rotate(keyring.Signing, start.Add(time.Hour))
	assert.Equal(t, len(s.Keys()), 1) // the old set is as it was
	retired, err := two.Mark(first, keyring.Retired)
	assert.NoError(t, err)
	one, err := retired.Remove(first)
	assert.NoError(t, err)
	assert.Equal(t, len(one.Keys()), 1)
	current, ok := one.Current(keyring.Signing, start) // before its time, since there is no other
	assert.Equal(t, ok, true)
	assert.Equal(t, current.ID, second.ID)
	back, err := retired.Mark(first, keyring.Active)
	assert.NoError(t, err)
	assert.Equal(t, back.Text().Reveal(), two.Text().Reveal())
}

func TestWhichKeyMakesNewValues(t *testing.T) {
	t.Parallel()
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	s, a := keyring.Set{}.Rotate(keyring.Signing, at(10))
	s, b := s.Rotate(keyring.Signing, at(30))
	s, c := s.Rotate(keyring.Signing, at(30))
	s, d := s.Rotate(keyring.Signing, at(20))
	s, e := s.Rotate(keyring.Signing, at(40))
	s, err := s.Mark(e.ID, keyring.VerifyOnly)
	assert.NoError(t, err)
	for minute, want := range map[int]keyring.Key{0: a, 10: a, 19: a, 20: d, 29: d, 30: c, 90: c} {
		got, ok := s.Current(keyring.Signing, at(minute))
		assert.Equal(t, ok, true)
		assert.Equal(t, got.ID, want.ID)
	}
	assert.True(t, b.ID != c.ID, "two random keys are the same")
	_, ok := s.Current(keyring.Tokens, start)
	assert.Equal(t, ok, false)
}

func FuzzParseSet(f *testing.F) {
	s := keyring.NewSet(start)
	f.Add([]byte(s.Text().Reveal()))
	f.Add([]byte("# c\n" + s.Lines().Reveal() + "\n"))
	f.Add([]byte("gale1.sign.00000000.20261127T120000Z.active.AAAA"))
	f.Fuzz(func(t *testing.T, in []byte) {
		s, err := keyring.ParseSet(in)
		if err != nil {
			return
		}
		again, err := keyring.ParseSet([]byte(s.Text().Reveal()))
		assert.NoError(t, err)
		assert.Equal(t, again.Text().Reveal(), s.Text().Reveal())
	})
}
