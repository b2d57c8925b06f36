package models_test

import (
	"strings"
	"testing"

	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
)

// What is suggested can be taken, or is nothing.
func TestSuggestUserName(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Ada Lovelace":                  "ada-lovelace",
		"ada":                           "ada",
		"  Zoë ":                        "zo",
		"王":                             "",
		"":                              "",
		"---":                           "",
		strings.Repeat("a", 31) + " bc": strings.Repeat("a", 31),
	} {
		got := models.SuggestUserName(text)
		assert.Equal(t, got, want)
		if got != "" {
			assert.Equal(t, models.CheckUserName(got), "")
		}
	}
}

// Names that others read hold no characters that are not seen, or turn the text.
func TestTextThatCannotBeSeen(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"Wind", "Der Wind, Böen & mehr", "רוח", "風", "\U0001F32C wind"} {
		assert.Equal(t, models.CheckTitle(good), "")
	}
	for _, good := range []string{"ada@example.com", "zoë@example.com", "a:b@example.com", "דוא@example.com"} {
		assert.Equal(t, models.CheckEmail(good), "")
	}
	for name, char := range map[string]string{
		"right-to-left override": "\u202e", "isolate": "\u2067", "zero width space": "\u200b", "soft hyphen": "\u00ad",
		"C1 control": "\u0085", "C0 control": "\x07", "line separator": "\u2028", "private use": "\ue000", "tag": "\U000e0061",
	} {
		for _, text := range []string{char, "a" + char + "b"} {
			if models.CheckTitle(text) == "" {
				t.Errorf("a title of %q has a %s", text, name)
			}
			if models.CheckEmail(text+"@example.com") == "" || models.CheckEmail("a@"+text+"example.com") == "" {
				t.Errorf("an address with %q has a %s", text, name)
			}
		}
	}
}

// Whatever the address, an authenticator app can show whose code it is.
func TestLabel(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 60) + "@" + strings.Repeat("b", 64) + ".example"
	for email, want := range map[string]string{
		"ada@example.com": "ada@example.com", "zoë@example.com": "zoë@example.com",
		"a:b@example.com": "ada", "a\u202eb@example.com": "ada", "": "ada", long: "ada",
	} {
		assert.Equal(t, models.User{Name: "ada", Email: email}.Label(), want)
	}
}
