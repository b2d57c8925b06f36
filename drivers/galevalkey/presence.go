package galevalkey

import (
	"context"
	"time"
)

// SetMembers implements [hub.PresenceStore].
func (b *Broker) SetMembers(ctx context.Context, name, node string, members []byte, ttl time.Duration) error {
	limited, cancel := b.limit(ctx)
	defer cancel()
	err := b.scripts.setMembers.run(limited, b.client, b.presenceKey(name), node, milliseconds(ttl), string(members)).Error()
	return explain(ctx, err)
}

// Members implements [hub.PresenceStore].
func (b *Broker) Members(ctx context.Context, name string) (map[string][]byte, error) {
	limited, cancel := b.limit(ctx)
	defer cancel()
	pairs, err := b.scripts.members.run(limited, b.client, b.presenceKey(name)).AsStrMap()
	if err != nil {
		return nil, explain(ctx, err)
	}
	members := make(map[string][]byte, len(pairs))
	for node, said := range pairs {
		members[node] = []byte(said)
	}
	return members, nil
}

func (b *Broker) presenceKey(name string) []string {
	return []string{"{" + b.prefix + ":" + name + "}:members"}
}
