package launch

import (
	"context"
	"encoding/base64"
	"strings"

	"github.com/galeweb/gale/config"
	"github.com/galeweb/gale/keyring"
)

// SetupToken returns the token that relay asks for the very first account: what
// its log has, made of the keys in an environment of [RelayEnv].
func SetupToken(ctx context.Context, env []string) (string, error) {
	var keys string
	for _, setting := range env {
		if value, ok := strings.CutPrefix(setting, "RELAY_SECRET_KEYS="); ok {
			keys = value
		}
	}
	ring, err := keyring.Open(ctx, keyring.Options{Source: keyring.Text(config.NewSecret(keys))})
	if err != nil {
		return "", err
	}
	sum, err := ring.BlindIndex("users.first", keyring.IndexOptions{Bytes: 20}).Sum("the very first account")
	return base64.RawURLEncoding.EncodeToString(sum), err
}
