package passkey

import "context"

// Verifier checks what authenticators sign. drivers/galewebauthn has one. It
// must be safe for concurrent use. What it is given comes from the client; any
// error refuses the response.
type Verifier interface {
	// VerifyRegistration checks the response to navigator.credentials.create by
	// WebAuthn Level 3, §7.1, steps 5 to 26, for attestation "none".
	VerifyRegistration(ctx context.Context, want Expected, got Attestation) (Verified, error)
	// VerifyAssertion checks the response to navigator.credentials.get by §7.2,
	// steps 9 to 21, with the public key of the registration.
	VerifyAssertion(ctx context.Context, want Expected, publicKey []byte, got Assertion) (Verified, error)
}

// Expected is what a response must be made for.
type Expected struct {
	// Challenge is the one of the ceremony, 32 bytes.
	Challenge []byte
	// RPID is the relying party's id, whose hash the authenticator signs.
	RPID string
	// Origins are those that a page may have, of which the top page of a frame
	// must be the same.
	Origins []string
	// UserVerification is true when the user must have been verified. That a
	// user was present is always required.
	UserVerification bool
	// Algorithms are the COSE algorithms that a new key may have.
	Algorithms []int
}

// Attestation is the response to navigator.credentials.create.
type Attestation struct {
	CredentialID, ClientDataJSON, AttestationObject []byte
}

// Assertion is the response to navigator.credentials.get.
type Assertion struct {
	CredentialID, ClientDataJSON, AuthenticatorData, Signature []byte
}

// Verified is what a verified response says.
type Verified struct {
	// PublicKey is the new COSE_Key; nil for an assertion.
	PublicKey []byte
	// SignCount is the signature counter.
	SignCount uint32
	// UserVerified, BackupEligible and BackedUp are the flags UV, BE and BS.
	UserVerified, BackupEligible, BackedUp bool
}
