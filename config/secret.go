package config

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

const (
	secretMask = "[secret]"
	unsetMask  = "[unset]"
)

// Secret is a string that does not print. Every verb of fmt, slog, and the
// JSON, XML and text encoders show "[secret]", or "[unset]" when it is empty;
// only [Secret.Reveal] gives the value. It is immutable and safe for
// concurrent use; the zero value is the empty secret.
type Secret struct {
	// A pointer, since fmt calls no method of a value in an unexported field,
	// nor under %p, and would print a string there; of a pointer it prints the
	// address only.
	value *string
}

// NewSecret returns a Secret with the value.
func NewSecret(value string) Secret {
	if value == "" {
		return Secret{}
	}
	return Secret{&value}
}

// Reveal returns the value.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero reports whether the secret is empty. Encoders ask it for omitzero.
func (s Secret) IsZero() bool { return s.value == nil }

// Equal compares two secrets in a time that depends on their lengths only.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// String returns "[secret]", or "[unset]" when the secret is empty.
func (s Secret) String() string {
	if s.IsZero() {
		return unsetMask
	}
	return secretMask
}

// GoString is [Secret.String], for %#v.
func (s Secret) GoString() string { return s.String() }

// Format writes [Secret.String] under every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is [Secret.String], for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText returns [Secret.String]: what is written can not be read back.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON returns [Secret.String] in quotes.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }

// UnmarshalText sets the value. It refuses "[secret]" and "[unset]", which
// somebody copied from a printed configuration.
func (s *Secret) UnmarshalText(text []byte) error {
	if v := string(text); v == secretMask || v == unsetMask {
		return errors.New("this is what a secret prints as, not its value")
	}
	*s = NewSecret(string(text))
	return nil
}
