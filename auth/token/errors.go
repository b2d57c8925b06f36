package token

import (
	"errors"
	"fmt"
)

// ErrInvalid is what every refusal of a token wraps, whatever its reason; an
// error that does not wrap it means that nothing is known about the token.
// Clients are told only that a token is invalid, reasons are for logs.
var ErrInvalid = errors.New("token: invalid")

var (
	// ErrMalformed is a token that is not one JWS in compact form, or is too
	// long.
	ErrMalformed = fmt.Errorf("%w: malformed", ErrInvalid)
	// ErrHeader is a header with members that are refused: crit, or a key or
	// the address of one.
	ErrHeader = fmt.Errorf("%w: header", ErrInvalid)
	// ErrAlgorithm is an algorithm that is not allowed.
	ErrAlgorithm = fmt.Errorf("%w: algorithm", ErrInvalid)
	// ErrType is a token of another kind, such as an ID token.
	ErrType = fmt.Errorf("%w: type", ErrInvalid)
	// ErrUnknownKey is a key id that is unknown, or whose key is retired.
	ErrUnknownKey = fmt.Errorf("%w: unknown key", ErrInvalid)
	// ErrSignature is a signature that the key did not make.
	ErrSignature = fmt.Errorf("%w: signature", ErrInvalid)
	// ErrClaims is a set of claims that cannot be read, or lacks one.
	ErrClaims = fmt.Errorf("%w: claims", ErrInvalid)
	// ErrIssuer is a token of another issuer.
	ErrIssuer = fmt.Errorf("%w: issuer", ErrInvalid)
	// ErrAudience is a token that is meant for another service.
	ErrAudience = fmt.Errorf("%w: audience", ErrInvalid)
	// ErrExpired is a genuine token, or a refresh token, that is too old.
	ErrExpired = fmt.Errorf("%w: expired", ErrInvalid)
	// ErrNotYetValid is a token that begins in the future.
	ErrNotYetValid = fmt.Errorf("%w: not yet valid", ErrInvalid)
	// ErrDenied is a genuine token that AuthenticatorOptions.Denied refused.
	ErrDenied = fmt.Errorf("%w: denied", ErrInvalid)
	// ErrReused is a refresh token that was used before. All tokens of its
	// grant have ended.
	ErrReused = fmt.Errorf("%w: refresh token used again", ErrInvalid)
)

// ErrUnavailable is returned when the keys of an issuer cannot be fetched.
var ErrUnavailable = errors.New("token: the issuer's keys are not available")
