package app

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/galeweb/gale/drivers/galenats"
	"github.com/galeweb/gale/drivers/galevalkey"
	"github.com/galeweb/gale/hub"
)

// OpenBroker opens what carries live packets between the processes of one relay:
// memory: for one alone, nats:… or valkey:… for several. What it has there begins
// with prefix. The caller closes it.
func OpenBroker(ctx context.Context, url, prefix string, logger *slog.Logger) (hub.Broker, func(context.Context) error, error) {
	scheme, _, _ := strings.Cut(url, ":")
	switch scheme {
	case "memory":
		return hub.NewMemoryBroker(), func(context.Context) error { return nil }, nil
	case "nats", "tls":
		b, err := galenats.Open(ctx, url, galenats.Options{Prefix: prefix, Logger: logger})
		if err != nil {
			return nil, nil, fmt.Errorf("HUB_URL: %w", err)
		}
		return b, b.Close, nil
	case "valkey", "valkeys", "redis", "rediss":
		b, err := galevalkey.Open(ctx, url, galevalkey.Options{Prefix: prefix, Logger: logger})
		if err != nil {
			return nil, nil, fmt.Errorf("HUB_URL: %w", err)
		}
		return b, b.Close, nil
	}
	return nil, nil, fmt.Errorf("HUB_URL: no broker is called %q; use memory:, nats:… or valkey:…", scheme)
}
