package config

import (
	"slices"
	"strconv"
	"strings"
)

// secretWords are the words of a variable's name that make its value one not
// to be shown, whatever the type of its field.
var secretWords = []string{
	"AUTH", "COOKIE", "CREDENTIAL", "CREDENTIALS", "DSN", "JWT", "KEY", "KEYS", "OTP", "PASS",
	"PASSPHRASE", "PASSWD", "PASSWORD", "PIN", "PWD", "SALT", "SECRET", "SECRETS", "TOKEN", "TOKENS",
}

// secretParts are so telling that they count inside a word too: APIKEY, DBPASSWORD.
var secretParts = []string{"APIKEY", "PASSWORD", "PRIVATEKEY", "SECRET", "TOKEN"}

func looksSecret(name string) bool {
	name = strings.ToUpper(name)
	for word := range strings.SplitSeq(name, "_") {
		if slices.Contains(secretWords, word) {
			return true
		}
	}
	return slices.ContainsFunc(secretParts, func(part string) bool { return strings.Contains(name, part) })
}

// masked returns value as it may be shown.
func (f field) masked(value string) string {
	switch {
	case value == "":
		return ""
	case f.secret:
		return secretMask
	}
	if scheme, rest, ok := strings.Cut(value, "://"); ok {
		// The last @, so that a password with a raw @ or / is gone as a whole.
		if at := strings.LastIndexByte(rest, '@'); at >= 0 {
			return scheme + "://" + secretMask + rest[at:]
		}
	}
	return value
}

// quoted returns value for a message: masked, short, and without control
// characters that could move the cursor of whoever reads it.
func (f field) quoted(value string) string {
	shown := f.masked(value)
	if shown == secretMask {
		return shown
	}
	const most = 80
	if len(shown) > most {
		shown = shown[:most] + "…"
	}
	return strconv.Quote(shown)
}
