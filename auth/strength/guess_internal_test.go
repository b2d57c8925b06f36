package strength

import (
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/assert"
)

// What bounds the cost of a check, whatever a client sends: how much is
// matched, how often, and against how many words.
func TestTheWorkIsBounded(t *testing.T) {
	t.Parallel()
	const leet = "@4(8{[<69!|17105$+7%2"
	for _, s := range []string{strings.Repeat(leet, 50), strings.Repeat("\ufdfa", 1000), strings.Repeat("ж", 1000), strings.Repeat("e\u0301", 1000)} {
		assert.Equal(t, len(fold(s)), maxGuessed)
		assert.True(t, len(unleet(fold(s))) <= 4, "too many spellings of "+fold(s))
	}
	assert.Equal(t, len(words([]string{strings.Repeat("ann ", 5000), strings.Repeat("x", 1<<20)})), 19)
	assert.Equal(t, len(words(strings.Fields(strings.Repeat("anna ", 5000)))), maxWords)
}

func TestWords(t *testing.T) {
	t.Parallel()
	assert.Equal(t, words([]string{"Zoë", "Al", "ann.smith@example.com"}),
		[]string{"zoe", "ann", "smith", "example", "com", "ann.smith@example.com", "annsmithexamplecom"})
}

func TestUnleet(t *testing.T) {
	t.Parallel()
	assert.Equal(t, unleet("p4$$w0rd19"), []string{"passwordig", "password19", "passwordlg"})
	assert.Equal(t, unleet("plain"), []string(nil))
	assert.Equal(t, unrepeat("abcabcab"), "abc")
	assert.Equal(t, unrepeat("abcab"), "abcab")
}
