package galewebauthn

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"github.com/galeweb/gale/auth/passkey"
)

// Verifier is a [passkey.Verifier]. It is safe for concurrent use.
type Verifier struct{}

// New returns a Verifier.
func New() *Verifier { return &Verifier{} }

// VerifyRegistration implements [passkey.Verifier].
func (*Verifier) VerifyRegistration(_ context.Context, want passkey.Expected, got passkey.Attestation) (passkey.Verified, error) {
	raw := protocol.CredentialCreationResponse{
		PublicKeyCredential: credential(got.CredentialID),
		AttestationResponse: protocol.AuthenticatorAttestationResponse{
			AuthenticatorResponse: protocol.AuthenticatorResponse{ClientDataJSON: got.ClientDataJSON},
			AttestationObject:     got.AttestationObject,
		},
	}
	parsed, err := raw.Parse()
	if err != nil {
		return passkey.Verified{}, explain(err)
	}
	object := &parsed.Response.AttestationObject
	switch _, certificates := object.AttStatement["x5c"]; {
	case object.Format != "none" && object.Format != "packed", certificates:
		return passkey.Verified{}, fmt.Errorf("galewebauthn: attestation %.20q, which was not asked for", object.Format)
	}
	_, err = parsed.Verify(
		text(want.Challenge), want.RPID, want.Origins, nil, nil, protocol.TopOriginExplicitVerificationMode,
		false, want.UserVerification, true, nil, parameters(want.Algorithms),
		protocol.AttestationPolicy{}, protocol.SignaturePolicy{},
	)
	if err != nil {
		return passkey.Verified{}, explain(err)
	}
	key := object.AuthData.AttData.CredentialPublicKey
	// A key that no assertion can be checked with would lock its user out.
	if _, err := webauthncose.ParsePublicKey(key); err != nil {
		return passkey.Verified{}, explain(err)
	}
	v := verified(&object.AuthData)
	v.PublicKey = key
	return v, nil
}

// VerifyAssertion implements [passkey.Verifier].
func (*Verifier) VerifyAssertion(_ context.Context, want passkey.Expected, publicKey []byte, got passkey.Assertion) (passkey.Verified, error) {
	raw := protocol.CredentialAssertionResponse{
		PublicKeyCredential: credential(got.CredentialID),
		AssertionResponse: protocol.AuthenticatorAssertionResponse{
			AuthenticatorResponse: protocol.AuthenticatorResponse{ClientDataJSON: got.ClientDataJSON},
			AuthenticatorData:     got.AuthenticatorData,
			Signature:             got.Signature,
		},
	}
	parsed, err := raw.Parse()
	if err != nil {
		return passkey.Verified{}, explain(err)
	}
	err = parsed.Verify(
		text(want.Challenge), want.RPID, "", want.Origins, nil, nil, protocol.TopOriginExplicitVerificationMode,
		false, want.UserVerification, true, publicKey, protocol.SignaturePolicy{},
	)
	if err != nil {
		return passkey.Verified{}, explain(err)
	}
	return verified(&parsed.Response.AuthenticatorData), nil
}

func credential(id []byte) protocol.PublicKeyCredential {
	return protocol.PublicKeyCredential{
		Credential: protocol.Credential{ID: text(id), Type: string(protocol.PublicKeyCredentialType)},
		RawID:      id,
	}
}

func text(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func parameters(algorithms []int) (all []protocol.CredentialParameter) {
	for _, alg := range algorithms {
		all = append(all, protocol.CredentialParameter{
			Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.COSEAlgorithmIdentifier(alg),
		})
	}
	return all
}

func verified(d *protocol.AuthenticatorData) passkey.Verified {
	return passkey.Verified{
		SignCount:      d.Counter,
		UserVerified:   d.Flags.HasUserVerified(),
		BackupEligible: d.Flags.HasBackupEligible(),
		BackedUp:       d.Flags.HasBackupState(),
	}
}

// explain adds what the library keeps apart from its message. It goes to logs
// and holds what the client sent, which slog quotes.
func explain(err error) error {
	if e, ok := errors.AsType[*protocol.Error](err); ok && e.DevInfo != "" {
		return fmt.Errorf("galewebauthn: %w: %.300s", err, e.DevInfo)
	}
	return fmt.Errorf("galewebauthn: %w", err)
}
