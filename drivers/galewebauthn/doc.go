// Package galewebauthn checks what authenticators sign, for package
// auth/passkey, by github.com/go-webauthn/webauthn.
//
//	passkeys := passkey.New(passkey.Options{Verifier: galewebauthn.New(), …})
//
// Concurrency: a [Verifier] has no state and may be shared.
//
// Security: responses are checked against the challenge, the origins and the RP
// id that package passkey gives, all of them of the configuration; pages in
// frames of other sites are refused, user presence is always required, and user
// verification where passkey says so. New keys must be of one of the algorithms
// asked for, which the library compares. Of attestations only "none" and the
// self attestation of "packed" are taken: the browser replaces all others when
// none is asked for, so that no code reads certificates or TPM structures of a
// stranger.
//
// Limits: extensions are not used, and outputs of extensions are ignored. Only
// native apps whose origin is an https address are known.
package galewebauthn
