package auth_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/web"
)

func TestCheckPassword(t *testing.T) {
	t.Parallel()
	personal := []string{"Björn", "bjorn.borg@example.com", "Bo", ""}
	for password, want := range map[string]string{
		"hunter2x":                            "",
		"x bo x bo":                           "", // too short a name to matter
		"åäöåäöåä":                            "",
		"correct horse battery staple":        "",
		strings.Repeat("x", 128):              "",
		strings.Repeat("ж", 128):              "",
		"":                                    "too_short",
		"hunter2":                             "too_short",
		"e\u0301e\u0301e\u0301e\u0301e\u0301": "too_short", // five characters
		strings.Repeat("x", 129):              "too_long",
		strings.Repeat("ж", 129):              "too_long",
		strings.Repeat("x", 1<<20):            "too_long",
		strings.Repeat("\ufdfa", 100):         "too_long", // one code point that normalises to 18
		"nul\x00inside":                       "invalid",
		"broken\xff\xfe":                      "invalid",
		"iamBJÖRN!!":                          "personal",
		"iambjo\u0308rn!!":                    "personal",
		"bjorn.borg1":                         "personal",
		"x-bjorn.borg@example.com-x":          "personal",
	} {
		err := auth.CheckPassword(password, personal...)
		e, _ := errors.AsType[*auth.PasswordError](err)
		switch {
		case want == "":
			assert.NoError(t, err)
		case e == nil || e.Code != want || e.Message == "":
			t.Errorf("CheckPassword(%.40q) = %v, want %s", password, err, want)
		}
	}
}

func TestAPasswordErrorIsAnAnswer(t *testing.T) {
	t.Parallel()
	e, ok := errors.AsType[*web.Error](auth.CheckPassword("secret"))
	assert.True(t, ok, "no web.Error")
	assert.Equal(t, e.Status, http.StatusUnprocessableEntity)
	assert.Equal(t, e.Problems[0].Code, "too_short")
	assert.True(t, !strings.Contains(e.Error(), "secret"), "the answer shows the password")
}
