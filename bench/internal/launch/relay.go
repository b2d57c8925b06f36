package launch

import (
	"time"

	"github.com/galeweb/gale/keyring"
)

// RelayEnv returns the environment of relay as it is deployed, but for what
// would not be measured: its ops listener and its limits are off, and its
// admin, who makes the load, needs no second factor. No mail is sent, and the
// server for it is not asked.
func RelayEnv(addr, database string) []string {
	return []string{
		"RELAY_ENV=production", "RELAY_ADDR=" + addr, "RELAY_OPS_ADDR=off", "RELAY_DATABASE_URL=sqlite:" + database,
		"RELAY_PUBLIC_URL=http://" + addr, "RELAY_SMTP_URL=smtp://127.0.0.1:1?tls=off",
		"RELAY_SECRET_KEYS=" + keyring.NewSet(time.Now()).Text().Reveal(),
		"RELAY_LIMIT_ADDR=0", "RELAY_LIMIT_KEY=0", "RELAY_REQUIRE_FACTOR=off",
	}
}
