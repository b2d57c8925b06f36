package keyring

import (
	"bytes"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
)

// Encrypted is an encrypted T, for a field of a struct that package db fills
// and a column of type BLOB or BYTEA. It carries the ciphertext only, so that
// reading rows needs no key and logging them shows nothing; [Encrypted.Open]
// decrypts where the value is needed. The zero Encrypted is NULL.
type Encrypted[T any] struct{ sealed []byte }

// Seal encrypts the value for the row, whose id it is bound to: opened as that
// of another row it is invalid. A string or []byte is encrypted as it is,
// anything else as JSON. The row's id must be known before the row is written.
func Seal[T any](a *AEAD, value T, row string) (Encrypted[T], error) {
	if row == "" {
		return Encrypted[T]{}, errNoRow
	}
	plaintext, err := encode(value)
	if err != nil {
		return Encrypted[T]{}, err
	}
	sealed, err := a.Seal(plaintext, []byte(row))
	return Encrypted[T]{sealed}, err
}

var errNoRow = errors.New("keyring: an encrypted value without the id of its row; anyone who can write the table could move it")

// Open decrypts the value of the row. NULL is the zero T. Errors are those of
// [AEAD.Open], or of a T that is not what was encrypted.
func (e Encrypted[T]) Open(a *AEAD, row string) (T, error) {
	var value T
	if e.sealed == nil {
		return value, nil
	}
	if row == "" {
		return value, errNoRow
	}
	plaintext, err := a.Open(e.sealed, []byte(row))
	if err != nil {
		return value, err
	}
	err = decode(plaintext, &value)
	return value, err
}

func encode(value any) ([]byte, error) {
	switch v := value.(type) {
	case string:
		return []byte(v), nil
	case []byte:
		return v, nil
	}
	b, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("keyring: encode: %w", err)
	}
	return b, nil
}

func decode(plaintext []byte, dest any) error {
	switch d := dest.(type) {
	case *string:
		*d = string(plaintext)
		return nil
	case *[]byte:
		*d = plaintext
		return nil
	}
	if err := json.Unmarshal(plaintext, dest); err != nil {
		// The cause could quote the plaintext.
		return fmt.Errorf("keyring: what was encrypted is not a %T", dest)
	}
	return nil
}

// IsZero reports whether there is no value, which is NULL.
func (e Encrypted[T]) IsZero() bool { return e.sealed == nil }

// KeyID returns the ID of the key it was encrypted with, or "" for NULL.
func (e Encrypted[T]) KeyID() string {
	id, _ := KeyOf(e.sealed)
	return id
}

// Scan implements [database/sql.Scanner].
func (e *Encrypted[T]) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		e.sealed = nil
		return nil
	case []byte:
		if id, ok := KeyOf(v); !ok || id == "" || v[0] != aeadMark {
			return errors.New("keyring: the column has a value that is not encrypted")
		}
		e.sealed = bytes.Clone(v)
		return nil
	default:
		return fmt.Errorf("keyring: %T is not an encrypted value; the column must be BLOB or BYTEA", src)
	}
}

// Value implements [driver.Valuer].
func (e Encrypted[T]) Value() (driver.Value, error) {
	if e.sealed == nil {
		return nil, nil
	}
	return e.sealed, nil
}

const (
	encryptedMask = "[encrypted]"
	nullMask      = "[null]"
)

// String returns "[encrypted]", or "[null]".
func (e Encrypted[T]) String() string {
	if e.sealed == nil {
		return nullMask
	}
	return encryptedMask
}

// GoString is [Encrypted.String], for %#v.
func (e Encrypted[T]) GoString() string { return e.String() }

// LogValue is [Encrypted.String], for slog.
func (e Encrypted[T]) LogValue() slog.Value { return slog.StringValue(e.String()) }

// MarshalText is [Encrypted.String]: what goes into JSON is the opened value or
// nothing.
func (e Encrypted[T]) MarshalText() ([]byte, error) { return []byte(e.String()), nil }
