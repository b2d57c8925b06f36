package audit

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/galeweb/gale/internal/assert"
)

func TestCleanText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		most     int
		in, want string
	}{
		{16, "", ""},
		{64, "Ann Söhne ж 𠜎", "Ann Söhne ж 𠜎"},
		{64, "a\nb\r\tc", "a\ufffdb\ufffd\ufffdc"},
		{64, "\x00\x1b[31m\x7f\u009b", "\ufffd\ufffd[31m\ufffd\ufffd"},
		{64, "\u202eevil\u2066\u200b", "\ufffdevil\ufffd\ufffd"},
		{64, "\u2028\u2029", "\ufffd\ufffd"},
		{64, "\xff\xc3", "\ufffd\ufffd"},
		{16, "0123456789abcdef", "0123456789abcdef"},
		{16, "0123456789abcdefg", "0123456789abc…"},
		{16, "0123456789abcdé", "0123456789abcdé"},
		{16, "0123456789abcdée", "0123456789abc…"},
		{16, "ééééééééé", "éééééé…"},
	} {
		assert.Equal(t, clean(c.in, c.most), c.want)
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "a\nb", "\xff", "é…é", "\u202e", strings.Repeat("𠜎", 9)} {
		f.Add(s, 16)
	}
	f.Fuzz(func(t *testing.T, s string, most int) {
		most = 3 + max(0, most)%64
		got := clean(s, most)
		if !utf8.ValidString(got) || len(got) > most || strings.ContainsAny(got, "\x00\n\r\x1b\u2028\u202e") {
			t.Errorf("clean(%q, %d) = %q", s, most, got)
		}
		if again := clean(got, most); again != got {
			t.Errorf("cleaned again: %q, %q", got, again)
		}
	})
}

func TestActionsAndOutcomes(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"signin", "signin.totp", "a_1.b.c", strings.Repeat("a", 64)} {
		_, err := newRow(Record{Action: action, Outcome: OK})
		assert.NoError(t, err)
	}
	for _, action := range []string{"", "Signin", "sign in", ".a", "a.", "a..b", "a\n", "é", "a-b", strings.Repeat("a", 65)} {
		_, err := newRow(Record{Action: action, Outcome: OK})
		assert.ErrorIs(t, err, ErrRecord)
	}
	for _, o := range []Outcome{"", "OK", "x"} {
		_, err := newRow(Record{Action: "a", Outcome: o})
		assert.ErrorIs(t, err, ErrRecord)
	}
}

func TestFieldsAreBounded(t *testing.T) {
	t.Parallel()
	flood := strings.Repeat("é\n", 10_000)
	detail := map[string]string{}
	for i := range 100 {
		detail[fmt.Sprintf("%03d%s", i, flood)] = flood
	}
	r, err := newRow(Record{
		Actor: Actor{ID: flood, Name: flood}, Action: "a", Target: flood, Outcome: OK,
		Addr: netip.MustParseAddr("fe80::1%eth0\nx"), UserAgent: flood, RequestID: flood, Detail: detail,
	})
	assert.NoError(t, err)
	for _, s := range []struct {
		text string
		most int
	}{{r.ActorID, 128}, {r.ActorName, 256}, {r.Target, 256}, {r.UserAgent, 512}, {r.RequestID, 64}} {
		assert.True(t, len(s.text) <= s.most && strings.HasSuffix(s.text, "…"), s.text)
	}
	assert.Equal(t, r.Addr, "fe80::1")
	e := r.entry()
	assert.Equal(t, len(e.Detail), 16)
	assert.Equal(t, e.Detail["left_out"], "85")
	for name, value := range e.Detail {
		assert.True(t, len(name) <= 64 && len(value) <= 1024, name)
	}
	assert.True(t, !strings.Contains(fmt.Sprint(r), "\n"), "a line end is stored")
}

// TestEntriesGoBothWays has an export verify though it is made of entries, and
// the hash is of rows.
func TestEntriesGoBothWays(t *testing.T) {
	t.Parallel()
	for _, rec := range []Record{
		{Action: "a", Outcome: OK},
		{
			Actor: Actor{ID: "7", Name: "é"}, Action: "b", Target: "t", Outcome: Error, Addr: netip.MustParseAddr("::ffff:192.0.2.1"),
			UserAgent: "u", RequestID: "r", Detail: map[string]string{"z": "<&>\u2028", "a": "\"\\", "": ""},
		},
	} {
		r, err := newRow(rec)
		assert.NoError(t, err)
		r.Seq, r.At, r.Hash = 7, 1_764_331_200_123_456, "h"
		back, err := r.entry().row()
		assert.NoError(t, err)
		assert.Equal(t, back, r)
	}
}

// TestATamperedRowIsStillListed has what does not parse left out, and no error:
// a list that fails would hide the rest.
func TestATamperedRowIsStillListed(t *testing.T) {
	t.Parallel()
	e := row{Seq: 3, Action: "a", Addr: "nowhere", Detail: "{"}.entry()
	assert.Equal(t, e.Seq, 3)
	assert.True(t, !e.Addr.IsValid() && e.Detail == nil, fmt.Sprint(e))
}
