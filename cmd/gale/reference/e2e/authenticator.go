package e2e

import (
	"context"
	"fmt"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// Authenticator is a virtual device with a fingerprint reader, inside a tab,
// that keeps passkeys.
type Authenticator struct {
	tab *Tab
	id  webauthn.AuthenticatorID
}

// AddAuthenticator plugs one in. Somebody who is not its owner is refused by
// it. It is touched when a page asks, unless Touch says otherwise. A tab has one
// built-in authenticator at most; Remove unplugs it.
func (t *Tab) AddAuthenticator(owner bool) (*Authenticator, error) {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	if _, err := chromedp.Call(ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		return nil, fmt.Errorf("enable virtual authenticators: %w", err)
	}
	added, err := chromedp.Call(ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
		Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, IsUserVerified: owner, AutomaticPresenceSimulation: true,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("add a virtual authenticator: %w", err)
	}
	return &Authenticator{t, added.AuthenticatorID}, nil
}

// Touch says whether the authenticator is touched when a page asks: without, a
// request waits, as that of the autofill does.
func (a *Authenticator) Touch(touched bool) error {
	ctx, cancel := context.WithTimeout(a.tab.ctx, patience)
	defer cancel()
	_, err := chromedp.Call(ctx, webauthn.SetAutomaticPresenceSimulation, webauthn.SetAutomaticPresenceSimulationParams{
		AuthenticatorID: a.id, Enabled: touched,
	})
	return err
}

// Owner says whether it is the owner whose finger is on it.
func (a *Authenticator) Owner(owner bool) error {
	ctx, cancel := context.WithTimeout(a.tab.ctx, patience)
	defer cancel()
	_, err := chromedp.Call(ctx, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{
		AuthenticatorID: a.id, IsUserVerified: owner,
	})
	return err
}

// Passkeys returns how many the authenticator keeps.
func (a *Authenticator) Passkeys() (int, error) {
	ctx, cancel := context.WithTimeout(a.tab.ctx, patience)
	defer cancel()
	kept, err := chromedp.Call(ctx, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: a.id})
	if err != nil {
		return 0, err
	}
	return len(kept.Credentials), nil
}

// Remove unplugs it, with the passkeys it keeps.
func (a *Authenticator) Remove() error {
	ctx, cancel := context.WithTimeout(a.tab.ctx, patience)
	defer cancel()
	_, err := chromedp.Call(ctx, webauthn.RemoveVirtualAuthenticator, webauthn.RemoveVirtualAuthenticatorParams{AuthenticatorID: a.id})
	return err
}
