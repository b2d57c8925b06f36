package auth

import (
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/galeweb/gale/web"
)

// The bounds of a password in characters, after normalisation: OWASP ASVS 5.0,
// 6.2.1 and 6.2.9. (NIST SP 800-63B-4 asks 15 where the password is the only
// factor.)
const (
	MinPassword = 8
	MaxPassword = 128
)

// maxPasswordBytes bounds what is normalised and hashed at all.
const maxPasswordBytes = 1024

// PasswordError says why a password cannot be chosen. It wraps a [*web.Error]
// with status 422, so that a handler may return it as it is.
type PasswordError struct {
	// Code is "too_short", "too_long", "invalid", "personal" for one that
	// contains the user's name or address, or, from package strength, "breached"
	// or "weak".
	Code string
	// Message is a sentence for the user.
	Message string
}

// Error returns the code.
func (e *PasswordError) Error() string { return "auth: password refused: " + e.Code }

// Unwrap returns the answer for the client.
func (e *PasswordError) Unwrap() error {
	return &web.Error{
		Status:   http.StatusUnprocessableEntity,
		Code:     "invalid_password",
		Message:  e.Message,
		Problems: []web.Problem{{Code: e.Code, Detail: e.Message}},
	}
}

// CheckPassword returns a [*PasswordError] when a user should not choose
// password: when it has fewer than [MinPassword] or more than [MaxPassword]
// characters, control characters or broken text, or contains one of personal,
// the user's own name or address, in any case. There are no rules on which
// characters to use, since they make passwords worse (SP 800-63B-4, 3.1.1.2).
func CheckPassword(password string, personal ...string) error {
	normal, ok := normalize(password)
	n := utf8.RuneCount(normal)
	switch {
	case len(password) > maxPasswordBytes || n > MaxPassword:
		return &PasswordError{"too_long", fmt.Sprintf("Choose a password of at most %d characters.", MaxPassword)}
	case !ok:
		return &PasswordError{"invalid", "The password has characters that cannot be used."}
	case n < MinPassword:
		return &PasswordError{"too_short", fmt.Sprintf("Choose a password of at least %d characters.", MinPassword)}
	}
	folded := strings.ToLower(string(normal))
	for _, p := range personal {
		p = strings.ToLower(norm.NFKC.String(p))
		local, _, _ := strings.Cut(p, "@")
		for _, part := range [...]string{p, local} {
			// A name of three letters is found in too many good passwords.
			if utf8.RuneCountInString(part) >= 4 && strings.Contains(folded, part) {
				return &PasswordError{"personal", "Choose a password that does not contain your name or address."}
			}
		}
	}
	return nil
}

// normalize returns the form of a password that is hashed. NFKC, as SP
// 800-63B-4 asks, makes "é" the same whether the keyboard sends one code point
// or two. ok is false for what is no text, and for NUL, at which other
// software would cut the password.
func normalize(password string) (normal []byte, ok bool) {
	if len(password) > maxPasswordBytes || !utf8.ValidString(password) || strings.ContainsRune(password, 0) {
		return nil, false
	}
	return norm.NFKC.Bytes([]byte(password)), true
}
