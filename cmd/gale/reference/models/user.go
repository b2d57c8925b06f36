package models

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Role says what a user may do; see services.Permissions. Admins can make others.
type Role string

// The roles that there always are, from most to least. The first user to sign up
// is an admin, all later ones start as viewers.
const (
	Admin    Role = "admin"
	Operator Role = "operator"
	Viewer   Role = "viewer"
)

// User is a person with an account.
type User struct {
	ID           string
	Name         string // the handle shown to others, unique
	Email        string // lower case, unique; shown to admins only; "" when what is stored cannot be decrypted
	PasswordHash string // "" for who signs in with a provider and has set none
	Role         Role
	Disabled     bool
	CreatedAt    time.Time

	// PasswordChangedAt is nil for the first password.
	PasswordChangedAt *time.Time
	// Epoch grows with every change of the second factors, and when the user has
	// all browsers forgotten.
	Epoch int64
	// Unproved is true where no mail has proved the address: that of the very
	// first account, until its owner follows a link.
	Unproved bool

	// RoleFactor is whether admins ask a second factor of the user's role, and
	// HasFactor whether the user has one.
	RoleFactor, HasFactor bool
}

// Stamp changes whenever sessions, a sign-in that is half done, or a browser that
// is trusted must not count any more.
func (u User) Stamp() string {
	changed := int64(0)
	if u.PasswordChangedAt != nil {
		changed = u.PasswordChangedAt.UnixMicro()
	}
	var b [48]byte // each request asks: one allocation
	return string(strconv.AppendInt(append(strconv.AppendInt(b[:0], changed, 10), '.'), u.Epoch, 10))
}

// Access is what admins set of a user, the role and whether the account is disabled,
// as one value that a form brings back.
func (u User) Access() string {
	if u.Disabled {
		return string(u.Role) + " disabled"
	}
	return string(u.Role)
}

// Label is what an authenticator app calls the account: the mail address, or the
// handle where apps cannot show that. They take 128 characters, and what follows a
// colon for the name.
func (u User) Label() string {
	if u.Email == "" || len(u.Email) > 128 || strings.ContainsFunc(u.Email, func(r rune) bool { return r == ':' || notInAddress(r) }) {
		return u.Name
	}
	return u.Email
}

var userName = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$`)

// CheckRoleName returns what is wrong with the name of a role, or "".
func CheckRoleName(name string) string { return CheckUserName(name) }

// CheckUserName returns what is wrong with a handle, or "".
func CheckUserName(name string) string {
	if !userName.MatchString(name) {
		return "must be 1 to 32 of a-z, 0-9 and -, and neither begin nor end with -"
	}
	return ""
}

// SuggestUserName returns what is left of text as a handle, or "".
func SuggestUserName(text string) string {
	text = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(text))
	return strings.Trim(text[:min(len(text), 32)], "-")
}

// NormalizeEmail trims the address and lowers its case, the form in which it
// is stored and looked up.
func NormalizeEmail(address string) string { return strings.ToLower(strings.TrimSpace(address)) }

// CheckEmail returns what is wrong with an address, or "". Only a mail that
// arrives proves an address; this finds slips.
func CheckEmail(address string) string {
	local, domain, ok := strings.Cut(address, "@")
	switch {
	case len(address) > 254 || len(local) > 64:
		return "is too long"
	case !ok || local == "" || strings.Contains(domain, "@"),
		!strings.Contains(strings.Trim(domain, "."), "."),
		strings.ContainsAny(address, "<>,;\""), strings.ContainsFunc(address, notInAddress):
		return "must look like name@example.com"
	}
	return ""
}

// notInAddress is true for white space, what was not UTF-8, and what cannot be
// seen: with it an address could pass as another, or turn the text around it.
func notInAddress(r rune) bool {
	return r == utf8.RuneError || unicode.IsSpace(r) || !unicode.IsPrint(r)
}
