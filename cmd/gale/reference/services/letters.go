package services

import (
	"fmt"
	"slices"
	"strings"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/drivers/galeoidc"
)

// letter is a mail to one address. It holds nothing that a stranger has typed
// but names and addresses that were checked.
type letter struct {
	to, subject, text string
	// asked is the form by which somebody who need not be the owner of the address
	// has asked for it, and "" where nobody can.
	asked string
}

// The forms by which strangers have something mailed.
const (
	bySignUp = "sign-up"
	byReset  = "reset"
	byEmail  = "email" // for a change of address
	byProof  = "proof"
)

func welcome(l models.Link, link string) letter {
	return letter{l.Email, "Confirm your mail address", fmt.Sprintf(`Somebody, most likely you, wants an account at relay under the name %s.

Choose a password to make it; the link works once, for a day:

%s

If it was not you, do nothing: there is no account until then.
`, l.Name, link), bySignUp}
}

func invited(by models.User, l models.Link, link string) letter {
	return letter{l.Email, "You are invited", fmt.Sprintf(`%s invites you to relay, at this mail address.

Choose a name and a password to make the account; the link works once, for seven days:

%s

If you do not want it, do nothing: there is no account until then.
`, by.Name, link), ""}
}

func confirmEmail(u models.User, link string) letter {
	return letter{u.Email, "Confirm the address of your account", fmt.Sprintf(`The account %s at relay has this mail address. If it is yours, confirm it within a day; the link works once:

%s

If it is not you, do nothing.
`, u.Name, link), byProof}
}

func hasAccount(u models.User, link string) letter {
	return letter{u.Email, "You already have an account", fmt.Sprintf(`Somebody, most likely you, wants an account at relay with this mail address.
There is one already: you are %s. Sign in as always.

If you have forgotten the password, or have none, set a new one here, within an hour:

%s

If it was not you, do nothing: nothing has changed.
`, u.Name, link), bySignUp}
}

func forgotten(u models.User, link string) letter {
	if u.PasswordHash == "" {
		return letter{u.Email, "Set a new password", fmt.Sprintf(`Somebody, most likely you, wants a password for the account %s at relay.
It has none: you sign in with a passkey, or an account elsewhere, and need not set one.

If you cannot sign in any more, set one here, within an hour; the link works once:

%s

Where the account has a second factor, relay asks for it after that, or for a recovery code.
If it was not you, do nothing: the account stays without a password.
`, u.Name, link), byReset}
	}
	return letter{u.Email, "Set a new password", fmt.Sprintf(`Somebody, most likely you, wants a new password for the account %s at relay.

Set it here, within an hour; the link works once:

%s

If it was not you, do nothing: the password stays as it is.
`, u.Name, link), byReset}
}

func passwordChanged(u models.User) letter {
	return letter{u.Email, "Your password was changed", fmt.Sprintf(`The password of your account %s at relay was changed, and you were signed out everywhere else.

If it was not you, set a new one at once: open the sign-in page and follow "Forgot your password?".
`, u.Name), ""}
}

func proveEmail(u models.User, email, link string) letter {
	return letter{email, "Confirm your new mail address", fmt.Sprintf(`%s wants to use this mail address for an account at relay.

If that is you, confirm it within a day; the link works once:

%s

A second mail went to the address of before; the change is made when both are answered.
If it is not you, do nothing.
`, u.Name, link), byEmail}
}

func emailTaken(email string) letter {
	return letter{email, "This mail address has an account", `Somebody wants to use this mail address for another account at relay.
That cannot be, since it has one already. Nothing has changed.
`, byEmail}
}

func allowEmail(u models.User, email, link string) letter {
	return letter{u.Email, "Your mail address is to be changed", fmt.Sprintf(`Somebody who is signed in as you, most likely you, wants your account %s at relay to have another mail address: %s

Allow or stop it here, within a day:

%s

If it was not you, stop it and set a new password at once.
`, u.Name, email, link), ""}
}

func emailChanged(before models.User, email string) letter {
	return letter{before.Email, "Your mail address was changed", fmt.Sprintf(`Your account %s at relay has another mail address now: %s
It was allowed from this address. Mails go to the new one from now on.
`, before.Name, email), ""}
}

func accountDeleted(u models.User) letter {
	return letter{u.Email, "Your account was deleted", fmt.Sprintf(`Your account %s at relay was deleted: its address, password, keys and sessions are gone.
Packets that were sent stay in their channels, and nobody else gets the name.
`, u.Name), ""}
}

func factorsChanged(u models.User, what string) letter {
	return letter{u.Email, "The second factors of your account changed", fmt.Sprintf(`%s, for your account %s at relay.
If that was not you, set a new password and look at the security page of your profile.
`, what, u.Name), ""}
}

func waysChanged(u models.User, what string) letter {
	return letter{u.Email, "The ways to sign in to your account changed", fmt.Sprintf(`%s, for your account %s at relay.
If that was not you, set a new password and look at the security page of your profile.
`, what, u.Name), ""}
}

func recoveryUsed(u models.User, left int) letter {
	return letter{u.Email, "A recovery code was used", fmt.Sprintf(`A recovery code was used for your account %s at relay; %d are left.
If that was not you, set a new password, and make new codes on the security page of your profile.
`, u.Name, left), ""}
}

func keyMade(u models.User, k models.APIKey) letter {
	return letter{u.Email, "An API key was made for your account", fmt.Sprintf(`An API key "%s" was made for your account %s at relay.
It may: %s

If that was not you, revoke it on your profile and set a new password.
`, k.Name, u.Name, strings.Join(k.ScopeList(), ", ")), ""}
}

func keyRotated(u models.User, id string) letter {
	return letter{u.Email, "An API key of your account has a new secret", fmt.Sprintf(`The API key %s_%s_… of your account %s at relay was given a new secret.
If that was not you, revoke it on your profile and set a new password.
`, KeyPrefix, id, u.Name), ""}
}

func appRegistered(u models.User, c galeoidc.Client) letter {
	as := ""
	if alone(c) {
		as = "\nIt acts for itself with your rights."
	}
	return letter{u.Email, "You have registered an app", fmt.Sprintf(`The app "%s", with the id %s, was registered by your account %s at relay.%s
It may: %s

If that was not you, disable it on the page of apps and set a new password.
`, c.Name, c.ID, u.Name, as, strings.Join(c.Scopes, ", ")), ""}
}

// gains is what an app may since it was changed that it might not before.
func gains(was, now galeoidc.Client) (news []string) {
	added := func(was, now []string) []string {
		return slices.DeleteFunc(slices.Clone(now), func(s string) bool { return slices.Contains(was, s) })
	}
	grants := added(was.GrantTypes, now.GrantTypes)
	if slices.Contains(grants, galeoidc.AuthorizationCode) {
		news = append(news, "It acts for users who allow it.")
	}
	if slices.Contains(grants, galeoidc.RefreshToken) {
		news = append(news, "It goes on while they are away.")
	}
	if alone(now) && !alone(was) {
		news = append(news, "It acts for itself with your rights.")
	}
	if scopes := added(was.Scopes, now.Scopes); len(scopes) > 0 {
		news = append(news, "It may now: "+strings.Join(scopes, ", "))
	}
	if redirects := added(was.RedirectURIs, now.RedirectURIs); len(redirects) > 0 {
		news = append(news, "Users are sent back to: "+strings.Join(redirects, ", "))
	}
	return news
}

func appWidened(u models.User, c galeoidc.Client, news []string) letter {
	return letter{u.Email, "An app may do more", fmt.Sprintf(`The app "%s", with the id %s, was changed by your account %s at relay.
%s

If that was not you, disable it on the page of apps and set a new password.
`, c.Name, c.ID, u.Name, strings.Join(news, "\n")), ""}
}

func appRotated(u models.User, c galeoidc.Client) letter {
	return letter{u.Email, "An app has a new secret", fmt.Sprintf(`The app "%s", with the id %s, was given a new secret by your account %s at relay.
If that was not you, disable it on the page of apps and set a new password.
`, c.Name, c.ID, u.Name), ""}
}

func userChanged(u models.User, what string) letter {
	return letter{u.Email, "An admin has changed your account", fmt.Sprintf(`Your account %s at relay %s.
If you did not expect that, ask an admin.
`, u.Name, what), ""}
}

func appAllowed(u models.User, r galeoidc.Request) letter {
	return letter{u.Email, "An app has access to your account", fmt.Sprintf(`You have allowed the app "%s", at %s, to act for your account %s at relay.
It may: %s

If that was not you, take the access back on the security page of your profile and set a new password.
`, r.ClientName, r.RedirectHost, u.Name, strings.Join(r.Scopes, ", ")), ""}
}
