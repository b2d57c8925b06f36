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
