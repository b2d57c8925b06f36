package galesqlite

import (
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/assert"
)

func TestAnonymous(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"SELECT 1":                     "SELECT 1",
		"VALUES ($1, $2), ($3,$4)":     "VALUES (?, ?), (?,?)",
		"SELECT $1::x":                 "SELECT $1::x",
		"a = $2 AND b = $1":            "a = $2 AND b = $1",
		"a = $1 OR b = $1":             "a = $1 OR b = $1",
		"a = $1 AND b = $3":            "a = $1 AND b = $3",
		"a = $1 AND b = ?":             "a = $1 AND b = ?",
		"a = $01":                      "a = $01",
		"a = $1x":                      "a = $1x",
		"a = '$1 it''s $2' AND b = $1": "a = '$1 it''s $2' AND b = ?",
		`"col$1" = $1 AND [$2] = $2 AND ` + "`$3`": `"col$1" = ? AND [$2] = ? AND ` + "`$3`",
		"a$1 = $1":                        "a$1 = ?",
		"$1 -- not $2\n, $2 /* nor $3 */": "? -- not $2\n, ? /* nor $3 */",
		"$1 'open":                        "? 'open",
		"":                                "",
	} {
		assert.Equal(t, anonymous(sql), want)
	}
}

func FuzzAnonymous(f *testing.F) {
	for _, s := range []string{"VALUES ($1, $2)", "'$1' $1", "-- $1\n$1", "/* $1", "[$1", "$", "a$1 $1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		got := anonymous(sql)
		// Only placeholders change, and all of the text around them stays.
		i := 0
		for _, part := range strings.SplitAfter(got, "?") {
			text, isPlaceholder := strings.CutSuffix(part, "?")
			if !strings.HasPrefix(sql[i:], text) {
				t.Fatalf("%q became %q", sql, got)
			}
			i += len(text)
			if !isPlaceholder {
				continue
			}
			if sql[i] == '?' {
				i++
				continue
			}
			if sql[i] != '$' {
				t.Fatalf("%q became %q", sql, got)
			}
			for i++; i < len(sql) && sql[i] >= '0' && sql[i] <= '9'; i++ {
			}
		}
		if i != len(sql) {
			t.Fatalf("%q became %q", sql, got)
		}
	})
}
