package oauth

import (
	"fmt"
	"time"
)

// Purpose is what a trip to a provider is for. It is fixed when the trip starts.
type Purpose string

const (
	// SignIn is for people who are not signed in here, or want to be as
	// somebody else.
	SignIn Purpose = "sign-in"
	// Link adds the identity to the account of who is signed in.
	Link Purpose = "link"
	// StepUp has who is signed in prove it again, at the provider, before
	// something dangerous. The provider is told to ask, and its token must say
	// that it did. Google and GitHub cannot.
	StepUp Purpose = "step-up"
)

// Identity is who somebody is at a provider. Issuer and Subject together are
// the identity; everything else is information, which may change.
type Identity struct {
	// Provider is the [Provider].Name.
	Provider string
	// Issuer says who vouches: the provider's issuer, for Microsoft that of the
	// tenant, for GitHub its address.
	Issuer string
	// Subject is who it is at the issuer, at most 255 ASCII characters.
	Subject string
	// Email is "" when the provider did not tell it. It identifies nobody: see
	// the package's part on accounts.
	Email string
	// EmailVerified reports that the provider has proof that the address is
	// theirs, or was.
	EmailVerified bool
	// Name is for people, or "".
	Name string
	// Tenant is the organisation that the account belongs to: Microsoft's
	// tenant id, Google's hosted domain, or "".
	Tenant string
}

// Result is what came back from a provider, with everything checked.
type Result struct {
	Identity Identity
	Purpose  Purpose
	// User is the id of who started a [Link] or [StepUp], and is still signed
	// in; "" for a [SignIn].
	User string
	// Next is where to go: a path on this site.
	Next string
}

// check panics for a purpose that who cannot serve.
func (p Purpose) check(who Provider) {
	switch {
	case p != SignIn && p != Link && p != StepUp:
		panic(fmt.Sprintf("oauth: purpose %q; use SignIn, Link or StepUp", string(p)))
	case p == StepUp && (who.kind == kindGitHub || who.kind == kindGoogle):
		panic("oauth: StepUp with " + who.Name + ", which cannot prove a fresh sign-in; ask for another factor")
	}
}

// stepUpSkew is how much the provider's clock may be behind ours.
const stepUpSkew = 30 * time.Second
