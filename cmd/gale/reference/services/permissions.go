package services

import "github.com/galeweb/gale/cmd/gale/reference/models"

// What can be allowed. Watching a public channel needs no permission at all.
const (
	MayWatch   = "packets.read"    // channels that are not public
	MaySend    = "packets.send"    // send packets
	MayOperate = "channels.manage" // create channels
	MayKey     = "keys.manage"     // make and revoke one's own API keys
	MayAdmin   = "users.manage"    // change roles, disable accounts, take second factors away
	MayAudit   = "audit.read"      // see what anybody did that matters for security
)

// Permission is something that a role may do, in words for pages.
type Permission struct{ Name, Words string }

// AllPermissions lists what there is, in the order of pages.
func AllPermissions() []Permission {
	return []Permission{
		{MayWatch, "See private channels"},
		{MaySend, "Send packets"},
		{MayOperate, "Make channels"},
		{MayKey, "Have API keys"},
		{MayAdmin, "Manage users and roles"},
		{MayAudit, "Read the audit log"},
	}
}

// Permissions says what each role may do until admins change it. What is not
// listed is refused. Whoever has [MayAdmin] can get all others.
func Permissions() map[string][]string {
	return map[string][]string{
		string(models.Viewer):   {MayWatch},
		string(models.Operator): {MayWatch, MaySend, MayOperate, MayKey},
		string(models.Admin):    {MayWatch, MaySend, MayOperate, MayKey, MayAdmin, MayAudit},
	}
}

// apiScopes are the permissions that the API asks for.
func apiScopes() []string { return []string{MayWatch, MaySend, MayOperate} }

// KeyScopes are the permissions that a user who has some can hand to an API key:
// those that the API asks for. Pages take no key, so the rest would be of no use
// to an honest program.
func KeyScopes(has map[string]bool) (scopes []string) {
	for _, p := range apiScopes() {
		if has[p] {
			scopes = append(scopes, p)
		}
	}
	return scopes
}

// DefaultKeyScopes are those that the form for a new key has chosen.
func DefaultKeyScopes() []string { return []string{MayWatch, MaySend} }
