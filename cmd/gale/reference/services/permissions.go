package services

import (
	"slices"

	"github.com/galeweb/gale/cmd/gale/reference/models"
)

// What can be allowed. Watching a public channel needs no permission at all.
const (
	MayWatch   = "packets.read"    // channels that are not public
	MaySend    = "packets.send"    // send packets
	MayOperate = "channels.manage" // create channels
	MayKey     = "keys.manage"     // make and revoke one's own API keys
	MayAdmin   = "users.manage"    // change roles, disable accounts, take second factors away
	MayAudit   = "audit.read"      // see what anybody did that matters for security
)

// Permissions says what each role may do. What is not listed is refused.
func Permissions() map[string][]string {
	return map[string][]string{
		string(models.Viewer):   {MayWatch},
		string(models.Operator): {MayWatch, MaySend, MayOperate, MayKey},
		string(models.Admin):    {MayWatch, MaySend, MayOperate, MayKey, MayAdmin, MayAudit},
	}
}

// KeyScopes are the permissions that a role can hand to an API key: those of its
// own that the API asks for. Pages take no key, so the rest would be of no use to
// an honest program.
func KeyScopes(role models.Role) []string {
	return slices.DeleteFunc([]string{MayWatch, MaySend, MayOperate}, func(p string) bool {
		return !slices.Contains(Permissions()[string(role)], p)
	})
}

// DefaultKeyScopes are those that the form for a new key has chosen.
func DefaultKeyScopes() []string { return []string{MayWatch, MaySend} }
