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

// Permissions says what each role may do. What is not listed is refused.
func Permissions() map[string][]string {
	return map[string][]string{
		string(models.Viewer):   {MayWatch},
		string(models.Operator): {MayWatch, MaySend, MayOperate, MayKey},
		string(models.Admin):    {MayWatch, MaySend, MayOperate, MayKey, MayAdmin, MayAudit},
	}
}
