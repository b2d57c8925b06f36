package strength

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/assert"
)

func TestTheBuiltInListIsWhatItClaims(t *testing.T) {
	t.Parallel()
	assert.Equal(t, len(top), len(magic)+100_000*prefixLen)
	l := builtin()
	for _, password := range []string{"password", "12345678", "iloveyou", "qwertyuiop", "trustno1", "princess1", "football1", "1q2w3e4r5t"} {
		found, err := l.Contains(password)
		assert.NoError(t, err)
		assert.True(t, found, password+" is missing")
	}
	c := compact{strings.NewReader(top), int64(len(top))}
	last := uint64(0)
	for i := range c.len() { // all, where opening reads samples
		got, err := c.at(i)
		assert.NoError(t, err)
		if got <= last {
			t.Fatalf("entry %d is not in order", i)
		}
		last = got
	}
	assert.NoError(t, l.Close())
}

// FuzzText: a search of any file ends, finds what a walk over its lines finds
// where they are in order, and says so or fails otherwise.
func FuzzText(f *testing.F) {
	line := func(s string) string {
		sum := sha1.Sum([]byte(s))
		return strings.ToUpper(hex.EncodeToString(sum[:]))
	}
	f.Add([]byte(line("a")+":1\n"+line("b")+"\r\n"+line("c")), "b")
	f.Add([]byte(line("c")+"\n"+line("a")+":99999999999999999999\n"), "c")
	f.Add([]byte("\n\n\n"), "")
	f.Add([]byte(strings.Repeat("A", 40)+"\r\n"+strings.Repeat("B", 200)), "x")
	f.Fuzz(func(t *testing.T, content []byte, wanted string) {
		list := text{bytes.NewReader(content), int64(len(content))}
		sum := sha1.Sum([]byte(wanted))
		found, err := list.contains(sum)
		if found && !bytes.Contains(bytes.ToUpper(content), []byte(line(wanted))) {
			t.Errorf("found what is not there")
		}
		if list.check() != nil || bytes.Count(content, []byte("\n")) >= checked {
			return
		}
		if err != nil {
			t.Errorf("a list that was checked fails: %v", err)
		}
		present := false
		for l := range bytes.SplitSeq(bytes.ToUpper(content), []byte("\n")) {
			present = present || bytes.HasPrefix(l, []byte(line(wanted)))
		}
		if found != present {
			t.Errorf("found %v, present %v", found, present)
		}
	})
}

// FuzzCompile: what compiles can be opened and holds every line.
func FuzzCompile(f *testing.F) {
	f.Add([]byte("0000000000000000000000000000000000000000:1\r\n00000000000000000000000000000000000000AA\n"))
	f.Add([]byte("A94A8FE5CCB19BA61C4C0873D391E987982FBBD3"))
	f.Fuzz(func(t *testing.T, content []byte) {
		var b bytes.Buffer
		n, err := Compile(&b, bytes.NewReader(content))
		if err != nil {
			return
		}
		c := compact{bytes.NewReader(b.Bytes()), int64(b.Len())}
		if c.check() != nil || c.len() != n {
			t.Fatalf("%d entries do not open: %v", n, c.check())
		}
		for l := range bytes.Lines(content) {
			sum, err := parseLine(bytes.TrimSuffix(l, []byte("\n")))
			assert.NoError(t, err)
			found, err := c.contains(sum)
			if !found || err != nil {
				t.Errorf("%x is missing: %v", sum, err)
			}
		}
	})
}
