package keyring

import "errors"

var (
	// ErrInvalid is returned for what no key of the ring made, or made for
	// another context, row or name.
	ErrInvalid = errors.New("keyring: invalid value")
	// ErrExpired is returned for a signed value that is genuine and too old.
	ErrExpired = errors.New("keyring: value has expired")
	// ErrUnknownKey is returned for a value whose key the ring does not have,
	// or has retired. Only the id was looked at: the value may be forged.
	ErrUnknownKey = errors.New("keyring: unknown key")
	// ErrNoKey is returned when the ring has no active key for the purpose.
	ErrNoKey = errors.New("keyring: no active key for this purpose; gale secret rotate adds one")
)
